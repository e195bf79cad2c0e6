// deadline: 240 s
/** A compiled edge that a cloud upgrades, in a network namespace of its own: the program is replaced in the running process, or not at all; what runs on the node runs on. */
import { afterAll, beforeAll, expect } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processStart } from "../../src/kernel/process.ts";
import { until } from "../fleet/until.ts";
import { needing, obstacle } from "../needs.ts";

const needs = {
  root: true,
  programs: ["ip", "nsenter", "nft", "kubectl", "gcc", "tar", "busybox"],
  files: ["build/launcher"],
};
const { test } = needing(needs);

const folder = mkdtempSync(join(tmpdir(), "sampan-upgrade-"));
const space = `sampan-upgrade-${process.pid}`;
const source = join(import.meta.dir, "../../src/bin/sampan.ts");
const program = join(folder, "bin", "sampan");
const root = join(folder, "edge");
const config = join(folder, "cloud", "admin.kubeconfig");
const socket = `unix://${join(folder, "state", "sampan.sock")}`;
const places = ["--data-root", root];
const edgeFlags = [
  ...places,
  "--engine-root",
  join(folder, "engine"),
  "--engine-state",
  join(folder, "state"),
  "--dmi-socket",
  join(folder, "dmi.sock"),
  "--static-pods",
  join(folder, "static"),
];

interface Server {
  readonly child: Bun.Subprocess<"ignore", "ignore", "pipe">;
  readonly told: { text: string };
}
const running: Server[] = [];
let edge: Server;

function must(...command: string[]): string {
  const { stdout, stderr, exitCode } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
  return stdout.toString();
}

function spawn(command: readonly string[]) {
  const env = { PATH: process.env["PATH"] ?? "", HOME: folder, KUBECONFIG: config };
  const all = ["nsenter", `--net=/run/netns/${space}`, ...command];
  return { command: all, env };
}

