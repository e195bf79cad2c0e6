/**
 * What a run leaves behind on the machine: mounts (pinned namespaces and volumes in memory are some), cgroups, network namespaces,
 * interfaces with their addresses, our tables of nftables, processes, and the files that the runtime and the tests keep. A snapshot before,
 * one after; what is only in the second has leaked.
 */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";

/** For each kind, key → words for a person. */
export type Snapshot = Readonly<Record<Kind, ReadonlyMap<string, string>>> & {
  readonly processes: readonly Process[];
};

export const kinds = ["mount", "cgroup", "netns", "interface", "address", "table", "file"] as const;
export type Kind = (typeof kinds)[number];

export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks from boot to its start: with the pid the name of a process for ever. */
  readonly start: string;
  readonly zombie: boolean;
  readonly command: string;
}

/** The machine now. */
export function take(): Snapshot {
  const mountinfo = read("/proc/self/mountinfo");
  const processes = listProcesses();
  return {
    mount: mountsOf(mountinfo),
    cgroup: cgroupsOf(mountinfo),
    netns: networkNamespaces(processes),
    interface: named(list("/sys/class/net")),
    address: named(addresses()),
    table: named(tables()),
    file: named([...deep("/run/sampan"), ...scratchFiles()]),
    processes,
  };
}

/** A line for each thing that is in `after` and not in `before`. Pure; `runner` is the process that called the tests. */
export function difference(before: Snapshot, after: Snapshot, runner: number): string[] {
  const things = kinds.flatMap((kind) =>
    [...after[kind]].filter(([key]) => !before[kind].has(key)).map(([, words]) => `${kind} ${words}`),
  );
  return [...things, ...leakedProcesses(before.processes, after.processes, runner)];
}

/** The leaks, once there are none or five seconds are over: an ended process and its mounts take a moment to go. */
export async function leaksSince(before: Snapshot): Promise<string[]> {
  const end = performance.now() + 5000;
  let found = difference(before, take(), process.pid);
  while (found.length > 0 && performance.now() < end) {
    await Bun.sleep(100);
    found = difference(before, take(), process.pid);
  }
  return found;
}

/**
 * New processes whose oldest new ancestor hangs on the runner or on one of its ancestors: orphans are given to the nearest subreaper
 * above or to pid 1. What another shell on the same machine has started hangs on that shell, which is older, and is not ours.
 */
function leakedProcesses(before: readonly Process[], after: readonly Process[], runner: number): string[] {
  const old = new Set(before.map(nameOf));
  const byPid = new Map(after.map((process) => [process.pid, process]));
  const line = new Set<number>([1]);
  for (let at = byPid.get(runner); at && !line.has(at.pid); at = byPid.get(at.parent)) line.add(at.pid);
  const rootOf = (process: Process): number => {
    const parent = byPid.get(process.parent);
    return parent && !old.has(nameOf(parent)) ? rootOf(parent) : process.parent;
  };
  return after
    .filter((process) => !old.has(nameOf(process)) && !process.zombie && line.has(rootOf(process)))
    .map((process) => `process ${process.pid} (parent ${process.parent}): ${process.command}`);
}

function nameOf(process: Process): string {
  return `${process.pid}@${process.start}`;
}

function listProcesses(): Process[] {
  return list("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = parseStat(read(`/proc/${name}/stat`));
      const command = read(`/proc/${name}/cmdline`).replaceAll("\0", " ").trim();
      return stat ? [{ ...stat, command: command || stat.command }] : [];
    });
}

/** A line of /proc/PID/stat; the name stands in parentheses and may itself hold some. */
export function parseStat(line: string): Process | undefined {
  const match = /^(\d+) \((.*)\) (.*)$/s.exec(line.trim());
  if (!match) return undefined;
  const [, pid = "", command = "", rest = ""] = match;
  const fields = rest.split(" ");
  return {
    pid: Number(pid),
    command,
    zombie: fields[0] === "Z" || fields[0] === "X",
    parent: Number(fields[1]),
    start: fields[19] ?? "",
  };
}

