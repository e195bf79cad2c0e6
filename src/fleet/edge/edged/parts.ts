/** What pod workers and what they do are made of: the engine, and the functions that give a pod's fields their meaning on this node. */
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Action, Container, Pod, PodStatus } from "../../../spec/kubernetes/pod.ts";
import type { EdgeContext } from "../part.ts";
import type { NodeFacts, PodVolumes, Probes } from "./translate.ts";

export interface ReadyImage {
  readonly id: string;
  /** As a status tells it; the id without it. */
  readonly imageID?: string;
  /** USER of its configuration. */
  readonly user?: string;
}

export interface HookTarget {
  readonly kind: "postStart" | "preStop";
  readonly pod: Pod;
  readonly container: Container;
  /** The engine's id. */
  readonly id: string;
  readonly podIp: string | undefined;
}

/** What may be another one in tests. */
export interface Means {
  readonly volumes: PodVolumes;
  readonly probes: Probes;
  /** Pulls it as the policy says. Errors: PodError. */
  readonly image: (pod: Pod, container: Container, signal: AbortSignal) => Promise<ReadyImage>;
  /** Errors: PodError. */
  readonly hook: (action: Action, target: HookTarget, signal: AbortSignal) => Promise<void>;
}

export interface EdgedParts extends Pick<EdgeContext, "engine" | "meta" | "clock" | "log" | "signal"> {
  readonly facts: NodeFacts;
  readonly means: Means;
  readonly services: () => readonly KubeObject[];
  /** Before anything is made of a pod. Errors: PodError, final, for one that this node cannot take. */
  readonly admit: (pod: Pod, signal: AbortSignal) => Promise<void>;
  /** `<data of the edge>/edged/state`: a folder for each pod in it. */
  readonly folder: string;
}

export type EventKind = "Normal" | "Warning";

/** Whom a worker tells. */
export interface Listener {
  /** Of a status that differs from the one before. */
  status(pod: Pod, status: PodStatus): void;
  event(
    pod: Pod,
    type: EventKind,
    what: { readonly reason: string; readonly message: string; readonly container?: string },
  ): void;
  /** A deleted pod has ended: the cloud is to be told until it knows. */
  ended(pod: Pod): void;
  /** One that nobody asks for is gone. */
  gone(uid: string): void;
}
