/** Where a sandbox's things lie, and its row: what a container that joins it must know. */
import { lstatSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { readTextIfThere } from "../../kernel/files.ts";
import { thisBoot } from "../containers/life-rows.ts";
import type { EngineSettings } from "../settings.ts";
import type { Store } from "../store/store.ts";
import type { PodSandboxRequest } from "./pods.ts";

export interface PodRow {
  readonly id: string;
  readonly request: PodSandboxRequest;
  readonly created: number;
  /** False when it was stopped. */
  readonly wanted: boolean;
}

interface Row {
  readonly id: string;
  readonly request: string;
  readonly created: number;
  readonly wanted: number;
}

const columns = "id, request, created, wanted";

export function podRows({ db }: Store): PodRow[] {
  return db.query<Row, []>(`SELECT ${columns} FROM pods ORDER BY created, id`).all().map(rowOf);
}

/** Errors: `not_found`. */
export function podRow({ db }: Store, id: string): PodRow {
  const row = db.query<Row, [string]>(`SELECT ${columns} FROM pods WHERE id = ?`).get(id);
  if (row) return rowOf(row);
  throw new SampanError("not_found", `cannot find pod sandbox "${id.slice(0, 100)}": there is none`);
}

function rowOf({ id, request, created, wanted }: Row): PodRow {
  return { id, request: JSON.parse(request) as PodSandboxRequest, created, wanted: wanted === 1 };
}

/** Ids of those that shall be there: their networks are in use, with and without containers. */
export function wantedPods({ db }: Store): string[] {
  return db
    .query<{ id: string }, []>("SELECT id FROM pods WHERE wanted = 1")
    .all()
    .map(({ id }) => id);
}

/** Ids of the containers that were made for a sandbox, oldest first. */
export function containersOf({ db }: Store, pod: string): string[] {
  return db
    .query<{ id: string }, [string]>(
      "SELECT id FROM containers WHERE json_extract(config, '$.pod') = ? ORDER BY created, id",
    )
    .all(pod)
    .map(({ id }) => id);
}

export type PinnedNamespace = "user" | "ipc" | "uts" | "pid";

export interface PodPlaces {
  readonly folder: string;
  readonly user: string;
  readonly ipc: string;
  readonly uts: string;
  readonly pid: string;
  /** The file that says when it was made. */
  readonly generation: string;
  /** The tmpfs that goes with the IPC namespace. */
  readonly shm: string;
}

/** `<state>/pods/<id>`; hosts, hostname and resolv.conf lie in it by these names. */
export function placesOf({ state }: Pick<EngineSettings, "state">, id: string): PodPlaces {
  const folder = join(state, "pods", id);
  const at = (name: string) => join(folder, name);
  return {
    folder,
    user: at("user"),
    ipc: at("ipc"),
    uts: at("uts"),
    pid: at("pid"),
    generation: at("generation"),
    shm: at("shm"),
  };
}

/** Whether something is mounted there: it is of another file system than its folder. */
export function isMounted(path: string): boolean {
  return areMounted([path]);
}

/** The same of several in one folder. */
export function areMounted(paths: readonly string[]): boolean {
  const [first] = paths;
  if (first === undefined) return true;
  const folder = statSync(dirname(first), { throwIfNoEntry: false })?.dev;
  return paths.every((path) => {
    const found = lstatSync(path, { throwIfNoEntry: false });
    return found !== undefined && found.dev !== folder;
  });
}

/** `<boot id> <number>`; empty when it was not made since the machine has started. */
export function generationOf({ generation }: PodPlaces): string {
  const text = readTextIfThere(generation) ?? "";
  return text.startsWith(`${thisBoot()} `) ? text : "";
}

/** The network of a pod that is made by CNI's plug-ins. */
export const cni = "cni";

export const sharesHost = ({ network }: PodSandboxRequest): boolean => network === "host";

/** Which namespaces are pinned: the host's are not, a user namespace only where the pod has its own ids, and a PID namespace only where it shares one. */
export function pinnedOf(request: PodSandboxRequest): PinnedNamespace[] {
  return [
    ...(request.userns ? (["user"] as const) : []),
    ...(request.hostIpc ? [] : (["ipc"] as const)),
    ...(sharesHost(request) ? [] : (["uts"] as const)),
    ...(request.sharePid ? (["pid"] as const) : []),
  ];
}
