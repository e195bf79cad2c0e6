/** What a worker knows of its pod at one moment: all that its next steps and its status follow from. Plain values. */
import { createHash } from "node:crypto";
import type { Container, Pod } from "../../../spec/kubernetes/pod.ts";
import type { Backoff } from "./backoff.ts";
import type { ProbeKind } from "./translate.ts";

export type ContainerKind = "init" | "sidecar" | "app" | "ephemeral";

/** A container of the engine that was made for a pod: one attempt. */
export interface Seen {
  readonly id: string;
  readonly name: string;
  readonly attempt: number;
  /** Of the sandbox that it was made for: another one after a start of the machine. */
  readonly generation: string;
  /** Of what was asked for: containerHash. */
  readonly hash: string;
  /** `made`: not started yet, or its start has failed, as `error` says. */
  readonly state: "made" | "running" | "ended";
  readonly started?: number;
  readonly finished?: number;
  readonly exitCode?: number;
  readonly oomKilled: boolean;
  /** Why its start failed; empty. */
  readonly error: string;
  readonly imageId: string;
  /** What it left as its last words. */
  readonly message?: string;
}

/** Why something was not done, and when it is tried again. */
export interface Failure {
  readonly reason: string;
  readonly message: string;
  readonly since: number;
  readonly until: number;
  readonly count: number;
}

export interface Ending {
  /** `gone`: nobody wants to hear of it any more. */
  readonly kind: "deleted" | "gone";
  /** When what still runs is killed. */
  readonly until: number;
}

export interface PodView {
  readonly pod: Pod;
  readonly now: number;
  readonly sandbox:
    | {
        readonly id: string;
        readonly generation: string;
        readonly ready: boolean;
        readonly ips: readonly string[];
      }
    | undefined;
  /** Its volumes are there. */
  readonly mounted: boolean;
  /** Something of its volumes may lie on the disk: also of a preparation that was cut off, by this process or by one before. */
  readonly touched: boolean;
  /** Every attempt that the engine still has. */
  readonly seen: readonly Seen[];
  /** Names of containers that something is being done to; the sandbox is "". */
  readonly busy: ReadonlySet<string>;
  /** By name, as `busy`. */
  readonly failures: ReadonlyMap<string, Failure>;
  readonly backoffs: ReadonlyMap<string, Backoff>;
  /** Ids of those that were ended to be started again. */
  readonly again: ReadonlySet<string>;
  /** Ids of those whose postStart hook is not done. */
  readonly hooking: ReadonlySet<string>;
  readonly verdict: (id: string, kind: ProbeKind) => boolean | undefined;
  readonly ending: Ending | undefined;
  /** It was given up: evicted, over its deadline, refused. */
  readonly failed: { readonly reason: string; readonly message: string; readonly grace?: number } | undefined;
  /** When this node first heard of it. */
  readonly startTime: number;
}

export interface Wanted {
  readonly container: Container;
  readonly kind: ContainerKind;
}

export function isSidecar({ restartPolicy }: Container): boolean {
  return restartPolicy === "Always";
}

export function initContainers({ spec }: Pod): Wanted[] {
  return (spec.initContainers ?? []).map((container) => ({
    container,
    kind: isSidecar(container) ? "sidecar" : "init",
  }));
}

export function appContainers({ spec }: Pod): Wanted[] {
  return spec.containers.map((container) => ({ container, kind: "app" }));
}

export function ephemeralContainers({ spec }: Pod): Wanted[] {
  return (spec.ephemeralContainers ?? []).map((container) => ({ container, kind: "ephemeral" }));
}

export function allContainers(pod: Pod): Wanted[] {
  return [...initContainers(pod), ...appContainers(pod), ...ephemeralContainers(pod)];
}

/** The last attempt of a container. */
export function latest({ seen }: Pick<PodView, "seen">, name: string): Seen | undefined {
  return seen.filter((each) => each.name === name).toSorted((a, b) => b.attempt - a.attempt)[0];
}

/** The one before the last. */
export function previous({ seen }: Pick<PodView, "seen">, name: string): Seen | undefined {
  return seen.filter((each) => each.name === name).toSorted((a, b) => b.attempt - a.attempt)[1];
}

export const isEnded = ({ state, error }: Seen): boolean =>
  state === "ended" || (state === "made" && error !== "");

export function hasEnded(seen: Seen | undefined): seen is Seen {
  return seen !== undefined && isEnded(seen);
}

export const isRunning = (seen: Seen | undefined): seen is Seen => seen?.state === "running";

/** With 128 for a start that has failed without a number. */
export function exitCode({ exitCode: code, error }: Seen): number {
  return code ?? (error === "" ? 255 : 128);
}

/** What of a container cannot change without another one: as kubelet since 1.31, its image. */
export function containerHash({ name, image }: Container): string {
  return createHash("sha256")
    .update(JSON.stringify([name, image]))
    .digest("hex")
    .slice(0, 16);
}

export function restartPolicy({ spec }: Pod): "Always" | "OnFailure" | "Never" {
  const { restartPolicy: policy } = spec;
  return policy === "OnFailure" || policy === "Never" ? policy : "Always";
}

/** Whether one that ended is wanted again. */
export function wantsRestart(view: Pick<PodView, "pod" | "again">, wanted: Wanted, seen: Seen): boolean {
  if (wanted.kind === "ephemeral") return false;
  if (wanted.kind === "sidecar" || view.again.has(seen.id)) return true;
  const policy = restartPolicy(view.pod);
  if (exitCode(seen) === 0) return policy === "Always" && wanted.kind === "app";
  return policy !== "Never";
}

/** Startup has succeeded and the hook is done: those after a sidecar may start. */
export function hasStarted(view: Pick<PodView, "verdict" | "hooking">, seen: Seen | undefined): boolean {
  return isRunning(seen) && !view.hooking.has(seen.id) && view.verdict(seen.id, "startup") === true;
}

/** All init containers have done what they had to, in this sandbox. */
export function isInitialized(view: PodView): boolean {
  const { pod, sandbox } = view;
  const isFresh = (seen: Seen | undefined) => seen !== undefined && seen.generation === sandbox?.generation;
  if (appContainers(pod).some(({ container }) => isFresh(latest(view, container.name)))) return true;
  return initContainers(pod).every(({ container, kind }) => {
    const seen = latest(view, container.name);
    if (kind === "sidecar") return hasStarted(view, seen);
    return isFresh(seen) && seen?.state === "ended" && exitCode(seen) === 0;
  });
}

/** An init container that is not tried again has failed. */
export function failedInit(view: PodView): Seen | undefined {
  if (restartPolicy(view.pod) !== "Never" || isInitialized(view)) return undefined;
  return initContainers(view.pod)
    .filter(({ kind }) => kind === "init")
    .map(({ container }) => latest(view, container.name))
    .find((seen) => hasEnded(seen) && seen.generation === view.sandbox?.generation && exitCode(seen) !== 0);
}

/** All containers have ended, and none is wanted again. */
export function isComplete(view: PodView): boolean {
  if (failedInit(view)) return true;
  return appContainers(view.pod).every((wanted) => {
    const seen = latest(view, wanted.container.name);
    return !view.busy.has(wanted.container.name) && hasEnded(seen) && !wantsRestart(view, wanted, seen);
  });
}
