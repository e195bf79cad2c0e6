/** Waits for the end of a container. */
import { SampanError } from "../../base/errors.ts";
import type { ContainerInfo } from "./containers.ts";
import type { WaitCondition, WaitResult } from "./life.ts";
import { findContainer, isLive, type LifeParts } from "./parts.ts";
import { taskOf } from "./task.ts";
import type { LifeEvent } from "./waiters.ts";

/**
 * `not-running`: at once for one that does not run. `next-exit`: its next end. `removed`: when it is gone. One that is removed ends each of them.
 * Errors: `cancelled`.
 */
export async function waitContainer(
  engine: LifeParts,
  reference: string,
  condition: WaitCondition = "not-running",
  signal?: AbortSignal,
): Promise<WaitResult> {
  const info = engine.containers.get(reference);
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<WaitResult>();
  const wait = new Wait(info, condition, resolve);
  using _waiting = engine.tasks.table.waiters.add(info.id, {
    tell: (event) => wait.tell(event),
    look: () => {
      const now = findContainer(engine, info.id);
      wait.look(now);
      // One that another process has started is followed from now on.
      if (now && isLive(now)) engine.tasks.table.inBackground(taskOf(engine, now));
    },
  });
  const stop = () =>
    reject(new SampanError("cancelled", `cannot wait for container "${info.name}": nobody listens any more`));
  signal?.addEventListener("abort", stop, { once: true });
  try {
    wait.look(info);
    if (isLive(info)) await taskOf(engine, info);
    return await promise;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}

class Wait {
  readonly #condition: WaitCondition;
  readonly #since: number;
  readonly #resolve: (result: WaitResult) => void;
  #last: WaitResult;

  constructor(info: ContainerInfo, condition: WaitCondition, resolve: (result: WaitResult) => void) {
    this.#condition = condition;
    this.#since = info.finished?.getTime() ?? 0;
    this.#resolve = resolve;
    this.#last = resultOf(info);
  }

  tell(event: LifeEvent): void {
    if (event.kind === "removed") return this.#resolve(this.#last);
    this.#last = { statusCode: event.code };
    const isOver =
      this.#condition === "next-exit" || (this.#condition === "not-running" && !event.restarting);
    if (isOver) this.#resolve(this.#last);
  }

  look(info: ContainerInfo | undefined): void {
    if (!info) return this.#resolve(this.#last);
    const rests = info.state === "created" || info.state === "exited" || info.state === "dead";
    if (rests) this.#last = resultOf(info);
    if (rests && this.#condition === "not-running") this.#resolve(this.#last);
    if (this.#condition === "next-exit" && (info.finished?.getTime() ?? 0) > this.#since)
      this.#resolve(resultOf(info));
  }
}

function resultOf({ exitCode, error }: ContainerInfo): WaitResult {
  return { statusCode: exitCode ?? 0, ...(error !== "" && { error }) };
}
