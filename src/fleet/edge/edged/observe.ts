/** What the engine has of a pod, as plain values. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../../base/errors.ts";
import type { ContainerInfo } from "../../../engine/containers/containers.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import { podLabels } from "./sandbox.ts";
import type { PodView, Seen } from "./view.ts";

/** Beside those of sandbox.ts. */
export const ownLabels = {
  hash: "io.sampan.container.hash",
  generation: "io.sampan.pod.generation",
  image: "io.sampan.container.image",
  node: "io.sampan.edge.node",
  /** Seconds that its containers have to end. */
  grace: "io.sampan.pod.grace",
} as const;

export interface Observed {
  readonly sandbox: PodView["sandbox"];
  readonly seen: readonly Seen[];
}

/** Undefined: there is none by that id any more. */
export function observe(
  engine: Pick<LiveEngine, "pods" | "containers">,
  sandbox: string,
): Observed | undefined {
  try {
    const { id, generation, state, ips } = engine.pods.get(sandbox);
    const seen = engine.pods.containers(sandbox).flatMap((each) => {
      const info = infoOf(engine, each);
      return info ? [seenOf(info)] : [];
    });
    return { sandbox: { id, generation, ready: state === "ready", ips }, seen };
  } catch (error) {
    if (SampanError.from(error).code === "not_found") return undefined;
    throw error;
  }
}

/** It may be removed at any time. */
function infoOf({ containers }: Pick<LiveEngine, "containers">, id: string): ContainerInfo | undefined {
  try {
    return containers.get(id);
  } catch (error) {
    if (SampanError.from(error).code === "not_found") return undefined;
    throw error;
  }
}

const states: Readonly<Record<ContainerInfo["state"], Seen["state"]>> = {
  created: "made",
  running: "running",
  paused: "running",
  restarting: "ended",
  removing: "ended",
  exited: "ended",
  dead: "ended",
};

function seenOf(info: ContainerInfo): Seen {
  const labels = info.body.Labels ?? {};
  const state = states[info.state];
  const started = info.started?.getTime();
  // Nobody has seen a start that failed begin or end.
  const finished = (info.finished ?? (info.error === "" ? undefined : info.created))?.getTime();
  return {
    id: info.id,
    name: labels[podLabels.container] ?? "",
    attempt: Number(labels[podLabels.attempt] ?? 0),
    generation: labels[ownLabels.generation] ?? "",
    hash: labels[ownLabels.hash] ?? "",
    state,
    ...(started !== undefined && { started }),
    ...(finished !== undefined && { finished }),
    ...(info.exitCode !== undefined && state !== "running" && { exitCode: info.exitCode }),
    oomKilled: info.oomKilled,
    error: info.error,
    imageId: labels[ownLabels.image] ?? info.imageId,
  };
}

/** As kubelet has it. */
const longestMessage = 4096;

/** The file behind terminationMessagePath of one attempt. */
export function messageFile(folder: string, name: string, attempt: number): string {
  return join(folder, `${name}.${attempt}`);
}

/** What a container has written there, as far as it is taken; empty when there is nothing. */
export function readMessage(path: string): string {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return "";
  }
  try {
    if (!fstatSync(fd).isFile()) return "";
    const bytes = Buffer.alloc(longestMessage);
    return bytes.subarray(0, readSync(fd, bytes, 0, longestMessage, 0)).toString("utf8");
  } finally {
    closeSync(fd);
  }
}