async function run(...command: string[]): Promise<string> {
  const { command: all, env } = spawn(command);
  const child = Bun.spawn(all, { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, error] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}: ${error}`);
  return out;
}

async function start(...args: string[]): Promise<Server> {
  const server = begin(...args);
  const { child, told } = server;
  await until(
    () => told.text.includes("info ready") || child.exitCode !== null,
    () => told.text,
  );
  if (child.exitCode !== null) throw new Error(`it ended: ${told.text}`);
  return server;
}

function begin(...args: string[]): Server {
  const { command, env } = spawn(args);
  const child = Bun.spawn(command, { env, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const server = { child, told: { text: "" } };
  running.push(server);
  void (async () => {
    for await (const chunk of child.stderr) server.told.text += Buffer.from(chunk).toString();
  })();
  return server;
}

/** This program as another version. */
function compile(version: string, to: string): void {
  const arch = process.arch === "arm64" ? "arm64" : "x64";
  must(
    process.execPath,
    "build",
    "--compile",
    "--format=esm",
    `--conditions=sampan-${arch}`,
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
    "--define",
    `SAMPAN_VERSION="${version}"`,
    `--outfile=${to}`,
    source,
  );
}

/** One that knows its version, and ends when it is to work: at once, or with the process that tries it. */
function compileBroken(version: string, to: string, waits: 0 | 1): void {
  const text = `#include <stdio.h>
#include <string.h>
int main(int count, char **words) {
  char byte;
  if (count > 1 && strcmp(words[1], "--version") == 0) return puts("Sampan ${version}") < 0;
  while (WAITS && fread(&byte, 1, 1, stdin) == 1) {}
  return 7;
}
`;
  writeFileSync(`${to}.c`, text);
  must("gcc", "-static", "-O1", `-DWAITS=${waits}`, "-o", to, `${to}.c`);
}

/** An image of the engine with one file. */
async function importImage(name: string, file: string, at: string): Promise<void> {
  const tree = mkdtempSync(join(folder, "tree-"));
  mkdirSync(join(tree, at, ".."), { recursive: true });
  copyFileSync(file, join(tree, at));
  chmodSync(join(tree, at), 0o755);
  must("tar", "-C", tree, "-cf", `${tree}.tar`, ".");
  await run(program, "-H", socket, "import", `${tree}.tar`, name);
  rmSync(tree, { recursive: true });
  rmSync(`${tree}.tar`);
}

async function apply(object: unknown): Promise<void> {
  const path = join(folder, "object.json");
  writeFileSync(path, JSON.stringify(object));
  await run("kubectl", "apply", "--validate=false", "-f", path);
}

interface NodeStatus {
  readonly phase: string;
  readonly reason?: string;
  readonly historicVersion?: string;
  readonly currentVersion?: string;
  readonly actionFlow?: readonly { readonly action: string; readonly status: string }[];
}

async function upgrade(name: string, spec: object): Promise<void> {
  await apply({
    apiVersion: "operations.kubeedge.io/v1alpha2",
    kind: "NodeUpgradeJob",
    metadata: { name },
    spec: { nodeNames: ["edge1"], checkItems: ["disk"], ...spec },
  });
}

async function statusOf(name: string): Promise<NodeStatus | undefined> {
  const job = JSON.parse(await run("kubectl", "get", "nodeupgradejob", name, "-o", "json")) as {
    status?: { nodeStatus?: NodeStatus[] };
  };
  return job.status?.nodeStatus?.[0];
}

async function endOf(name: string): Promise<NodeStatus> {
  const last = { text: "" };
  return await until(
    async () => {
      const status = await statusOf(name);
      last.text = `${JSON.stringify(status)} ${edge.told.text.slice(-3000)}`;
      return status && ["Successful", "Failure", "Unknown"].includes(status.phase) && status;
    },
    () => last.text,
  );
}

const wordsOf = ({ actionFlow = [] }: NodeStatus) =>
  actionFlow.map(({ action, status }) => `${action} ${status}`);
/** nsenter becomes the edge: the process that was started. */
const runningVersion = () => readFileSync(`/proc/${edge.child.pid}/exe`).includes("97.1.0");

beforeAll(async () => {
  if (obstacle(needs) !== undefined) return;
  must("ip", "netns", "add", space);
  must("ip", "-n", space, "link", "set", "lo", "up");
  for (const name of ["bin", "made", "static"]) mkdirSync(join(folder, name));
  compile("97.0.0", program);
  compile("97.1.0", join(folder, "made", "new"));
  compileBroken("97.2.0", join(folder, "made", "broken"), 0);
  compileBroken("97.3.0", join(folder, "made", "silent"), 1);
  const foreign = readFileSync(join(folder, "made", "broken"));
  foreign.writeUInt16LE(process.arch === "arm64" ? 62 : 183, 18);
  writeFileSync(join(folder, "made", "foreign"), foreign);
  await start(
    program,
    "cloud",
    "--data-root",
    join(folder, "cloud"),
    "--bind-address",
    "127.0.0.1",
    "--secure-port",
    "0",
  );
  const token = (await run(program, "cloud", "token", "--data-root", join(folder, "cloud"))).trim();
  await run(program, "join", "127.0.0.1", "--token", token, "--node-name", "edge1", ...places);
  edge = await start(program, "edge", ...edgeFlags);
  const at = "usr/local/bin/sampan";
  await importImage("made/sampan:v97.1.0", join(folder, "made", "new"), at);
  await importImage("made/broken:v97.2.0", join(folder, "made", "broken"), at);
  await importImage("made/silent:v97.3.0", join(folder, "made", "silent"), at);
  await importImage("made/foreign:v97.2.0", join(folder, "made", "foreign"), at);
  await importImage("made/busybox:1", Bun.which("busybox") ?? "", "bin/busybox");
}, 120_000);

afterAll(async () => {
  if (obstacle(needs) === undefined)
    await run(program, "-H", socket, "rm", "--force", "runs-on").catch(() => {});
  for (const { child } of running.toReversed()) {
    child.kill("SIGTERM");
    await child.exited;
  }
  Bun.spawnSync(["ip", "netns", "del", space]);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

async function container(): Promise<string> {
  const pid = Number(await run(program, "-H", socket, "inspect", "-f", "{{.State.Pid}}", "runs-on"));
  return `${pid} since ${processStart(pid)}`;
}

test("a program for another architecture is refused, and nothing is replaced", async () => {
  await upgrade("foreign", { version: "v97.2.0", image: "made/foreign" });
  const status = await endOf("foreign");
  expect(wordsOf(status)).toEqual(["Check False"]);
  expect(status.reason).toContain("wanted one for");
  expect([existsSync(`${program}.new`), existsSync(`${program}.before`)]).toEqual([false, false]);
});

test("an image whose program is another version than the job says is refused", async () => {
  await upgrade("other", { version: "v97.9.0", image: "made/sampan:v97.1.0" });
  expect((await endOf("other")).reason).toContain("is version 97.1.0, wanted 97.9.0");
});

test("a program that does not begin is taken back, and the edge serves on", async () => {
  const before = readFileSync(`/proc/${edge.child.pid}/stat`, "utf8").split(" ")[0];
  await upgrade("broken", { version: "v97.2.0", image: "made/broken" });
  const status = await endOf("broken");
  expect(status.reason).toContain("the new program ended before it had reached the cloud: status 7");
  await until(async () => wordsOf((await statusOf("broken")) ?? status).includes("RollBack True"));
  expect(`${edge.child.pid}`).toBe(before ?? "");
  expect(await run(program, "--version")).toContain("Sampan 97.0.0");
  expect(existsSync(`${program}.new`)).toBe(false);
});

test("killed while it tries a program, it is the one from before at its next start", async () => {
  await upgrade("cut", { version: "v97.3.0", image: "made/silent" });
  await until(
    () => edge.told.text.includes("a new version is on trial") && edge.told.text.includes("97.3.0"),
    () => edge.told.text,
  );
  await until(async () => wordsOf((await statusOf("cut")) ?? { phase: "" }).includes("BackUp True"));
  edge.child.kill("SIGKILL");
  await edge.child.exited;
  edge = await start(program, "edge", ...edgeFlags);
  const status = await endOf("cut");
  expect(status.reason).toContain("ended before the new program had reached the cloud");
  expect(await run(program, "--version")).toContain("Sampan 97.0.0");
  // It is not tried again.
  expect(edge.told.text).not.toContain("on trial");
});

test("the program is replaced in the same process after a person's word, and containers run on", async () => {
  await run(
    program,
    "-H",
    socket,
    "run",
    "--detach",
    "--network",
    "none",
    "--name",
    "runs-on",
    "made/busybox:1",
    "/bin/busybox",
    "sleep",
    "100000",
  );
  const before = await container();
  const { pid } = edge.child;
  await upgrade("better", { version: "v97.1.0", image: "made/sampan", requireConfirmation: true });
  await until(async () =>
    wordsOf((await statusOf("better")) ?? { phase: "" }).includes("WaitingConfirmation True"),
  );
  expect(runningVersion()).toBe(false);
  expect(await run(program, "edge", "confirm-upgrade", ...places)).toBe(
    'upgrade "better" to 97.1.0 begins\n',
  );
  const status = await endOf("better");
  expect(status).toMatchObject({
    phase: "Successful",
    historicVersion: "97.0.0",
    currentVersion: "97.1.0",
  });
  expect(wordsOf(status)).toEqual(["Check True", "WaitingConfirmation True", "BackUp True", "Upgrade True"]);
  expect([edge.child.pid, edge.child.exitCode, runningVersion()]).toEqual([pid, null, true]);
  expect(await run(program, "--version")).toContain("Sampan 97.1.0");
  expect(await run(`${program}.before`, "--version")).toContain("Sampan 97.0.0");
  expect(await container()).toBe(before);
});

test("the process that became the new program is told to end as before", async () => {
  expect(await run(program, "-H", socket, "rm", "--force", "runs-on")).toContain("runs-on");
  edge.child.kill("SIGTERM");
  expect(await edge.child.exited).toBe(0);
  expect(edge.told.text).not.toContain("nobody caught");
});

test("what is on trial ends with the process that tries it", async () => {
  const { command, env } = spawn([program, "edge", ...edgeFlags]);
  const child = Bun.spawn(command, {
    env: { ...env, SAMPAN_EDGE_TRIAL: "1" },
    stdin: "pipe",
    stdout: "ignore",
    stderr: "pipe",
  });
  const told = { text: "" };
  const read = (async () => {
    for await (const chunk of child.stderr) {
      told.text += Buffer.from(chunk).toString();
      if (told.text.includes("info ready")) await child.stdin.end();
    }
  })();
  expect(await child.exited).toBe(0);
  await read;
  expect(told.text).toContain("info ready");
});