/** What ip(8) mounts on itself with its first namespace, and leaves for good; a namespace in it is a leak of its own. */
const ofIproute = "/run/netns";

/** Keyed by the mount's number and place: the number alone is given again. */
function mountsOf(mountinfo: string): Map<string, string> {
  return new Map(
    mountinfo
      .split("\n")
      .filter((line) => line !== "" && line.split(" ")[4] !== ofIproute)
      .map((line) => {
        const [id, , , , place] = line.split(" ");
        return [`${id} ${place}`, `${place} (${line.split(" - ")[1] ?? ""})`];
      }),
  );
}

function cgroupsOf(mountinfo: string): Map<string, string> {
  const roots = mountinfo
    .split("\n")
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(" ")[4] ?? "");
  const own = read("/proc/self/cgroup")
    .split("\n")
    .map((line) => line.split(":").slice(2).join(":"));
  const names = roots.flatMap((root) =>
    folders(root).filter((folder) => !isBeside(folder.slice(root.length), own)),
  );
  return named(names);
}

/** Whether a cgroup lies beside one of the runner's own, below a folder that is not the root: whoever put the runner there made it. Pure. */
export function isBeside(cgroup: string, own: readonly string[]): boolean {
  return own.some((mine) => {
    const above = mine.slice(0, mine.lastIndexOf("/") + 1);
    return above.length > 1 && cgroup.startsWith(above) && !`${cgroup}/`.startsWith(`${mine}/`);
  });
}

function networkNamespaces(processes: readonly Process[]): Map<string, string> {
  const found = new Map(list("/run/netns").map((name) => [name, `/run/netns/${name}`]));
  for (const { pid, zombie } of processes) {
    const link = zombie ? "" : readLink(`/proc/${pid}/ns/net`);
    if (link && !found.has(link)) found.set(link, `${link} of process ${pid}`);
  }
  return found;
}

/** What a resolver or a service of ours puts on loopback; other interfaces of ours come with theirs, and what others have may change meanwhile. */
function addresses(): string[] {
  return Object.entries(networkInterfaces()).flatMap(([name, all = []]) =>
    all.filter(({ internal }) => internal).map(({ cidr }) => `${cidr ?? ""} on ${name}`),
  );
}

/** Ours are named after us; without nft there are none. */
function tables(): string[] {
  if (!Bun.which("nft")) return [];
  const { stdout } = Bun.spawnSync(["nft", "list", "tables"], { stderr: "ignore", timeout: 20_000 });
  return stdout
    .toString()
    .split("\n")
    .filter((line) => / sampan/.test(line))
    .map((line) => line.replace("table ", ""));
}

function scratchFiles(): string[] {
  const runner = (name: string) => name.startsWith("sampan-test-");
  const mine = (folder: string) => list(folder).filter((name) => name.startsWith("sampan"));
  return [...new Set(["/run", "/tmp", "/dev/shm", "/etc", "/var/lib", tmpdir()])].flatMap((folder) =>
    mine(folder)
      .filter((name) => !runner(name))
      .map((name) => join(folder, name)),
  );
}

/** All folders below one; what vanishes meanwhile is passed over. */
function folders(root: string): string[] {
  return readOr([], () => readdirSync(root, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => [join(root, entry.name), ...folders(join(root, entry.name))]);
}

function deep(root: string): string[] {
  return readOr([], () => readdirSync(root, { recursive: true, encoding: "utf8" })).map((name) =>
    join(root, name),
  );
}

function named(names: readonly string[]): Map<string, string> {
  return new Map(names.map((name) => [name, name]));
}

function list(folder: string): string[] {
  return readOr([], () => readdirSync(folder));
}

function read(path: string): string {
  return readOr("", () => readFileSync(path, "utf8"));
}

function readLink(path: string): string {
  return readOr("", () => readlinkSync(path));
}

/** Processes and cgroups go while they are read; a thing that cannot be read is a thing that is not there. */
function readOr<T>(fallback: T, action: () => T): T {
  try {
    return action();
  } catch {
    return fallback;
  }
}
