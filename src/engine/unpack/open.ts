/** The unpacker that works in helper processes of this same program (worker.ts). */
import { availableParallelism } from "node:os";
import { SampanError } from "../../base/errors.ts";
import type { Helper } from "./_helper.ts";
import { HelperPool } from "./_pool.ts";
import { isSmall } from "./_small.ts";
import { removeTree } from "./remove.ts";
import type { Unpacked, Unpacker, UnpackJob, UnpackRequest } from "./unpack.ts";

/** A message for each so many bytes that have come is enough. */
const step = 256 << 10;

/** `command` starts a helper process: a program and its arguments. `workers`: how many layers at once; as many as there are cores unless told. */
export function openUnpacker(options: { command: readonly string[]; workers?: number }): Unpacker {
  const size = options.workers ?? availableParallelism();
  const layers = new HelperPool(options.command, size);
  // Of their own: a layer that waits for the network keeps its helper.
  const chores = new HelperPool(options.command, size);
  const chore = async (message: { verb: "sync" | "remove"; path: string }) => {
    // When the last layer is done its helper is there: another one would cost its start and its memory.
    const idle = layers.acquireIdle();
    const helper = idle ?? (await chores.acquire());
    try {
      await helper.ask(message);
    } finally {
      (idle ? layers : chores).release(helper);
    }
  };
  return {
    command: options.command,
    start: async (request, signal) => new RunningJob(request, await layers.acquire(signal), layers, signal),
    sync: (path) => chore({ verb: "sync", path }),
    // In this process what takes it no longer than to tell another.
    removeTree: async (path) => (isSmall(path) ? removeTree(path) : chore({ verb: "remove", path })),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([layers[Symbol.asyncDispose](), chores[Symbol.asyncDispose]()]);
    },
  };
}

class RunningJob implements UnpackJob {
  readonly done: Promise<Unpacked>;
  readonly #helper: Helper;
  #settled = false;
  #size = 0;
  #said = 0;
  readonly #restarts: (() => void)[] = [];

  constructor(request: UnpackRequest, helper: Helper, pool: HelperPool, signal?: AbortSignal) {
    this.#helper = helper;
    this.done = this.#run(request, pool, signal);
    // Who has not looked yet shall not end the process.
    this.done.catch(() => {});
  }

  available(size: number): void {
    this.#size = size;
    if (size - this.#said >= step) this.#say();
  }

  async restart(): Promise<void> {
    this.#size = 0;
    this.#said = 0;
    const restarted = new Promise<void>((resolve) => this.#restarts.push(resolve));
    if (!this.#settled) this.#helper.tell({ verb: "restart" });
    await Promise.race([restarted, this.done]);
  }

  end(): void {
    this.#say();
    if (!this.#settled) this.#helper.tell({ verb: "end" });
  }

  #say(): void {
    if (this.#settled || this.#said === this.#size) return;
    this.#said = this.#size;
    this.#helper.tell({ verb: "available", size: this.#size });
  }

  async #run(request: UnpackRequest, pool: HelperPool, signal?: AbortSignal): Promise<Unpacked> {
    const helper = this.#helper;
    let killed: Promise<void> | undefined;
    const abort = () => {
      killed = helper.kill(new SampanError("cancelled", "cannot unpack a layer: cancelled"));
    };
    signal?.addEventListener("abort", abort, { once: true });
    try {
      if (signal?.aborted) abort();
      const unpacked = await helper.ask({ verb: "unpack", request }, () => this.#restarts.shift()?.());
      if (!unpacked) throw new SampanError("internal", "the helper process for layers gave no answer");
      return unpacked;
    } finally {
      this.#settled = true;
      signal?.removeEventListener("abort", abort);
      // Its answer may have been on its way: what it has open is closed when it has ended, not before.
      await killed;
      pool.release(helper);
    }
  }
}
