/** Rows and host, side by side. Pure. */
import { join } from "node:path";
import type { AuditItem } from "../../spec/docker/system.ts";
import type { LifeState } from "../containers/life.ts";
import { type Host, stateFolders } from "./_host.ts";

export type Found = Omit<AuditItem, "repaired">;

/** What the rows say. */
export interface Facts {
  readonly root: string;
  readonly states: ReadonlyMap<string, LifeState>;
  /** First processes, of those that run. */
  readonly pids: ReadonlyMap<string, number>;
  /** Sandboxes of pods: what they have is looked after by their restore. */
  readonly pods: ReadonlySet<string>;
  /** Name → whether a container that runs uses it. */
  readonly volumes: ReadonlyMap<string, boolean>;
  readonly deadLeases: readonly { readonly id: string; readonly purpose: string }[];
}

/** A cgroup without a process is empty for as long as a container is made or removed, not longer. */
const emptyFor = 10_000;

export function differences(host: Host, facts: Facts): Found[] {
  return [...leftOver(host, facts), ...missing(host, facts)];
}

function lives({ states }: Facts, id: string): boolean {
  const state = states.get(id);
  return state === "running" || state === "paused";
}

/** A row's own id where there is such a row: the thing is of that container, which does not run. */
function ownerOf({ states }: Facts, id: string): string {
  return states.has(id) ? id : "";
}

function leftOver(host: Host, facts: Facts): Found[] {
  const found: Found[] = [];
  const add = (kind: string, name: string, id: string) =>
    found.push({ kind, name, owner: ownerOf(facts, id), problem: "left over" });
  for (const { pid, folder } of host.monitors)
    if (!lives(facts, containerOf(host, folder)))
      if (!facts.pods.has(containerOf(host, folder)))
        add("monitor", `${pid} (${folder})`, containerOf(host, folder));
  for (const { id, populated, age } of host.cgroups) {
    if (lives(facts, id)) continue;
    // Of a container that this engine does not know it can say that nobody is in it, not whose it is.
    if (facts.states.has(id) || (!populated && age > emptyFor)) add("cgroup", `sampan-${id}`, id);
  }
  for (const name of stateFolders)
    for (const path of host.folders[name]) {
      const id = path.slice(path.lastIndexOf("/") + 1);
      if (!lives(facts, id)) add("folder", join(host.state, name, path), id);
    }
  for (const place of host.mounts) {
    const [kind, owner] = userOf(host, facts, place);
    if (kind === "container" && !lives(facts, owner)) add("mount", place, owner);
    if (kind === "volume" && facts.volumes.get(owner) !== true)
      found.push({
        kind: "mount",
        name: place,
        owner: facts.volumes.has(owner) ? owner : "",
        problem: "left over",
      });
  }
  for (const { path, pid } of host.sockets) if (!host.lives(pid)) add("socket", path, "");
  for (const { id, purpose } of facts.deadLeases) add("lease", `${id} (${purpose})`, "");
  return found;
}

/** `<state>/containers/<id>`, and what of execs lies below. */
function containerOf({ state }: Host, folder: string): string {
  return /^[^/]+\/([0-9a-f]{64})(?:\/|$)/.exec(folder.slice(state.length + 1))?.[1] ?? "";
}

/** Whose a mount is, by its place. Others (a namespace's file) are looked after by networks. */
function userOf(
  host: Host,
  { root }: Facts,
  place: string,
): readonly [kind: "container" | "volume" | "other", string] {
  const below = (folder: string) =>
    place.startsWith(`${folder}/`) ? place.slice(folder.length + 1) : undefined;
  const id = below(join(host.state, "roots"))?.split("/")[0];
  if (id !== undefined) return ["container", id];
  const volume = below(join(root, "volumes"))?.split("/")[0];
  return volume === undefined ? ["other", ""] : ["volume", volume];
}

function missing(host: Host, facts: Facts): Found[] {
  const monitored = new Set(host.monitors.map(({ folder }) => containerOf(host, folder)));
  const limited = new Set(host.cgroups.map(({ id }) => id));
  const mounted = new Set(host.mounts);
  const wanted = [...facts.states.keys()].filter((id) => lives(facts, id));
  return wanted.flatMap((id) => {
    const rootfs = join(host.state, "roots", id, "rootfs");
    const pid = facts.pids.get(id);
    const absent: (readonly [string, string])[] = [];
    if (!monitored.has(id)) absent.push(["monitor", join(host.state, "containers", id)]);
    if (pid === undefined || !host.lives(pid)) absent.push(["process", `${pid ?? "its first"}`]);
    if (!limited.has(id)) absent.push(["cgroup", `sampan-${id}`]);
    if (!mounted.has(rootfs)) absent.push(["mount", rootfs]);
    return absent.map(([kind, name]): Found => ({ kind, name, owner: id, problem: "missing" }));
  });
}
