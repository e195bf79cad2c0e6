/** What is measured, as functions from a peer to numbers. */
import { readFileSync } from "node:fs";
import { output } from "../_command.ts";
import { apiOf, type Api } from "../../test/daemon/_api.ts";
import type { Peer } from "./_peers.ts";

export const image = "busybox:bench";
export const sleeper = { Image: image, Cmd: ["sleep", "100000"], HostConfig: { NetworkMode: "none" } };

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

export function apiOfPeer({ socket = "" }: Peer): Api {
  return apiOf(socket);
}

/** Milliseconds of `run --rm IMAGE true` as a command. */
export async function runTrue(peer: Peer, network: "none" | "bridge"): Promise<number> {
  const words = peer.runTrue(image, network);
  return words ? timed(() => output([...peer.words, ...words])) : NaN;
}

/** Milliseconds until POST start answers, of a container that was made before. */
export async function warmStart(peer: Peer): Promise<number> {
  const api = apiOfPeer(peer);
  const id = await api.create(`start-${peer.name}`, sleeper);
  try {
    return await timed(() => api.post(`/containers/${id}/start`));
  } finally {
    await api.delete(`/containers/${id}?force=1`);
  }
}

/** Containers that were made and started a second, so many at a time. */
export async function startsPerSecond(peer: Peer, lanes: number, total: number): Promise<number> {
  const api = apiOfPeer(peer);
  const ids: string[] = [];
  let next = 0;
  const lane = async () => {
    while (next < total) {
      const id = await api.create(`many-${peer.name}-${++next}`, sleeper);
      ids.push(id);
      await api.post(`/containers/${id}/start`);
    }
  };
  const ms = await timed(() => Promise.all(Array.from({ length: lanes }, lane)));
  await removeAll(api, ids);
  return (total / ms) * 1000;
}

export async function removeAll(api: Api, ids: readonly string[]): Promise<void> {
  const left = ids.values();
  const lane = async () => {
    for (const id of left) await api.delete(`/containers/${id}?force=1`);
  };
  await Promise.all(Array.from({ length: 8 }, lane));
}

const fields = {
  pss: /^Pss: +(\d+) kB$/m,
  clean: /^Private_Clean: +(\d+) kB$/m,
  dirty: /^Private_Dirty: +(\d+) kB$/m,
} as const;

function rollup(pid: number, field: keyof typeof fields): number {
  try {
    return Number(fields[field].exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

/** MiB: proportional set sizes, added up. */
export function pssOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + rollup(pid, "pss"), 0);
}

/** MiB that nobody shares. */
export function privateOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + rollup(pid, "clean") + rollup(pid, "dirty"), 0);
}

/** Milliseconds of processor time so far, of those that live. */
export function processorOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    try {
      const text = readFileSync(`/proc/${pid}/stat`, "utf8");
      const values = text.slice(text.lastIndexOf(")") + 2).split(" ");
      return sum + (Number(values[11]) + Number(values[12])) * 10;
    } catch {
      return sum;
    }
  }, 0);
}

export interface Logged {
  readonly mibPerSecond: number;
  /** Milliseconds of daemon and what is beside the container, for each MiB. */
  readonly processorPerMib: number;
}

/** A program that writes lines as fast as it may, into the log. */
export async function logs(peer: Peer, mib: number): Promise<Logged> {
  const api = apiOfPeer(peer);
  const line = "a line of sixty-four bytes, as many programs write them, or so..";
  const script = `yes '${line}' | head -c ${mib}m; touch /done; sleep 1000`;
  const id = await api.create(`logs-${peer.name}`, { ...sleeper, Cmd: ["sh", "-c", script] });
  const before = new Set(peer.besides());
  await api.post(`/containers/${id}/start`);
  const begun = performance.now();
  const { Pid } = (await api.inspect(id)).State;
  const own = peer.besides().filter((pid) => !before.has(pid));
  const pids = [...peer.daemons(), ...own];
  const used = processorOf(pids);
  while (!(await Bun.file(`/proc/${Pid}/root/done`).exists())) await Bun.sleep(2);
  const ms = performance.now() - begun;
  const processor = processorOf(pids) - used;
  await api.delete(`/containers/${id}?force=1`);
  return { mibPerSecond: (mib / ms) * 1000, processorPerMib: processor / mib };
}
