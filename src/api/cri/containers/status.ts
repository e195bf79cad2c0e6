/** Containers as the CRI shows them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type MessageInitShape, toJson } from "@bufbuild/protobuf";
import type { ContainerInfo } from "../../../engine/containers/containers.ts";
import { containerFolder } from "../../../engine/containers/create.ts";
import type { LocalImage } from "../../../engine/images/images.ts";
import type { OciConfig } from "../../../spec/oci/config.ts";
import {
  ContainerConfigSchema,
  type ContainerFilter,
  type ContainerSchema,
  ContainerState,
  type ContainerStatusSchema,
} from "../../../wire/cri/cri_pb.ts";
import type { CriContext } from "../cri.ts";
import type { KnownContainer } from "../known.ts";
import { hasLabels } from "../pieces.ts";
import { nanoseconds } from "../time.ts";
import { resourcesOf } from "./resources.ts";
import { signalOf } from "./signals.ts";

type Item = MessageInitShape<typeof ContainerSchema>;
type Status = MessageInitShape<typeof ContainerStatusSchema>;
type Parts = Pick<CriContext, "engine">;

/** Of one that could not be started: the CRI has it as ended. */
export const failedStart = { code: 128, reason: "StartError" } as const;

const hasFailed = ({ state, error }: ContainerInfo) => state === "created" && error !== "";

export function stateOf(info: ContainerInfo): ContainerState {
  if (hasFailed(info)) return ContainerState.CONTAINER_EXITED;
  if (info.state === "created") return ContainerState.CONTAINER_CREATED;
  if (info.state === "running" || info.state === "paused") return ContainerState.CONTAINER_RUNNING;
  return ContainerState.CONTAINER_EXITED;
}

/** Quick with hundreds: nothing is looked up. */
export function containerItem({ info, pod, config }: KnownContainer): Item {
  const { id, imageId, created } = info;
  return {
    id,
    podSandboxId: pod,
    ...(config.metadata && { metadata: config.metadata }),
    ...(config.image && { image: config.image }),
    imageRef: imageId,
    imageId,
    state: stateOf(info),
    createdAt: nanoseconds(created),
    labels: config.labels,
    annotations: config.annotations,
  };
}

export function containerStatus({ engine }: Parts, known: KnownContainer): Status {
  const { info, config } = known;
  const image = engine.images.find(info.imageId);
  const user = userOf(engine.store.root, info.id);
  return {
    ...lifeOf(info),
    id: info.id,
    ...(config.metadata && { metadata: config.metadata }),
    image: {
      image: shownImage(image, known),
      annotations: config.image?.annotations ?? {},
      userSpecifiedImage: config.image?.userSpecifiedImage ?? "",
      runtimeHandler: config.image?.runtimeHandler ?? "",
    },
    imageRef: image?.repoDigests[0] ?? info.imageId,
    imageId: info.imageId,
    labels: config.labels,
    annotations: config.annotations,
    mounts: config.mounts,
    logPath: info.extras.logPath ?? "",
    resources: { linux: resourcesOf(info) },
    ...(user && { user: { linux: user } }),
    stopSignal: config.stopSignal || signalOf(info.imageConfig.StopSignal || "SIGTERM"),
  };
}

/** By a name, where it has one. */
function shownImage(image: LocalImage | undefined, { config }: KnownContainer): string {
  return image?.names[0] ?? image?.repoDigests[0] ?? config.image?.image ?? "";
}

function lifeOf(info: ContainerInfo) {
  const { created, started, finished, error } = info;
  const times = { state: stateOf(info), createdAt: nanoseconds(created) };
  if (hasFailed(info))
    return {
      ...times,
      // Nobody wrote down when; kubelet counts the time to its next try from here.
      finishedAt: nanoseconds(created),
      exitCode: failedStart.code,
      reason: failedStart.reason,
      message: error,
    };
  if (times.state !== ContainerState.CONTAINER_EXITED) return { ...times, startedAt: nanoseconds(started) };
  const exitCode = info.exitCode ?? 255;
  return {
    ...times,
    startedAt: nanoseconds(started),
    finishedAt: nanoseconds(finished ?? started ?? created),
    exitCode,
    reason: info.oomKilled ? "OOMKilled" : exitCode === 0 ? "Completed" : "Error",
    message: error,
  };
}

/** What its last start was made with; undefined before the first. */
function specOf(root: string, id: string): OciConfig | undefined {
  try {
    return JSON.parse(readFileSync(join(containerFolder(root, id), "config.json"), "utf8")) as OciConfig;
  } catch {
    // Never started, or a power cut has left half of it.
    return undefined;
  }
}

function userOf(root: string, id: string) {
  const user = specOf(root, id)?.process?.user;
  if (!user) return undefined;
  const { uid = 0, gid = 0, additionalGids = [] } = user;
  return { uid: BigInt(uid), gid: BigInt(gid), supplementalGroups: additionalGids.map(BigInt) };
}

/** For people and their scripts, as JSON; names as containerd's, whom scripts know. */
export function containerInfo(
  { engine }: Parts,
  { info, pod, config }: KnownContainer,
): Record<string, string> {
  const { id, pid = 0, snapshot } = info;
  const shown = {
    sandboxID: pod,
    pid,
    snapshotKey: snapshot,
    snapshotter: engine.settings.snapshotter,
    runtimeType: info.body.HostConfig?.Runtime || engine.runtimes.default,
    config: toJson(ContainerConfigSchema, config),
    runtimeSpec: specOf(engine.store.root, id),
  };
  return { info: JSON.stringify(shown) };
}

export function isWanted(
  { info, pod, config }: KnownContainer,
  filter: ContainerFilter | undefined,
): boolean {
  if (!filter) return true;
  return (
    info.id.startsWith(filter.id) &&
    pod.startsWith(filter.podSandboxId) &&
    (!filter.state || filter.state.state === stateOf(info)) &&
    hasLabels(config.labels, filter.labelSelector)
  );
}
