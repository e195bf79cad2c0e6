/** A pull that fails when its registry sends nothing for a while, however long one that moves takes. */
import type { Clock } from "../../base/clock.ts";
import { SampanError } from "../../base/errors.ts";
import type { Registries, Repository } from "../registry/registry.ts";
import { pull, type Pulled, type PullOptions, type PullParts } from "./pull.ts";
import { Stall } from "./stall.ts";

export interface MovingOptions extends PullOptions {
  readonly clock: Clock;
  /** Milliseconds without a byte; 0 is never. */
  readonly patience: number;
}

/** Errors: those of pull; `deadline_exceeded` when no byte came for so long. */
export async function pullMoving(
  engine: PullParts,
  reference: string,
  { clock, patience, signal, ...options }: MovingOptions,
): Promise<Pulled> {
  using stall = new Stall(clock, patience);
  const both = signal ? AbortSignal.any([signal, stall.signal]) : stall.signal;
  const { settings, store, content, leases, gc, snapshots, unpacker, images, registries, events } = engine;
  const parts = { settings, store, content, leases, gc, snapshots, unpacker, images };
  const watched = { ...parts, ...(events && { events }), registries: watching(registries, stall) };
  try {
    return await pull(watched, reference, { ...options, signal: both });
  } catch (error) {
    if (!stall.signal.aborted || signal?.aborted) throw error;
    throw new SampanError(
      "deadline_exceeded",
      `cannot pull image "${reference.slice(0, 300)}": its registry sent nothing for ${patience / 1000} s ([cri] pull_progress_timeout)`,
      { cause: error },
    );
  }
}

function watching(registries: Registries, stall: Stall): Registries {
  return {
    ...registries,
    repository: (name, actions) => watchedRepository(registries.repository(name, actions), stall),
  };
}

function watchedRepository(inner: Repository, stall: Stall): Repository {
  return {
    name: inner.name,
    resolve: (...call) => stall.during(() => inner.resolve(...call)),
    manifest: (...call) => stall.during(() => inner.manifest(...call)),
    blob: async (...call) => {
      const answer = await stall.during(() => inner.blob(...call));
      return { ...answer, body: watchedBody(answer.body, stall) };
    },
    pause: async (...call) => {
      using _ = stall.waiting();
      await inner.pause(...call);
    },
    hasBlob: (...call) => inner.hasBlob(...call),
    putBlob: (...call) => inner.putBlob(...call),
    putManifest: (...call) => inner.putManifest(...call),
    tags: (...call) => inner.tags(...call),
  };
}

/** Waiting is only while somebody reads: a slow disk is not the registry's fault. */
function watchedBody(body: ReadableStream<Uint8Array>, stall: Stall): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const step = await stall.during(() => reader.read());
        if (step.done) controller.close();
        else controller.enqueue(step.value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
