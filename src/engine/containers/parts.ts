/** What the verbs of a container's life take of an engine, where its things lie, and how its events are told. */
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import type { Monitors, Runtime } from "../../runtime/runtime.ts";
import type { LiveEngine } from "../engine.ts";
import type { ContainerInfo } from "./containers.ts";
import { hostConfig } from "./request.ts";

export type LifeParts = Pick<
  LiveEngine,
  | "settings"
  | "store"
  | "images"
  | "leases"
  | "snapshots"
  | "unpacker"
  | "containers"
  | "runtimes"
  | "events"
  | "networks"
  | "volumes"
  | "tasks"
> & { readonly monitors: Monitors };

/** Holds its monitor's socket, while it lives; goes with the end that is written down. */
export function monitorFolder({ settings }: Pick<LifeParts, "settings">, id: string): string {
  return join(settings.state, "containers", id);
}

export function runtimeOf(
  { runtimes }: Pick<LifeParts, "runtimes">,
  { body }: Pick<ContainerInfo, "body">,
): Runtime {
  return runtimes.get(hostConfig(body).Runtime || undefined);
}

export function emit(
  { events }: Pick<LifeParts, "events">,
  { id, name, image, body, imageConfig }: ContainerInfo,
  action: string,
  more: Readonly<Record<string, string>> = {},
): void {
  const attributes = { ...imageConfig.Labels, ...body.Labels, image, name, ...more };
  events.emit({ type: "container", action, id, attributes });
}

/** `running` and `paused` are under a monitor. */
export function isLive({ state }: Pick<ContainerInfo, "state">): boolean {
  return state === "running" || state === "paused";
}

export function findContainer(
  { containers }: Pick<LifeParts, "containers">,
  id: string,
): ContainerInfo | undefined {
  try {
    return containers.get(id);
  } catch (error) {
    if (SampanError.from(error).code === "not_found") return undefined;
    throw error;
  }
}
