/** Watches what the node has left, gives back what nobody needs, and evicts a pod where that is not enough. It looks at files of the kernel; nothing is sent. */
import { pause } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import { statsOf } from "../../../engine/containers/stats.ts";
import { removeImage } from "../../../engine/images/remove.ts";
import type { Pod } from "../../../spec/kubernetes/pod.ts";
import type { EdgeContext } from "../part.ts";
import type { PodAccess } from "./access.ts";
import { diskUse } from "./disk-use.ts";
import {
  diskLimit,
  hardThresholds,
  overDiskLimit,
  shortages,
  transition,
  victim,
  type Shortage,
  type Signals,
  type Thresholds,
} from "./eviction.ts";
import type { Pressure } from "./node-status.ts";
import { observe } from "./observe.ts";
import type { PodVolumes } from "./translate.ts";
import { allContainers, isRunning } from "./view.ts";
import type { Worker } from "./worker.ts";

export interface PressureParts extends Pick<EdgeContext, "engine" | "clock" | "log" | "signal"> {
  readonly workers: () => readonly Worker[];
  readonly isStatic: (pod: Pod) => boolean;
  readonly volumes: Pick<PodVolumes, "overLimit" | "used">;
  readonly summary: PodAccess["summary"];
  readonly signals: () => Signals;
  readonly thresholds?: Thresholds;
  /** The node is short of something, or no more. */
  readonly changed: () => void;
  /** Milliseconds. */
  readonly every: number;
}

export class PressureWatch {
  readonly #parts: PressureParts;
  readonly #last = new Map<Pressure, number>();

  constructor(parts: PressureParts) {
    this.#parts = parts;
  }

  /** Once pods are known: before, no image seems to be needed. */
  begin(): void {
    void this.#watch();
  }

  isUnder(pressure: Pressure): boolean {
    const last = this.#last.get(pressure);
    return last !== undefined && this.#parts.clock.now() - last < transition;
  }

  async #watch(): Promise<void> {
    const { clock, signal, log, every } = this.#parts;
    while (!signal.aborted) {
      try {
        await this.look();
      } catch (error) {
        log(`cannot look at what this node has left: ${SampanError.from(error).message}`);
      }
      await pause(clock, every, signal);
    }
  }

  async look(): Promise<void> {
    const { signals, clock, changed, thresholds = hardThresholds } = this.#parts;
    const found = shortages(signals(), thresholds);
    for (const { pressure } of found) {
      const isNew = !this.isUnder(pressure);
      this.#last.set(pressure, clock.now());
      if (isNew) changed();
    }
    await this.#evictOverLimits();
    for (const each of found) {
      if (each.pressure === "DiskPressure" && (await this.#freeImages())) continue;
      await this.#evict(each);
    }
  }

  async #evictOverLimits(): Promise<void> {
    const { workers, volumes } = this.#parts;
    for (const worker of workers()) {
      if (!isEvictable(worker)) continue;
      const { containers, initContainers = [], volumes: all = [] } = worker.pod.spec;
      if ([...initContainers, ...containers].some(({ resources }) => diskLimit(resources) > 0)) {
        const words = overDiskLimit(worker.pod, await diskUse(this.#parts, worker));
        if (words !== undefined) worker.fail("Evicted", words, 1);
      }
      if (!all.some(({ emptyDir }) => emptyDir?.sizeLimit)) continue;
      const [over] = await volumes.overLimit(worker.pod);
      if (over)
        worker.fail(
          "Evicted",
          `Usage of EmptyDir volume "${over.volume}" exceeds the limit "${over.limit}". `,
          1,
        );
    }
  }

  /** Those that no pod and no container has a use for. Whether there were any. */
  async #freeImages(): Promise<boolean> {
    const { engine, workers, log } = this.#parts;
    const wanted = new Set(
      workers().flatMap(({ pod }) =>
        allContainers(pod).flatMap(({ container }) => idOf(engine, container.image)),
      ),
    );
    const used = new Set<string>(engine.containers.list().map(({ imageId }) => imageId));
    let freed = false;
    for (const { id } of engine.images.list()) {
      if (wanted.has(id) || used.has(id)) continue;
      try {
        await removeImage(engine, id, { force: true });
        freed = true;
        log(`image ${id} was removed: the disk is nearly full, and no pod needs it`);
      } catch (error) {
        log(`cannot remove image ${id}: ${SampanError.from(error).message}`);
      }
    }
    if (freed) await engine.gc.collect();
    return freed;
  }

  /** What pods use of what the node is short of, by UID. */
  readonly #uses = {
    MemoryPressure: async () =>
      new Map(
        (await this.#parts.summary()).pods.map(({ uid, containers }) => [
          uid,
          containers.reduce((sum, { usage }) => sum + usage.memory, 0),
        ]),
      ),
    DiskPressure: async () => {
      const found = new Map<string, number>();
      for (const worker of this.#parts.workers())
        if (isEvictable(worker)) found.set(worker.uid, (await diskUse(this.#parts, worker)).whole);
      return found;
    },
    PIDPressure: async () => {
      const { engine, workers } = this.#parts;
      const count = async ({ id }: { readonly id: string }) =>
        (await statsOf(engine, id).catch(() => undefined))?.used?.pids.current ?? 0;
      const of = async ({ uid, sandbox }: Worker) => {
        const seen = sandbox === undefined ? [] : (observe(engine, sandbox)?.seen ?? []);
        const counts = await Promise.all(seen.filter(isRunning).map(count));
        return [uid, counts.reduce((sum, each) => sum + each, 0)] as const;
      };
      return new Map(await Promise.all(workers().map(of)));
    },
  } as const satisfies Record<Pressure, () => Promise<ReadonlyMap<string, number>>>;

  async #evict({ message, pressure }: Shortage): Promise<void> {
    const { workers, isStatic, log } = this.#parts;
    const all = workers();
    // One at a time: what it had comes back when it has ended.
    if (all.some(({ isLeaving }) => isLeaving)) return;
    const used = await this.#uses[pressure]();
    const found = victim(
      all.filter(isEvictable).map(({ pod, uid }) => ({ pod, used: used.get(uid) ?? 0 })),
      { pressure, isStatic },
    );
    if (!found) return log(`this node is short of ${pressure}, and there is no pod to evict`);
    const worker = all.find(({ uid }) => uid === found.pod.metadata.uid);
    worker?.fail("Evicted", message, pressure === "MemoryPressure" ? 0 : 1);
  }
}

function isEvictable({ status, ending, isFailed }: Worker): boolean {
  return ending === undefined && !isFailed && status?.phase !== "Succeeded" && status?.phase !== "Failed";
}

function idOf({ images }: Pick<LiveEngine, "images">, reference: string): string[] {
  try {
    const found = images.find(reference);
    return found ? [found.id] : [];
  } catch {
    return [];
  }
}
