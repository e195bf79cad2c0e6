/** What clouds of KubeEdge 1.15 said, said again to our link and store. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { openLink } from "../../../src/fleet/edge/hub/open.ts";
import { openMeta } from "../../../src/fleet/edge/meta/open.ts";
import { needsAcknowledgement } from "../../../src/fleet/link/ack.ts";
import { message, type Envelope } from "../../../src/fleet/link/envelope.ts";
import { captured } from "../link/_messages.ts";
import { fakeCloud, testAuthority } from "./fake-cloud.ts";

const base = mkdtempSync(join(tmpdir(), "sampan-old-cloud-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const { signal } = new AbortController();
const authority = await testAuthority();
const keys = await authority.node("edge1");

async function edge() {
  const stack = new AsyncDisposableStack();
  const cloud = stack.use(await fakeCloud({ authority }));
  const around = { clock: systemClock(), log: () => {}, signal };
  const link = stack.use(
    await openLink({
      ...around,
      node: "edge1",
      addresses: [cloud.address],
      keys: { current: () => keys },
      dials: false,
    }),
  );
  const meta = stack.use(await openMeta({ ...around, root: mkdtempSync(join(base, "root-")), link }));
  link.start();
  const session = await cloud.session();
  return { cloud, link, meta, session, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const toStore = captured.filter(
  ({ way, envelope }) =>
    way === "down" && envelope.route.group === "resource" && needsAcknowledgement(envelope),
);

test("there is something to replay", () => expect(toStore.length).toBeGreaterThan(5));

test.each(toStore.map(({ title, envelope, text }) => ({ title, envelope, text })))(
  "$title is stored and acknowledged as KubeEdge's edge did",
  async ({ envelope, text }) => {
    await using node = await edge();
    node.session.sayText(text);
    const ack = await node.session.take(({ parent }) => parent === envelope.id);
    const seen = captured.find(
      ({ way, envelope: up }) => way === "up" && up.parent === envelope.id,
    )?.envelope;
    if (seen) expect(ack.route).toEqual(seen.route);
    expect(ack.route.operation).toBe("response");
    expect(ack.content).toBe("OK");
    const [namespace = "", type = "", name = ""] = envelope.route.resource.split("/");
    const isOwn = envelope.route.source !== "dynamiccontroller" && envelope.route.operation !== "delete";
    if (isOwn) expect(node.meta.get({ namespace, type, name })).toMatchObject({ metadata: { name } });
  },
);

const others = captured.filter(
  ({ way, envelope }) => way === "down" && !toStore.some((each) => each.envelope === envelope),
);

test("all that needs no acknowledgement gets none, and the link stands", async () => {
  await using node = await edge();
  for (const { text } of others) node.session.sayText(text);
  const last = message({ source: "edgehub", group: "resource", operation: "ping" }, null);
  node.session.say(last);
  await node.session.take(({ parent }) => parent === last.id);
  const ids = new Set(others.map(({ envelope }) => envelope.id));
  expect(node.session.received.filter(({ parent }) => parent !== undefined && ids.has(parent))).toEqual([]);
  expect(node.cloud.sessions).toHaveLength(1);
});

test("a pod is deleted as a cloud does: marked, then gone, by a message with metadata alone", async () => {
  await using node = await edge();
  const pod = (version: string, more: object = {}) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", namespace: "default", uid: "u", resourceVersion: version, ...more },
    spec: { nodeName: "edge1" },
  });
  const route = { source: "edgecontroller", group: "resource", resource: "default/pod/web" };
  const say = async (operation: string, content: object) => {
    const sent: Envelope = message({ ...route, operation }, content, { resourceVersion: "1" });
    node.session.say(sent);
    expect((await node.session.take(({ parent }) => parent === sent.id)).content).toBe("OK");
  };
  await say("insert", pod("5"));
  await say("update", pod("6", { deletionTimestamp: "2026-11-21T06:27:42Z" }));
  const key = { namespace: "default", type: "pod", name: "web" };
  expect(node.meta.get(key)?.metadata.deletionTimestamp).toBe("2026-11-21T06:27:42Z");
  await say("delete", { metadata: { name: "web", namespace: "default", uid: "u" } });
  expect(node.meta.get(key)).toBeUndefined();
});

test("more than can be kept ends the connection; afterwards the rest comes again and is taken", async () => {
  await using cloud = await fakeCloud({ authority });
  const around = { clock: systemClock(), log: () => {}, signal };
  await using link = await openLink({
    ...around,
    node: "edge1",
    addresses: [cloud.address],
    keys: { current: () => keys },
    dials: false,
    times: { first: 1, most: 5 },
  });
  const held = Promise.withResolvers<void>();
  link.on("meta", () => held.promise);
  link.start();
  const session = await cloud.session();
  const route = {
    source: "edgecontroller",
    group: "resource",
    operation: "update",
    resource: "default/pod/web",
  };
  // Two fit, three do not.
  for (let count = 0; count < 3; count++) session.say(message(route, { filling: "x".repeat(30 << 20) }));
  await session.closed;
  held.resolve();
  const again = await cloud.session();
  const sent = message(route, {});
  again.say(sent);
  expect((await again.take(({ parent }) => parent === sent.id)).content).toBe("OK");
});
