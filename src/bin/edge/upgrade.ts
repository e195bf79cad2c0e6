/**
 * A new program on trial: started beside this process, which keeps its place, its number and its supervisor, and only waits. When the new one has reached the cloud it ends again, takes
 * the place of this executable, and this process becomes it (execve(2)); otherwise this process serves on. Nothing but this process is needed for it: neither systemd nor a shell.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { version } from "../../base/version.ts";
import type { OwnProgram } from "../../fleet/edge/tasks/upgrade/own.ts";
import {
  decide,
  hasStood,
  isLeft,
  openTrial,
  putInPlace,
  takeBack,
  trialTime,
} from "../../fleet/edge/tasks/upgrade/trial.ts";
import type { UpgradeTrial } from "../../fleet/edge/tasks/store.ts";
import { become } from "../../kernel/libc.ts";
import { type Log, wordsOf } from "../daemon/log.ts";
import type { Stop } from "../process.ts";
import { isCompiled } from "../program.ts";

/** Says to a program that it is on trial. */
const mark = "SAMPAN_EDGE_TRIAL";
/** Milliseconds beyond its own: to begin, and to end when it was told to. */
const grace = { start: 120_000, end: 30_000 } as const;

type Life = Pick<OwnProgram, "tryNew" | "endTrial">;

export function ownProgram(life: Life): OwnProgram {
  return { ...life, path: isCompiled() ? process.execPath : undefined, version, onTrial: isOnTrial() };
}

export function isOnTrial(): boolean {
  return process.env[mark] === "1";
}

/** The process that waits for this one holds the other end: without it nobody would put this program in its place, or end it. */
export function endWithParent(): void {
  process.stdin.on("end", () => process.kill(process.pid, "SIGTERM"));
  process.stdin.resume();
}

/** Why this program, which is on trial, cannot even begin. */
export function failTrial(root: string, error: unknown): void {
  decide(root, { failed: `the new program does not begin: ${wordsOf(error)}` });
}

/** A trial that went well, and whose end this start is. */
export function upgradeIsLeft(root: string): boolean {
  return !isOnTrial() && isLeft(root, version);
}

interface Trying {
  readonly log: Log;
  readonly told: Stop;
}

/** Comes back only when the new program is not to run: `again` to serve on, `ended` when this process was told to end. */
export async function tryUpgrade(root: string, { log, told }: Trying): Promise<"again" | "ended"> {
  const trial = openTrial(root);
  if (!trial) return "again";
  if (!hasStood(trial)) {
    log("info", "a new version is on trial", { from: trial.from, to: trial.to, program: trial.program });
    const how = await waitFor(trial, told);
    if (told.signal.aborted) return "ended";
    const now = openTrial(root);
    if (!now || !hasStood(now)) {
      decide(root, { failed: `the new program ended before it had reached the cloud: ${how}` });
      return "again";
    }
  }
  try {
    if (existsSync(trial.program)) putInPlace(trial);
    log("info", "becoming the new version", { to: trial.to });
    become(trial.target, ownArguments(), Object.entries(process.env).flatMap(variable));
  } catch (error) {
    log("error", `cannot become the new version: ${wordsOf(error)}`);
    takeBack(trial);
    decide(root, { failed: wordsOf(error) });
    return "again";
  }
}

/** As it was called, by whatever name. */
function ownArguments(): string[] {
  return readFileSync("/proc/self/cmdline", "utf8").split("\0").slice(0, -1);
}

function variable([name, value]: [string, string | undefined]): string[] {
  return value === undefined || name === mark ? [] : [`${name}=${value}`];
}

/** Resolves when it has ended, with how. */
async function waitFor({ program }: UpgradeTrial, told: Stop): Promise<string> {
  const [name = "sampan", ...args] = ownArguments();
  const child = spawn(program, args, {
    argv0: name,
    env: { ...process.env, [mark]: "1" },
    stdio: ["pipe", "inherit", "inherit"],
  });
  child.stdin.on("error", () => {});
  const timer = setTimeout(() => end(child), trialTime + grace.start);
  void told.stopped.then(() => end(child));
  try {
    const [status, signal] = (await once(child, "exit")) as [number | null, string | null];
    return signal === null ? `status ${status}` : `signal ${signal}`;
  } catch (error) {
    return wordsOf(error);
  } finally {
    clearTimeout(timer);
  }
}

function end(child: ChildProcess): void {
  child.kill("SIGTERM");
  setTimeout(() => child.kill("SIGKILL"), grace.end).unref();
}
