/** The groups of the API where containers run: a daemon in a network namespace of its own, asked by docker's command line. */
import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AuditItem } from "../../src/spec/docker/system.ts";
import type { Problem } from "../../src/spec/docker/images.ts";
import { makeArchive } from "../counterparts/image.ts";
import { ask, makePlace, type Place } from "../daemon/_daemon.ts";
import { needing } from "../needs.ts";

const { test } = needing({
  root: true,
  programs: ["docker", "busybox", "ip", "nft", "nsenter"],
  files: ["build/launcher"],
});
setDefaultTimeout(60_000);

const namespace = `sampan-api-${process.pid}`;
const stack = new AsyncDisposableStack();
let place: Place;
let folder: string;

async function ip(...words: string[]): Promise<void> {
  expect(await Bun.spawn(["ip", ...words]).exited).toBe(0);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sampan-live-"));
  stack.defer(() => rmSync(folder, { recursive: true }));
  await ip("netns", "add", namespace);
  stack.defer(() => ip("netns", "del", namespace));
  await ip("-n", namespace, "link", "set", "lo", "up");
  place = stack.use(makePlace(namespace));
  await place.start();
  await docker("import", "--change", 'CMD ["sh"]', await makeArchive(folder), "box");
});
afterAll(() => stack.disposeAsync());

