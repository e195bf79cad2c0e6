/** Calls about containers. */
import { SampanError } from "../../base/errors.ts";
import type { ContainerInfo } from "../../engine/containers/containers.ts";
import type { Listed } from "../../engine/containers/filter.ts";
import { storedContainer } from "../../engine/containers/open.ts";
import type { Engine } from "../../engine/engine.ts";
import { mustUnpack } from "../../engine/images/may-unpack.ts";
import type {
  ContainerInspect,
  ContainerSummary,
  ListRequest,
  RunRequest,
} from "../../spec/docker/containers.ts";
import type { LongCall } from "../../spec/docker/progress.ts";
import { parsePlatform } from "../../spec/image/platform.ts";
import { createOf } from "./_body.ts";
import { longOptions } from "./_steps.ts";

export interface ContainerParts {
  /** The argument list of our own OCI runtime. */
  readonly runtime: readonly string[];
  readonly heal: () => Promise<unknown>;
}

interface RunCall extends LongCall {
  readonly onStart?: () => Promise<void>;
  readonly onFailure?: (message: string) => Promise<void>;
}

export function containerCalls(engine: Engine, { runtime, heal }: ContainerParts) {
  const remove = async (reference: string, options: { force: boolean; volumes: boolean }) => {
    const { removeContainer } = await import("../../engine/containers/foreground-remove.ts");
    await heal();
    return removeContainer(engine, reference, { ...options, runtime });
  };
  const listed = (info: ContainerInfo) => ({ info, stored: storedContainer(engine.store, info.id) });
  return {
    async run(request: RunRequest, options: RunCall): Promise<number> {
      mustUnpack(`run image "${request.image}"`);
      await bring(engine, request, options);
      options.signal?.throwIfAborted();
      const { createContainer } = await import("../../engine/containers/create.ts");
      const { runContainer } = await import("../../engine/containers/run.ts");
      const platform = request.platform === undefined ? undefined : parsePlatform(request.platform);
      const container = await createContainer(engine, {
        ...createOf(request),
        ...(platform && { platform }),
      });
      await options.onStart?.();
      return runContainer(engine, container, {
        runtime,
        ...(options.onFailure ? { onFailure: options.onFailure } : {}),
      });
    },

    async containers(request: ListRequest): Promise<readonly ContainerSummary[]> {
      const { containerSizes, containerSummary } = await import("./_containers.ts");
      const { filterContainers } = await import("../../engine/containers/filter.ts");
      await heal();
      const found = filterContainers(engine.containers.list().map(listed), request);
      const sizes = async ({ info }: Listed) => (request.size ? await containerSizes(engine, info) : {});
      return await Promise.all(
        found.map(async (each) => ({ ...containerSummary(engine, each), ...(await sizes(each)) })),
      );
    },

    async inspectContainer(reference: string, options: { size?: boolean } = {}): Promise<ContainerInspect> {
      const { containerInspect, containerSizes } = await import("./_containers.ts");
      await heal();
      const info = engine.containers.get(reference);
      const sizes = options.size ? await containerSizes(engine, info) : {};
      return { ...containerInspect(engine, listed(info)), ...sizes };
    },

    removeContainer: remove,

    async pruneContainers(): Promise<{ deleted: readonly string[]; reclaimed: number }> {
      await heal();
      const deleted: string[] = [];
      let reclaimed = 0;
      for (const { id, snapshot, state } of engine.containers.list()) {
        if (state === "running") continue;
        const { bytes } = await engine.snapshots.usage(snapshot);
        const gone = await remove(id, { force: false, volumes: false }).catch(unlessInUse);
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
  const { ensureUnpacked } = await import("../../engine/images/ensure.ts");
  if (here && when !== "always") return ensureUnpacked(engine, here, longOptions(options));
  const { pull } = await import("../../engine/images/pull.ts");
  if (when === "missing") options.onStep?.({ status: `Unable to find image '${image}' locally` });
  const pulled = await pull(engine, image, {
    ...longOptions(options),
    ...(platform === undefined ? {} : { platform }),
  });
  // Layers that were here before are not looked at by a pull.
  return ensureUnpacked(engine, pulled.image, longOptions(options));
}
