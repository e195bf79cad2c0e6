/**
 * `system audit`: the host held against the rows. What containers, networks and volumes are made of outside of the database (monitors, processes, mounts, cgroups, network
 * devices and rules, folders, sockets) belongs to one that runs, or it is left over; and of one that runs all of it is there, or it is missing.
 *
 * An audit is right while others work: what it finds must be there in two looks, some time apart, so that what is just being made or taken away is not told. With `repair` what is
 * left over is taken away, and a container of which something is missing is healed as after a crash: by the next restore, not here.
 */
import type { AuditItem } from "../../spec/docker/system.ts";
import { SampanError } from "../../base/errors.ts";
import type { LiveEngine } from "../engine.ts";
import { podRows, wantedPods } from "../pods/places.ts";
import { differences, type Facts, type Found } from "./_compare.ts";
import { lookAtHost } from "./_host.ts";
import { repairOne } from "./_repair.ts";

export type Finding = AuditItem;
export type AuditParts = Pick<
  LiveEngine,
  "settings" | "store" | "containers" | "networks" | "volumes" | "leases" | "tasks"
>;

export interface AuditOptions {
  readonly repair?: boolean;
  readonly signal?: AbortSignal;
}

/** Milliseconds between two looks: longer than a start or a removal leaves things half made. */
const pause = 700;
const looks = 4;

/** Changes nothing without `repair`. None: all is well. */
export async function audit(
  engine: AuditParts,
  { repair = false, signal }: AuditOptions = {},
): Promise<Finding[]> {
  const found = await lasting(engine, signal);
  const findings: Finding[] = [];
  for (const { kind, name, owner, problem } of found) {
    signal?.throwIfAborted();
    const repaired =
      repair && problem === "left over" && (await repairOne(engine, { kind, name, owner, problem }));
    findings.push({ kind, name, owner, problem, repaired });
  }
  return findings;
}

/** Found in every look. */
async function lasting(engine: AuditParts, signal: AbortSignal | undefined): Promise<readonly Found[]> {
  let found = await look(engine);
  for (let again = 1; again < looks && found.length > 0; again++) {
    await waited(pause / (looks - 1), signal);
    const now = new Set((await look(engine)).map(keyOf));
    found = found.filter((each) => now.has(keyOf(each)));
  }
  return found;
}

function keyOf({ kind, name, owner, problem }: Found): string {
  return JSON.stringify([kind, name, owner, problem]);
}

async function look(engine: AuditParts): Promise<readonly Found[]> {
  // The rows first and last: what changed its state between is not judged.
  const before = factsOf(engine);
  const host = lookAtHost(engine.settings, parentsOf(engine));
  const after = factsOf(engine);
  const same = (id: string) => before.states.get(id) === after.states.get(id);
  const strings = await engine.networks.audit([...runningOf(after), ...wantedPods(engine.store)]);
  return [
    ...differences(host, after).filter(({ owner }) => owner === "" || same(owner)),
    ...strings.map((name) => ({ kind: "network", name, owner: "", problem: problemOf(name) })),
  ];
}

/** Cgroups of pods, which hold those of their containers. */
function parentsOf({ store }: AuditParts): string[] {
  return [...new Set(podRows(store).flatMap(({ request }) => request.cgroupParent ?? []))];
}

/** networks.audit says in words what is wrong. */
function problemOf(words: string): Found["problem"] {
  return /\b(?:missing|not there|absent|gone|lacks|no longer)\b/.test(words) ? "missing" : "left over";
}

function runningOf({ states }: Facts): string[] {
  return [...states].filter(([, state]) => state === "running" || state === "paused").map(([id]) => id);
}

function factsOf({ containers, store, volumes, leases }: AuditParts): Facts {
  const list = containers.list();
  const running = new Set(
    list.filter(({ state }) => state === "running" || state === "paused").map(({ id }) => id),
  );
  return {
    root: store.root,
    states: new Map(list.map(({ id, state }) => [id, state])),
    pids: new Map(list.flatMap(({ id, pid }) => (pid === undefined ? [] : [[id, pid] as const]))),
    pods: new Set(podRows(store).map(({ id }) => id)),
    volumes: new Map(
      volumes.list().map(({ name }) => [name, volumes.users(name).some((id) => running.has(id))] as const),
    ),
    deadLeases: leases.list().flatMap(({ id, purpose, alive }) => (alive ? [] : [{ id, purpose }])),
  };
}

async function waited(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await Bun.sleep(ms);
  if (signal?.aborted) throw new SampanError("cancelled", "cannot audit: it was interrupted");
}
