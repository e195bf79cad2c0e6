/** What a pod keeps on the node's disk: what its containers have written, their logs, its emptyDirs. Counted when it is asked for: it walks trees. */
import { join } from "node:path";
import { countTree } from "../../../engine/disk/count.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import type { DiskUse } from "./eviction.ts";
import { observe } from "./observe.ts";
import type { PodVolumes } from "./translate.ts";
import type { Worker } from "./worker.ts";

export interface DiskParts {
  readonly engine: Pick<LiveEngine, "pods" | "containers" | "store" | "snapshots">;
  readonly volumes: Pick<PodVolumes, "used">;
}

/** What goes away meanwhile counts for nothing. */
export async function diskUse({ engine, volumes }: DiskParts, { pod, sandbox }: Worker): Promise<DiskUse> {
  const seen = sandbox === undefined ? [] : (observe(engine, sandbox)?.seen ?? []);
  const containers = new Map<string, number>();
  for (const { id, name } of seen) {
    const [layer, files] = await Promise.all([
      engine.snapshots.usage(id).then(
        ({ bytes }) => bytes,
        () => 0,
      ),
      countTree(join(engine.store.root, "containers", id)).catch(() => 0),
    ]);
    containers.set(name, (containers.get(name) ?? 0) + layer + files);
  }
  const own = [...containers.values()].reduce((sum, bytes) => sum + bytes, 0);
  return { containers, whole: own + (await volumes.used(pod)) };
}
