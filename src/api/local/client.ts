/**
 * The in-process door of the command line until a daemon runs: an engine in the shapes of Docker's API, as src/cli/client asks for them. It translates and has
 * no rules. What a call needs is loaded when it is called.
 */
import type { Healed } from "../../engine/containers/heal.ts";
import type { Engine } from "../../engine/engine.ts";
import type { DockerConfig } from "../../engine/registry/docker-config.ts";
import { archiveCalls } from "./archives.ts";
import { containerCalls } from "./containers.ts";
import { imageCalls } from "./images.ts";
import { registryCalls } from "./registry.ts";
import { systemCalls } from "./system.ts";

export interface LocalParts {
  /** The argument list of our own OCI runtime. */
  readonly runtime: readonly string[];
  /** Where login keeps what it is given. */
  readonly credentials: () => Promise<DockerConfig>;
}

/** Disposing the client disposes the engine. */
export function localClient(engine: Engine, { runtime, credentials }: LocalParts) {
  const heal = once(() => healed(engine, runtime));
  const containers = containerCalls(engine, { runtime, heal });
  return {
    ...imageCalls(engine, heal),
    ...archiveCalls(engine),
    ...registryCalls(engine, credentials),
    ...containers,
    ...systemCalls(engine, { ...containers, heal }),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

/** What a crash left of containers is put right before the first call that looks at them; those that do not need not wait for it. */
async function healed(engine: Engine, runtime: readonly string[]): Promise<readonly Healed[]> {
  const { healContainers } = await import("../../engine/containers/heal.ts");
  return healContainers(engine, { runtime });
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
