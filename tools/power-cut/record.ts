/** Runs a command under strace and keeps what a replay needs: the tree before, the trace, and whether the model follows it to the tree after. */
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tracedCalls } from "./calls.ts";
import { follow } from "./follow.ts";
import type { Operation } from "./operations.ts";
import { differences, readTree } from "./place.ts";
import { readTrace, type Call } from "./trace.ts";
import type { Tree } from "./tree.ts";

interface Header {
  readonly root: string;
  readonly folder: string;
  readonly umask: number;
  readonly output: string;
  readonly command: readonly string[];
  readonly status: number;
}

export interface RecordOptions {
  /** The data root: everything below it is recorded. */
  readonly root: string;
  /** A folder that is made: the recording. */
  readonly log: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Let the command see a boot id of its own, so that whoever looks at the state later sees that of another boot. Needs root. */
  readonly otherBoot?: boolean;
}

export interface Recording {
  readonly root: string;
  readonly command: readonly string[];
  readonly before: Tree;
  readonly after: Tree;
  readonly operations: readonly Operation[];
}

/** strace's limit for strings; no write of one call may be longer. */
const longest = 64 * 1024 * 1024;

/** Errors: the command failed, or the trace does not lead to what is on the disk (something wrote in a way that cannot be followed). */
export async function record(options: RecordOptions): Promise<Recording> {
  const root = realpathSync(options.root);
  mkdirSync(options.log, { mode: 0o700 });
  await run(["cp", "-a", "--reflink=auto", root, join(options.log, "before")]);
  const strace = [
    "strace",
    "-f",
    "-qq",
    "-y",
    "-xx",
    "-a",
    "1",
    "-s",
    String(longest),
    "--seccomp-bpf",
    "-e",
    "raw=read,readv",
  ];
  const trace = [
    ...strace,
    "-e",
    `trace=${tracedCalls.join(",")}`,
    "-e",
    "signal=none",
    "-o",
    join(options.log, "trace"),
    "--",
  ];
  const command = [...trace, ...options.command];
  const argv = options.otherBoot ? otherBoot(options.log, command) : command;
  // What the command says goes to a file, so that the trace tells when it was said.
  const output = join(realpathSync(options.log), "stdout");
  const child = Bun.spawn(argv, {
    stdin: "ignore",
    stdout: Bun.file(output),
    stderr: "inherit",
    env: { ...process.env, ...options.env },
  });
  const status = await child.exited;
  const header: Header = {
    root,
    folder: process.cwd(),
    umask: process.umask(),
    output,
    command: options.command,
    status,
  };
  writeFileSync(join(options.log, "recording.json"), JSON.stringify(header, undefined, 2));
  if (status !== 0)
    throw new Error(`cannot record "${options.command.join(" ")}": it ended with status ${status}`);
  const recording = await readRecording(options.log);
  const wrong = differences(recording.after, readTree(root));
  if (wrong.length > 0)
    throw new Error(
      `cannot follow "${options.command.join(" ")}": the model and the disk differ:\n  ${wrong.join("\n  ")}`,
    );
  return recording;
}

export async function readRecording(log: string): Promise<Recording> {
  const header = JSON.parse(readFileSync(join(log, "recording.json"), "utf8")) as Header;
  const calls: Call[] = [];
  for await (const call of readTrace(join(log, "trace"))) calls.push(call);
  const before = readTree(join(log, "before"));
  const { operations, lost, tree } = follow(calls, { ...header, tree: before.copy() });
  if (lost.length > 0) throw new Error(`cannot follow "${header.command.join(" ")}": ${lost.join("; ")}`);
  return { root: header.root, command: header.command, before, after: tree, operations };
}

/** A mount namespace in which the kernel's boot id is another one. */
function otherBoot(log: string, command: readonly string[]): string[] {
  const id = join(log, "boot_id");
  writeFileSync(id, `${crypto.randomUUID()}\n`);
  const inside = new URL("./_other-boot.ts", import.meta.url).pathname;
  return ["unshare", "--mount", "--", process.execPath, inside, id, ...command];
}

async function run(argv: readonly string[]): Promise<void> {
  const child = Bun.spawn([...argv], { stdin: "ignore", stdout: "inherit", stderr: "inherit" });
  if ((await child.exited) !== 0) throw new Error(`cannot run "${argv.join(" ")}"`);
}
