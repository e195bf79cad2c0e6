/** How the OCI runtime of a container is called. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Engine } from "../engine.ts";
import { hostConfig, type StoredContainer } from "./request.ts";

/** What running and removing take of an engine. */
export type RunParts = Pick<Engine, "store" | "settings" | "snapshots" | "containers" | "unpacker">;

export interface RuntimeOption {
  /** The argument list of our own runtime, for containers that name none. */
  readonly runtime: readonly string[];
}

/** The runtime that was asked for, else ours, with its own folder of states. */
export function runtimeCommand(
  engine: Pick<Engine, "settings">,
  { body }: StoredContainer,
  own: readonly string[],
): string[] {
  const { Runtime } = hostConfig(body);
  const command = Runtime ? [Runtime] : own;
  return [...command, "--root", runtimeRoot(engine)];
}

export function runtimeRoot({ settings }: Pick<Engine, "settings">): string {
  const path = join(settings.state, "runtime");
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return path;
}
