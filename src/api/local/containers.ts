/** Calls about containers. */
import { SampanError } from "../../base/errors.ts";
import type { ContainerInfo } from "../../engine/containers/containers.ts";
import type { Engine } from "../../engine/engine.ts";
import type { ContainerSummary, RunRequest } from "../../spec/docker/containers.ts";
import type { LongCall } from "../../spec/docker/progress.ts";
import { parsePlatform } from "../../spec/image/platform.ts";
import { longOptions } from "./_steps.ts";

export interface ContainerParts {
  /** The argument list of our own OCI runtime. */
  readonly runtime: readonly string[];
  readonly heal: () => Promise<unknown>;
}

export function containerCalls(engine: Engine, { runtime, heal }: ContainerParts) {
  const remove = async (reference: string, force: boolean) => {
    const { removeContainer } = await import("../../engine/containers/remove.ts");
    await heal();
    return removeContainer(engine, reference, { force, runtime });
  };
  return {
    async run(request: RunRequest, options: LongCall & { onStart?: () => Promise<void> }): Promise<number> {
      await bring(engine, request, options);
      options.signal?.throwIfAborted();
      const { createContainer } = await import("../../engine/containers/create.ts");
      const { runContainer } = await import("../../engine/containers/run.ts");
      const platform = request.platform === undefined ? undefined : parsePlatform(request.platform);
      const container = await createContainer(engine, request, platform);
      await options.onStart?.();
      return runContainer(engine, container, { runtime });
    },

    async containers({ all }: { all: boolean }): Promise<readonly ContainerSummary[]> {
      await heal();
      return engine.containers
        .list()
        .filter(({ state }) => all || state === "running")
        .map(containerSummary);
    },

    removeContainer: (reference: string, { force }: { force: boolean }): Promise<string> =>
      remove(reference, force),

    async pruneContainers(): Promise<{ deleted: readonly string[]; reclaimed: number }> {
      await heal();
      const deleted: string[] = [];
      let reclaimed = 0;
      for (const { id, snapshot, state } of engine.containers.list()) {
        if (state === "running") continue;
        const { bytes } = await engine.snapshots.usage(snapshot);
        const gone = await remove(id, false).catch(unlessInUse);
        if (gone === undefined) continue;
        deleted.push(gone);
        reclaimed += bytes;
      }
      return { deleted, reclaimed };
    },
  };
}

/** Started or removed by another meanwhile: then it is not ours to remove. */
function unlessInUse(error: unknown): undefined {
  const { code } = SampanError.from(error);
  if (code !== "failed_precondition" && code !== "not_found") throw error;
}

/** The image, whole and unpacked, as --pull says. */
async function bring(engine: Engine, request: RunRequest, options: LongCall): Promise<void> {
  const { image, platform, pull: when } = request;
  const wanted = platform === undefined ? undefined : parsePlatform(platform);
  const here = when === "never" ? engine.images.get(image, wanted) : engine.images.find(image, wanted);
  if (here && when !== "always") {
    const { ensureUnpacked } = await import("../../engine/images/ensure.ts");
    return ensureUnpacked(engine, here, longOptions(options));
  }
  const { pull } = await import("../../engine/images/pull.ts");
  if (when === "missing") options.onStep?.({ status: `Unable to find image '${image}' locally` });
  await pull(engine, image, { ...longOptions(options), ...(platform === undefined ? {} : { platform }) });
}

const statuses = {
  created: () => "Created",
  running: () => "Up",
  exited: ({ exitCode }: ContainerInfo) => `Exited (${exitCode ?? 255})`,
} as const;

function containerSummary(container: ContainerInfo): ContainerSummary {
  return {
    Id: container.id,
    Names: [`/${container.name}`],
    Image: container.image,
    ImageID: container.imageId,
    Command: container.command.join(" "),
    Created: Math.floor(container.created.getTime() / 1000),
    State: container.state,
    Status: statuses[container.state](container),
  };
}
