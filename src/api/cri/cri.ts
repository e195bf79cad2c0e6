/**
 * The contract of the CRI's parts (Kubernetes' Container Runtime Interface, v1): each folder or file makes some of the calls over the engine, `open.ts` puts them together and serves them by gRPC on
 * a unix socket. They translate: what a sandbox or container is made of, and its life, are engine/pods and engine/containers. A call that the standard has and no part makes is a type error of open.ts.
 *
 *   version.ts     Version, Status, RuntimeConfig, UpdateRuntimeConfig
 *   sandboxes/     Run-, Stop-, Remove-, ListPodSandbox, PodSandboxStatus, StreamPodSandboxes, UpdatePodSandboxResources
 *   containers/    Create-, Start-, Stop-, RemoveContainer, ListContainers, StreamContainers, ContainerStatus, UpdateContainerResources
 *   events.ts      GetContainerEvents
 *   streaming/     Exec, Attach, PortForward and their server, ExecSync, ReopenContainerLog, CheckpointContainer
 *   stats/         ContainerStats, PodSandboxStats and metrics, single, listed and streamed
 *   images/        the six calls of ImageService
 *
 * Errors: a call throws SampanError (or lets the engine's through); errors.ts makes gRPC's of them. What a client sends is checked by whoever uses it.
 */
import type { ServiceImpl } from "@connectrpc/connect";
import type { Clock } from "../../base/clock.ts";
import type { LiveEngine } from "../../engine/engine.ts";
import type { CriSettings } from "../../engine/settings.ts";
import type { ImageService, RuntimeService } from "../../wire/cri/cri_pb.ts";

export interface CriContext {
  readonly engine: LiveEngine;
  readonly settings: CriSettings;
  readonly clock: Clock;
  readonly log: (text: string) => void;
  /** Ends what the parts still do, when the server is closed. */
  readonly signal: AbortSignal;
}

export type RuntimeCalls = ServiceImpl<typeof RuntimeService>;
export type ImageCalls = ServiceImpl<typeof ImageService>;
