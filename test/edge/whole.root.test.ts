/** The programs themselves, in a network namespace of their own: a cloud, a node that joins it, starts, is told to end, and leaves. */
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until, within } from "../fleet/until.ts";
import { needing, obstacle } from "../needs.ts";

const needs = { root: true, programs: ["ip", "nsenter", "nft", "kubectl"] } as const;
const { test } = needing(needs);

const folder = mkdtempSync(join(tmpdir(), "sampan-edge-whole-"));
const space = `sampan-whole-${process.pid}`;
const program = [process.execPath, join(import.meta.dir, "../../src/bin/sampan.ts")];
const running: { kill(signal: NodeJS.Signals): void; readonly exited: Promise<number> }[] = [];
const config = join(folder, "cloud", "admin.kubeconfig");
const root = join(folder, "edge");
const places = [
  "--data-root",
  root,
  "--engine-root",
  join(folder, "engine"),
  "--engine-state",
  join(folder, "state"),
  "--dmi-socket",
  join(folder, "dmi.sock"),
  "--static-pods",
  join(folder, "static"),
];

beforeAll(() => {
  if (obstacle(needs) !== undefined) return;
  Bun.spawnSync(["ip", "netns", "add", space]);
  Bun.spawnSync(["ip", "-n", space, "link", "set", "lo", "up"]);
});

afterAll(async () => {
  for (const each of running.toReversed()) {
    each.kill("SIGKILL");
    await each.exited;
  }
  if (obstacle(needs) === undefined) Bun.spawnSync(["ip", "netns", "del", space]);
  rmSync(folder, { recursive: true, force: true });
});

function spawn(command: readonly string[]) {
  const env = { PATH: process.env["PATH"] ?? "", HOME: folder, KUBECONFIG: config };
  return Bun.spawn(["nsenter", `--net=/run/netns/${space}`, ...command], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env,
  });
}

async function run(...command: string[]) {
  const child = spawn(command);
  const [out, error] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { out, error, status: await child.exited };
}

const sampan = (...args: string[]) => run(...program, ...args);

/** Starts a server and waits until its log says that it is ready; all that it says is kept. */
async function start(...args: string[]) {
  const child = spawn([...program, ...args]);
  const told = { text: "" };
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  void (async () => {
    for await (const chunk of child.stderr) {
      told.text += Buffer.from(chunk).toString();
      if (told.text.includes("info ready")) resolve();
    }
    reject(new Error(`it ended: ${told.text}`));
  })();
  running.push(child);
  await within(ready, () => `"sampan ${args[0]}" to be ready: ${told.text}`);
  return { child, told };
}

async function nodeIsReady(): Promise<void> {
  let last = "";
  const look = async () => {
    const { out, error } = await run("kubectl", "get", "node", "edge1");
    last = out + error;
    return / Ready /.test(out);
  };
  await until(look, () => last);
}

test("a machine joins, is a node, serves its API to root, ends when told, and leaves", async () => {
  expect((await sampan("edge", ...places)).error).toContain("has not joined a cloud");
  await start(
    "cloud",
    "--data-root",
    join(folder, "cloud"),
    "--bind-address",
    "127.0.0.1",
    "--secure-port",
    "0",
  );
  const { out: token } = await sampan("cloud", "token", "--data-root", join(folder, "cloud"));
  const joining = ["join", "127.0.0.1", "--token", token.trim(), "--node-name", "edge1", "--data-root", root];
  expect((await sampan(...joining)).out).toContain("node edge1 joined");
  expect((await sampan(...joining)).out).toContain("has joined already");

  const edge = await start("edge", ...places);
  await nodeIsReady();
  const own = await run(
    "kubectl",
    "--server",
    "http://127.0.0.1:10550",
    "--kubeconfig",
    "/dev/null",
    "get",
    "nodes",
    "-o",
    "name",
  );
  expect(own).toMatchObject({ out: "node/edge1\n", status: 0 });
  const { out: findings } = await sampan("edge", "diagnose", "--json", "--data-root", root);
  const bad = (JSON.parse(findings) as { check: string; state: string }[]).filter(
    ({ state }) => state === "bad",
  );
  expect(bad.filter(({ check }) => ["joined", "certificate", "connection", "clock"].includes(check))).toEqual(
    [],
  );
  // Nobody resets what is in use.
  expect((await sampan("reset", "--force", "--data-root", root)).status).toBe(1);

  edge.child.kill("SIGTERM");
  expect(await within(edge.child.exited, () => `the edge to end: ${edge.told.text}`)).toBe(0);
  expect(edge.told.text).not.toContain("nobody caught");
  expect((await sampan("reset", "--data-root", root)).error).toContain("use --force");
  expect((await sampan("reset", "--force", "--data-root", root)).out).toContain("keys");
  expect(existsSync(join(root, "keys"))).toBe(false);
  expect((await sampan("reset", "--force", "--data-root", root)).out).toContain("nothing to remove");
});

test("killed and started again it is the same node, and nothing of it stands in clear on the disk", async () => {
  const { out: token } = await sampan("cloud", "token", "--data-root", join(folder, "cloud"));
  await sampan("join", "127.0.0.1", "--token", token.trim(), "--node-name", "edge1", "--data-root", root);
  for (let round = 0; round < 2; round++) {
    const edge = await start("edge", ...places);
    await nodeIsReady();
    edge.child.kill("SIGKILL");
    await edge.child.exited;
  }
  const store = join(root, "meta");
  const text = readdirSync(store).map((name) => readFileSync(join(store, name), "latin1"));
  expect(text.join("")).not.toContain("PRIVATE KEY");
  expect((await sampan("reset", "--force", "--data-root", root)).status).toBe(0);
});
