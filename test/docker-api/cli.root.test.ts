/** The docker command line as the client: its words for images, volumes, networks and the system, over an engine with a real store and a real registry. */
import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needing } from "../needs.ts";
import { startRegistry, type RunningRegistry } from "../registry/docker-registry.ts";
import { servedEngine, type ServedEngine } from "./engine.ts";

const { test } = needing({ root: true, programs: ["docker", "docker-registry", "busybox", "tar"] });

setDefaultTimeout(30_000);
const folder = mkdtempSync(join(tmpdir(), "sampan-cli-"));
let served: ServedEngine;
let registry: RunningRegistry;

beforeAll(async () => {
  served = await servedEngine();
  registry = await startRegistry({ auth: { username: "ann", secret: "pass" } });
});
afterAll(async () => {
  await registry?.[Symbol.asyncDispose]();
  await served?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

async function run(...words: string[]): Promise<{ status: number; out: string; err: string }> {
  const child = Bun.spawn(["docker", ...words], {
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      DOCKER_CONFIG: join(folder, "config"),
      DOCKER_HOST: `unix://${served.socket}`,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { status, out, err };
}

async function docker(...words: string[]): Promise<string> {
  const { status, out, err } = await run(...words);
  expect(`${status} ${err}`).toStartWith("0 ");
  return out.trim();
}

/** An image with busybox alone. */
async function imported(name: string): Promise<string> {
  const root = join(folder, "root");
  mkdirSync(join(root, "bin"), { recursive: true });
  copyFileSync(Bun.which("busybox") ?? "", join(root, "bin/busybox"));
  const archive = join(folder, "root.tar");
  expect(await Bun.spawn(["tar", "-C", root, "-cf", archive, "."]).exited).toBe(0);
  return docker("import", "--change", 'CMD ["busybox"]', "--message", "made here", archive, name);
}

test("version and info", async () => {
  expect(await docker("version", "--format", "{{.Server.APIVersion}} {{.Server.MinAPIVersion}}")).toBe(
    "1.51 1.24",
  );
  const info = JSON.parse(await docker("info", "--format", "{{json .}}"));
  expect(info).toMatchObject({
    OSType: "linux",
    DefaultRuntime: "native",
    Swarm: { LocalNodeState: "inactive" },
  });
  expect(info.ServerErrors).toBeUndefined();
  expect(await docker("info")).toContain("Server Version:");
});

test("an image is imported, tagged, inspected, saved, removed and loaded", async () => {
  const id = await imported("box:1");
  expect(await docker("images", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}")).toBe(
    `${id} box:1`,
  );
  await docker("tag", "box:1", "box:2");
  expect(await docker("inspect", "--format", "{{json .RepoTags}} {{json .Config.Cmd}}", "box:2")).toBe(
    '["box:1","box:2"] ["busybox"]',
  );
  expect(await docker("history", "--no-trunc", "--format", "{{.Comment}}", "box:1")).toBe("made here");
  const archive = join(folder, "saved.tar");
  await docker("save", "--output", archive, "box:1", "box:2");
  expect(await docker("rmi", "box:1", "box:2")).toContain(`Deleted: ${id}`);
  expect(await docker("images", "--quiet")).toBe("");
  expect(await docker("load", "--input", archive)).toBe("Loaded image: box:1\nLoaded image: box:2");
  expect(
    await docker("images", "--no-trunc", "--format", "{{.ID}}", "--filter", "reference=box:2"),
  ).toContain(id);
  expect((await run("rmi", "nothing")).err).toMatch(/No such image: nothing(:latest)?\n/);
  await Bun.write(join(folder, "garbage"), new Uint8Array(8 << 20).fill(7));
  expect((await run("load", "--input", join(folder, "garbage"))).err).toContain("cannot load the archive");
});

test("an image goes to a registry and comes back with the caller's own credentials", async () => {
  const name = `${registry.host}/own/box:1`;
  await imported(name);
  const refused = await run("push", name);
  expect(refused.status).toBe(1);
  const wrong = await run("login", "--username", "ann", "--password", "other", registry.host);
  expect(wrong.err).toContain("cannot log in");
  await docker("login", "--username", "ann", "--password", "pass", registry.host);
  const pushed = await docker("push", name);
  expect(pushed).toContain(`The push refers to repository [${registry.host}/own/box]`);
  const digest = /1: digest: (sha256:[0-9a-f]{64}) size: \d+/.exec(pushed)?.[1] ?? "none";
  await docker("rmi", name);
  const pulled = await docker("pull", name);
  expect(pulled).toContain("1: Pulling from own/box");
  expect(pulled).toContain(`Digest: ${digest}`);
  expect(pulled).toContain(`Status: Downloaded newer image for ${name}`);
  expect(await docker("pull", name)).toContain(`Status: Image is up to date for ${name}`);
  expect(await docker("inspect", "--format", "{{json .RepoDigests}}", name)).toBe(
    `["${registry.host}/own/box@${digest}"]`,
  );
  const distribution = await served.get(`/distribution/${name}/json`, {
    headers: {
      "X-Registry-Auth": Buffer.from('{"username":"ann","password":"pass"}').toString("base64url"),
    },
  });
  expect(await distribution.json()).toMatchObject({ Descriptor: { digest }, Platforms: [{ os: "linux" }] });
  const transfers = served.engine.events.past().filter(({ action }) => ["pull", "push"].includes(action));
  expect(transfers.map(({ action, id, attributes }) => [action, id, attributes["name"]])).toEqual([
    ["push", name, name.replace(":1", "")],
    ["pull", name, name.replace(":1", "")],
    ["pull", name, name.replace(":1", "")],
  ]);
  await docker("tag", name, name.replace(/1$/, "2"));
  const both = await docker("push", "--all-tags", name.replace(/:1$/, ""));
  expect(both).toContain("1: digest: sha256:");
  expect(both).toContain("2: digest: sha256:");
  await docker("rmi", name, name.replace(/1$/, "2"));
  const all = await docker("pull", "--all-tags", name.replace(/:1$/, ""));
  expect(all).toContain("1: Pulling from own/box");
  expect(all).toContain("2: Pulling from own/box");
  expect(all).toContain(`Status: Downloaded newer image for ${name.replace(/:1$/, "")}`);
  await docker("rmi", name.replace(/1$/, "2"));
  // Nothing of the caller is kept.
  await docker("logout", registry.host);
  await docker("rmi", name);
  expect((await run("pull", name)).err).toContain("it wants a login");
  expect((await run("images", "--quiet", name)).out).toBe("");
});

test("volumes", async () => {
  expect(await docker("volume", "create", "--label", "kind=test", "--opt", "type=tmpfs", "one")).toBe("one");
  expect(await docker("volume", "ls", "--quiet", "--filter", "label=kind=test")).toBe("one");
  expect(await docker("volume", "ls", "--quiet", "--filter", "label=kind=other")).toBe("");
  expect(await docker("volume", "inspect", "--format", "{{.Scope}} {{.Options.type}}", "one")).toBe(
    "local tmpfs",
  );
  const anonymous = await docker("volume", "create");
  expect(await docker("volume", "prune", "--force")).toContain(anonymous);
  // Before version 1.42 of the API, and its client, a prune took named volumes too.
  const version = await docker("version", "--format", "{{.Client.APIVersion}}");
  const named = Number(version.split(".")[1]) >= 42;
  expect(await docker("volume", "ls", "--quiet")).toBe(named ? "one" : "");
  if (named) await docker("volume", "rm", "one");
  expect((await run("volume", "inspect", "one")).err).toMatch(/no such volume/i);
});

test("networks", async () => {
  const words = [
    "--subnet",
    "10.9.0.0/16",
    "--ip-range",
    "10.9.1.0/24",
    "--gateway",
    "10.9.0.1",
    "--label",
    "a=b",
  ];
  const id = await docker(
    "network",
    "create",
    ...words,
    "--opt",
    "com.docker.network.driver.mtu=1400",
    "net",
  );
  expect(await docker("network", "ls", "--no-trunc", "--quiet", "--filter", "name=net")).toBe(id);
  expect(await docker("network", "ls", "--format", "{{.Name}}", "--filter", "type=builtin")).toBe(
    "bridge\nhost\nnone",
  );
  expect(
    await docker("network", "inspect", "--format", "{{json .IPAM.Config}} {{json .Options}}", "net"),
  ).toBe(
    '[{"Subnet":"10.9.0.0/16","IPRange":"10.9.1.0/24","Gateway":"10.9.0.1"}] {"com.docker.network.driver.mtu":"1400"}',
  );
  expect((await run("network", "create", "net")).err).toContain("network with name net already exists");
  expect((await run("network", "rm", "bridge")).err).toContain("pre-defined");
  expect(await docker("network", "prune", "--force")).toContain("net");
  expect((await run("network", "inspect", "net")).err).toMatch(/network net not found|No such network: net/);
});

test("events of the past, and those that come", async () => {
  await docker("volume", "create", "seen");
  const past = served.engine.events.past();
  const until = String(Math.floor(Date.now() / 1000) + 1);
  const words = [
    "events",
    "--since",
    "0",
    "--until",
    until,
    "--filter",
    "type=volume",
    "--filter",
    "volume=seen",
  ];
  expect(await docker(...words, "--format", "{{.Action}} {{.Actor.ID}}")).toBe("create seen");
  expect(past.length).toBeGreaterThan(0);
});

test("each change of an image is told", async () => {
  const begin = served.engine.events.past().length;
  const id = await imported("told:1");
  await docker("tag", "told:1", "told:2");
  await docker("save", "--output", join(folder, "told.tar"), "told:1");
  await docker("rmi", "told:1");
  await docker("rmi", "told:2");
  await docker("load", "--input", join(folder, "told.tar"));
  const seen = served.engine.events.past().slice(begin);
  expect(seen.every(({ type }) => type === "image")).toBe(true);
  expect(seen.map(({ action, id: of, attributes }) => [action, of, attributes["name"]])).toEqual([
    ["import", id, id],
    ["tag", id, "told:2"],
    ["save", id, id],
    ["untag", id, id],
    ["untag", id, id],
    ["delete", id, id],
    ["load", id, id],
  ]);
});

test("disk usage", async () => {
  await docker("volume", "create", "kept");
  const lines = await docker("system", "df", "--format", "{{.Type}} {{.TotalCount}}");
  expect(lines).toContain("Images ");
  expect(lines).toMatch(/Local Volumes [1-9]/);
  expect(await docker("system", "df", "--verbose")).toContain("kept");
});

test("what is not there says so", async () => {
  await Bun.write(join(folder, "build/Dockerfile"), "FROM scratch\n");
  expect((await run("build", join(folder, "build"))).err).toContain("building images is not there yet");
  expect((await run("node", "ls")).err).toContain("This node is not a swarm manager.");
  expect((await run("swarm", "leave")).err).toContain("This node is not part of a swarm");
  expect(await docker("plugin", "ls", "--quiet")).toBe("");
  expect((await run("plugin", "inspect", "x")).err).toMatch(/plugin "x" not found|No such plugin: x/);
});