async function run(...words: string[]): Promise<{ status: number; out: string; err: string }> {
  const child = Bun.spawn(["docker", ...words], {
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      DOCKER_CONFIG: join(folder, "client"),
      DOCKER_HOST: `unix://${place.socket}`,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { status, out: out.trim(), err };
}

async function docker(...words: string[]): Promise<string> {
  const { status, out, err } = await run(...words);
  expect(`${status} ${err}`).toStartWith("0 ");
  return out;
}

async function json<Value>(path: string, method = "GET"): Promise<Value> {
  return (await (await ask(place, path, { method })).json()) as Value;
}

test("a network knows who is in it, is left and joined while they run, and stays while it is used", async () => {
  const network = await docker("network", "create", "--subnet", "10.77.0.0/24", "--label", "a=b", "net");
  const id = await docker("run", "--detach", "--network", "net", "--name", "one", "box", "sleep", "1000");
  const members = async (name: string) =>
    JSON.parse(await docker("network", "inspect", "--format", "{{json .Containers}}", name)) as Record<
      string,
      { Name: string; IPv4Address: string }
    >;
  expect((await members("net"))[id]).toMatchObject({ Name: "one", IPv4Address: "10.77.0.2/24" });
  await docker("network", "connect", "bridge", "one");
  expect(Object.keys(await members("bridge"))).toEqual([id]);
  expect((await run("network", "rm", "net")).err).toContain("has active endpoints");
  expect(await docker("network", "prune", "--force")).toBe("");
  await docker("network", "disconnect", "bridge", "one");
  expect(await members("bridge")).toEqual({});
  expect((await run("network", "connect", "nothing", "one")).err).toContain("network nothing not found");
  expect((await run("network", "connect", "net", "nobody")).err).toContain("nobody");
  await docker("rm", "--force", "one");
  await docker("network", "rm", "net");
  const until = String(Math.floor(Date.now() / 1000) + 1);
  const words = ["events", "--since", "0", "--until", until, "--filter", "type=network"];
  const seen = await docker(...words, "--format", "{{.Action}} {{.Actor.Attributes.name}}");
  expect(seen.split("\n")).toEqual([
    "create net",
    "connect net",
    "connect bridge",
    "disconnect bridge",
    "disconnect net",
    "destroy net",
  ]);
  expect(network).toMatch(/^[0-9a-f]{64}$/);
});

test("names are asked of us as soon as a network of one's own is joined, and no longer when it is left", async () => {
  await docker("network", "create", "named");
  const id = await docker("run", "--detach", "--name", "first", "--network", "named", "box", "sleep", "1000");
  await docker("run", "--detach", "--name", "late", "box", "sleep", "1000");
  const resolv = () => docker("exec", "late", "cat", "/etc/resolv.conf");
  const before = await resolv();
  await docker("network", "connect", "named", "late");
  expect(await resolv()).not.toBe(before);
  expect(await docker("exec", "late", "nslookup", "first")).toContain("Address");
  expect(await docker("exec", "late", "cat", "/etc/hosts")).toMatch(/\t\w+\n[^]*\t\w+/);
  await docker("network", "disconnect", "named", "late");
  expect(await resolv()).toBe(before);
  await docker("network", "connect", "named", "late");
  // What the container has written there itself stays.
  await docker("exec", "late", "sh", "-c", "echo own > /etc/resolv.conf");
  await docker("network", "disconnect", "named", "late");
  expect(await resolv()).toBe("own");
  await docker("run", "--detach", "--name", "inside", "--network", `container:${id}`, "box", "sleep", "1000");
  expect((await run("network", "connect", "named", "inside")).err).toContain("sharing network namespace");
  await docker("rm", "--force", "inside", "late", "first");
  await docker("network", "rm", "named");
});

test("a volume is counted, and is not removed while a container has it", async () => {
  await docker("volume", "create", "vol");
  await docker(
    "run",
    "--name",
    "writer",
    "--volume",
    "vol:/data",
    "box",
    "sh",
    "-c",
    "echo kept > /data/file",
  );
  expect((await run("volume", "rm", "vol")).err).toContain("vol");
  expect(await docker("volume", "ls", "--quiet", "--filter", "dangling=true")).toBe("");
  const df = await docker("system", "df", "--format", "{{.Type}} {{.TotalCount}} {{.Active}}");
  expect(df).toContain("Local Volumes 1 1");
  expect(df).toContain("Containers 1 0");
  expect(df).toContain("Images 1 1");
  await docker("rm", "writer");
  // Before version 1.42 of the API, and its client, a prune took named volumes at once.
  const version = await docker("version", "--format", "{{.Client.APIVersion}}");
  const named = Number(version.split(".")[1]) >= 42;
  if (named) expect(await docker("volume", "prune", "--force")).not.toContain("vol\n");
  expect(await docker("volume", "prune", "--force", ...(named ? ["--all"] : []))).toContain("vol\n");
});

test("a container that runs stands still while it is committed, and runs on", async () => {
  const id = await docker("run", "--detach", "--network", "none", "--name", "made", "box", "sleep", "1000");
  await docker("exec", "made", "sh", "-c", "echo new > /file");
  const image = await docker("commit", "--change", "ENV a=b", "--message", "why", "made", "made:1");
  expect(await docker("inspect", "--format", "{{.State.Status}}", id)).toBe("running");
  expect(await docker("run", "--rm", "--network", "none", "made:1", "sh", "-c", "cat /file; echo $a")).toBe(
    "new\nb",
  );
  expect(await docker("history", "--no-trunc", "--quiet", "made:1")).toContain(image);
  const until = String(Math.floor(Date.now() / 1000) + 1);
  const words = ["events", "--since", "0", "--until", until, "--filter", `container=${id}`];
  const seen = (await docker(...words, "--format", "{{.Action}}")).split("\n");
  expect(seen.filter((action) => /pause|commit/.test(action))).toEqual(["pause", "commit", "unpause"]);
  const diff = await json<{ files: { path: string; kind: string }[] }>("/sampan/images/diff?a=box&b=made:1");
  expect(diff.files).toContainEqual(expect.objectContaining({ path: "/file", kind: "added" }));
  await docker("rm", "--force", "made");
});

test("what is of our own: the audit, the check, disk usage and a prune that keeps to its plan", async () => {
  await docker("create", "--name", "idle", "--network", "none", "box");
  await docker("network", "create", "unused");
  const findings = await json<AuditItem[]>("/sampan/system/audit");
  // Control groups are the whole machine's: another engine's may be going just now.
  expect(findings.filter(({ kind }) => kind !== "cgroup")).toEqual([]);
  const usage = await json<{ total: number; categories: { size: number }[] }>("/sampan/system/df");
  expect(usage.categories.reduce((sum, { size }) => sum + size, 0)).toBe(usage.total);
  const check = await ask(place, "/sampan/system/check?deep=1", { method: "POST" });
  const lines = (await check.text()).trim().split("\r\n");
  const { aux } = JSON.parse(lines.at(-1) ?? "") as { aux: { problems: Problem[] } };
  expect(aux.problems).toEqual([]);
  expect(lines.length).toBeGreaterThan(2);
  const plan = await json<{ items: { name: string }[] }>("/sampan/system/prune?all=1");
  expect(plan.items.map(({ name }) => name)).toContain("idle");
  const pruned = await json<{ removed: string[] }>("/sampan/system/prune?all=1", "POST");
  expect(pruned.removed).toContain("unused");
  expect(await docker("ps", "--all", "--quiet")).toBe("");
  expect(await docker("images", "--quiet")).toBe("");
});
