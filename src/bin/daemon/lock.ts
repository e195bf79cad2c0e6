/**
 * Who works on a data root: one daemon, or any number of commands that have none. A lock file in the root says so (flock, which ends with its holder); beside it
 * the daemon writes how it is reached, for commands that are given the root alone.
 */
import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { fileError } from "../../engine/store/errors.ts";
import { lockFile } from "../../kernel/libc.ts";
import { processStart } from "../../kernel/process.ts";
import { lockShared } from "../../kernel/shared-lock.ts";

const lockName = "daemon.lock";
const recordName = "daemon.json";

/** What a daemon says of itself in the folders that are its own. */
export interface DaemonRecord {
  readonly pid: number;
  /** `unix:///run/sampan/sampan.sock`; the first is the one for local commands. */
  readonly hosts: readonly string[];
}

/** Milliseconds for what a daemon that was killed had just begun to start: until it is another program it holds the lock too. */
const patience = 5_000;

/** Takes a folder for this daemon alone. Errors: `failed_precondition` naming who has it. */
export async function takeFolder(folder: string): Promise<Disposable> {
  const fd = openLock(folder);
  for (let waited = 0; waited < patience; waited += 20) {
    if (lockFile(fd, false)) return released(fd);
    if (lockHolders(join(folder, lockName)).some((pid) => processStart(pid) !== undefined)) break;
    await Bun.sleep(20);
  }
  closeSync(fd);
  throw new SampanError("failed_precondition", `cannot use folder "${folder}": ${holder(folder)}`);
}

/** Takes a data root as one of several commands; undefined while a daemon has it. */
export function shareFolder(folder: string): Disposable | undefined {
  const fd = openLock(folder);
  if (lockShared(fd)) return released(fd);
  closeSync(fd);
  return undefined;
}

/** Does something that nobody else may be at work beside: not at all, when somebody is. */
export function ifAlone(folder: string, change: () => void): void {
  const fd = openLock(folder);
  try {
    if (lockFile(fd, false)) change();
  } finally {
    closeSync(fd);
  }
}

function released(fd: number): Disposable {
  return { [Symbol.dispose]: () => closeSync(fd) };
}

function openLock(folder: string): number {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return openSync(join(folder, lockName), "a", 0o600);
  } catch (error) {
    throw fileError(`use folder "${folder}"`, error);
  }
}

function holder(folder: string): string {
  const pids = lockHolders(join(folder, lockName));
  const record = readRecord(folder);
  if (record && pids.includes(record.pid))
    return `the daemon with process id ${record.pid} has it; end that one, or give this one folders of its own`;
  const who = pids.map((pid) => `process ${pid} (${nameOf(pid)})`).join(", ");
  return `${who || "another process"} works in it; wait for its end, or give this daemon folders of its own`;
}

/** Out of /proc/locks (proc(5)): `1: FLOCK  ADVISORY  WRITE 1234 08:01:131090 0 EOF`. */
function lockHolders(path: string): number[] {
  const fd = openSync(path, "r");
  try {
    const inode = /^ino:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
    const lines = readFileSync("/proc/locks", "utf8").split("\n");
    return lines.flatMap((line) => {
      const [, kind, , , pid = "", file = ""] = line.split(/\s+/);
      return kind === "FLOCK" && file.endsWith(`:${inode}`) && Number(pid) > 0 ? [Number(pid)] : [];
    });
  } catch {
    // An older kernel has no inode there, a mount of its own no /proc/locks: then nobody is named.
    return [];
  } finally {
    closeSync(fd);
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim().slice(0, 80);
  } catch {
    return "gone meanwhile";
  }
}

export function writeRecord(folder: string, record: DaemonRecord): Disposable {
  const path = join(folder, recordName);
  writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
}

/** Undefined where no daemon has written one, or what stands there is none. It may be of a daemon that is gone: who is there tells the socket. */
export function readRecord(folder: string): DaemonRecord | undefined {
  try {
    const { pid, hosts } = JSON.parse(readFileSync(join(folder, recordName), "utf8")) as Record<
      string,
      unknown
    >;
    const good = (value: unknown): value is string => typeof value === "string";
    return Number.isSafeInteger(pid) && Array.isArray(hosts) && hosts.every(good)
      ? { pid: pid as number, hosts }
      : undefined;
  } catch {
    return undefined;
  }
}
