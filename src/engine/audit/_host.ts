/** What of ours is on the host, as plain values. What vanishes while it is looked at is passed over. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { processStart } from "../../kernel/process.ts";
import { monitorsOf } from "../containers/monitor-processes.ts";
import type { EngineSettings } from "../settings.ts";
import { mountPoints, unescaped } from "./_mount-points.ts";

export interface Host {
  /** Monitors whose folder lies below the state folder. */
  readonly monitors: readonly { readonly pid: number; readonly folder: string }[];
  /** Of all containers of Sampan on this host, this engine's or another's: by id. */
  readonly cgroups: readonly Cgroup[];
  /** Mount points below the data root or the state folder. */
  readonly mounts: readonly string[];
  /** Paths in the folders of the state folder that hold an entry a container, or one a runtime and in that one a container; the last name is the id. */
  readonly folders: Readonly<Record<StateFolder, readonly string[]>>;
  /** Sockets of commands, with the process that made them. */
  readonly sockets: readonly { readonly path: string; readonly pid: number }[];
  readonly state: string;
  /** Whether a process lives. */
  readonly lives: (pid: number) => boolean;
}

export interface Cgroup {
  readonly id: string;
  /** A process is in it, in one hierarchy at least. */
  readonly populated: boolean;
  /** Milliseconds since the last of them was made. */
  readonly age: number;
}

export const stateFolders = ["containers", "roots", "runtime"] as const;
export type StateFolder = (typeof stateFolders)[number];

/** `parents`: cgroups besides the topmost that hold those of containers. */
export function lookAtHost(
  { state, root }: Pick<EngineSettings, "state" | "root">,
  parents: readonly string[] = [],
): Host {
  // Other names there are not a container's.
  const ids = (name: string) => list(join(state, name)).filter((id) => /^[0-9a-f]{64}$/.test(id));
  const below = (name: string) =>
    list(join(state, name)).flatMap((each) => ids(join(name, each)).map((id) => join(each, id)));
  return {
    monitors: monitorsOf(state).map(({ pid, folder }) => ({
      pid,
      folder: folder.replace(/ \(deleted\)$/, ""),
    })),
    cgroups: cgroups(parents),
    mounts: mountsBelow([state, root]),
    folders: { containers: ids("containers"), roots: ids("roots"), runtime: below("runtime") },
    sockets: socketsIn(state),
    state,
    lives: (pid) => processStart(pid) !== undefined,
  };
}

const named = /^sampan-([0-9a-f]{64})$/;

function cgroups(parents: readonly string[]): Cgroup[] {
  const folders = cgroupFolders().flatMap((top) => [top, ...parents.map((parent) => join(top, parent))]);
  const found = folders.flatMap((top) =>
    list(top).flatMap((name) => {
      const [, id] = named.exec(name) ?? [];
      const path = join(top, name);
      return id === undefined ? [] : [{ id, populated: isPopulated(path), age: ageOf(path) }];
    }),
  );
  // In version 1 each hierarchy has its own.
  return [...Map.groupBy(found, ({ id }) => id)].map(([id, all]) => ({
    id,
    populated: all.some(({ populated }) => populated),
    age: Math.min(...all.map(({ age }) => age)),
  }));
}

/** Where each hierarchy is mounted. */
export function cgroupFolders(): string[] {
  return text("/proc/self/mountinfo")
    .split("\n")
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => unescaped(line.split(" ")[4] ?? ""));
}

function isPopulated(path: string): boolean {
  const events = text(join(path, "cgroup.events"));
  if (events !== "") return /^populated 1$/m.test(events);
  return text(join(path, "cgroup.procs")).trim() !== "";
}

function ageOf(path: string): number {
  const made = statSync(path, { throwIfNoEntry: false })?.ctimeMs;
  return made === undefined ? 0 : Date.now() - made;
}

function mountsBelow(folders: readonly string[]): string[] {
  return mountPoints().filter((place) => folders.some((folder) => place.startsWith(`${folder}/`)));
}

function socketsIn(state: string): Host["sockets"] {
  return list(state).flatMap((name) => {
    const [, pid] = /^(?:command-|\.)(\d+)\.sock$/.exec(name) ?? [];
    return pid === undefined ? [] : [{ path: join(state, name), pid: Number(pid) }];
  });
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
