import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { diagnose } from "../../../src/fleet/edge/diagnose/diagnose.ts";
import type { Finding, Looking } from "../../../src/fleet/edge/diagnose/finding.ts";
import { keysFolder, joinCloud } from "../../../src/fleet/edge/join/join.ts";
import { openKeys } from "../../../src/fleet/edge/join/keys.ts";
import { openApi, openCloudHub } from "../hub/_cloud.ts";
import { testAuthority } from "./fake-cloud.ts";

const base = mkdtempSync(join(tmpdir(), "sampan-diagnose-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const { signal } = new AbortController();
const day = 86_400_000;

async function look(more: Partial<Looking>): Promise<(check: string) => readonly Finding[]> {
  const root = mkdtempSync(join(base, "root-"));
  const findings = await diagnose({
    node: "edge1",
    clouds: [],
    certificatePort: 10_002,
    root,
    now: Date.now(),
    signal,
    ...more,
  });
  return (check) => findings.filter((each) => each.check === check);
}

test("a node that has joined a cloud that answers has nothing wrong on its way there", async () => {
  await using api = await openApi();
  await using cloud = await openCloudHub(api.client);
  const root = mkdtempSync(join(base, "root-"));
  const clouds = [`127.0.0.1:${cloud.hub.port}`];
  const certificatePort = cloud.hub.joinPort;
  await joinCloud({
    root,
    clouds,
    certificatePort,
    node: "edge1",
    token: await cloud.hub.token(),
    force: false,
    now: Date.now(),
    signal,
  });
  const of = await look({ root, clouds, certificatePort });
  for (const check of ["joined", "certificate", "name", "connection", "certificate port", "clock", "secrets"])
    expect(of(check).map(({ state }) => [check, state])).toEqual([[check, "ok"]]);
  // No session was begun, so none of an edge that runs was ended.
  expect(cloud.hub.edges()).toEqual([]);
});

test("one that has not joined is told how", async () => {
  const of = await look({ node: undefined });
  expect(of("joined")[0]).toMatchObject({ state: "bad", todo: "run sampan join CLOUD --token TOKEN" });
  expect(of("certificate")[0]?.state).toBe("bad");
});

test.each([
  { what: "has ended", from: -400, until: -35, state: "bad", says: "it ended on" },
  { what: "is not good yet", from: 10, until: 300, state: "bad", says: "set the clock" },
  { what: "soon ends", from: -360, until: 5, state: "warn", says: "in 4 days" },
  { what: "is good", from: -10, until: 355, state: "ok", says: "good until" },
])("a certificate that $what: $state", async ({ from, until, state, says }) => {
  const root = mkdtempSync(join(base, "root-"));
  const authority = await testAuthority();
  const validity = { from: Date.now() + from * day, until: Date.now() + until * day };
  openKeys(keysFolder(root)).replace(await authority.node("edge1", validity));
  const [finding] = (await look({ root }))("certificate");
  expect(finding?.state as string).toBe(state);
  expect(`${finding?.says} ${finding?.todo}`).toContain(says);
});

test("a certificate of another authority, a cloud that nobody runs, and a key that others can read are bad", async () => {
  const root = mkdtempSync(join(base, "root-"));
  const [one, other] = [await testAuthority(), await testAuthority()];
  const pair = await one.node("edge1");
  openKeys(keysFolder(root)).replace({ ...pair, authority: other.certificate });
  mkdirSync(join(root, "meta"));
  writeFileSync(join(root, "meta", "edgecore.key"), new Uint8Array(32));
  chmodSync(join(root, "meta", "edgecore.key"), 0o644);
  const of = await look({ root, clouds: ["127.0.0.1:1"], certificatePort: 1 });
  expect(of("certificate")[0]?.says).toContain("another authority");
  expect(of("connection")[0]).toMatchObject({ state: "bad" });
  expect(of("certificate port")[0]).toMatchObject({ state: "bad" });
  expect(of("secrets")[0]?.todo).toContain("chmod 600");
});

test("every bad finding says what to do", async () => {
  const of = await look({ node: undefined, clouds: ["no.such.name.invalid"] });
  for (const check of ["joined", "certificate", "name", "connection", "clock"])
    for (const { state, todo } of of(check)) if (state === "bad") expect(todo).not.toBe("");
});
