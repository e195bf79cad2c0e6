/** Calls about the whole store. */
import type { Healed } from "../../engine/containers/heal.ts";
import type { Engine } from "../../engine/engine.ts";
import type { DiskUsage, Problem } from "../../spec/docker/images.ts";
import type { LongCall } from "../../spec/docker/progress.ts";
import type { containerCalls } from "./containers.ts";

export interface SystemParts extends Pick<ReturnType<typeof containerCalls>, "pruneContainers"> {
  readonly heal: () => Promise<readonly Healed[]>;
}

export function systemCalls(engine: Engine, { pruneContainers, heal }: SystemParts) {
  return {
    async diskUsage(): Promise<DiskUsage> {
      const { diskUsage } = await import("../../engine/disk/usage.ts");
      return diskUsage(engine);
    },

    /** Containers first: they hold images. */
    async pruneSystem(
      options: LongCall & { all: boolean },
    ): Promise<{ removed: readonly string[]; reclaimed: number }> {
      const { pruneImages } = await import("../../engine/images/prune.ts");
      const containers = await pruneContainers();
      const images = await pruneImages(engine, {
        all: options.all,
        ...(options.signal ? { signal: options.signal } : {}),
      });
      const rest = await engine.gc.collect(options.signal, { ingests: "all", found: "take" });
      return {
        removed: [
          ...containers.deleted,
          ...images.deleted.map((line) => ("Deleted" in line ? line.Deleted : line.Untagged)),
          ...rest.removed,
        ],
        reclaimed: containers.reclaimed + images.reclaimed + rest.bytes,
      };
    },

    async check(options: LongCall & { repair: boolean; deep: boolean }): Promise<readonly Problem[]> {
      const { check } = await import("../../engine/disk/check.ts");
      const { compareWithLayer, fetchPart, renewSnapshot } = await import("../../engine/images/renew.ts");
      const { repair, deep, signal, onStep } = options;
      const healed = repair ? await heal() : [];
      const problems = await check(engine, {
        repair,
        deep,
        compareSnapshot: ({ key }) => compareWithLayer(engine, key, signal),
        fetchBlob: (digest) => fetchPart(engine, digest, signal),
        renewSnapshot: ({ key }) => renewSnapshot(engine, key, signal ? { signal } : {}),
        ...(signal ? { signal } : {}),
        ...(onStep ? { onProgress: (text: string) => onStep({ id: "check", status: text }) } : {}),
      });
      const lines = healed.map((each) => ({ ...each, severity: "garbage" }) as const);
      return [...lines, ...problems];
    },
  };
}
