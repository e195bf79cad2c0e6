/**
 * One change at a time for a container: a queue in this process, and flock(2) on its folder between processes, which the kernel gives back when a process is killed.
 */
import { closeSync, openSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import { lockFile } from "../../kernel/libc.ts";

/** Milliseconds. */
const patience = { another: 120_000, poll: 5 };
/** Changes of one container that wait for each other. */
const longest = 1000;

interface Queue {
  length: number;
  tail: Promise<void>;
}

export class Locks {
  readonly #queues = new Map<string, Queue>();
  readonly #folderOf: (id: string) => string;

  constructor(folderOf: (id: string) => string) {
    this.#folderOf = folderOf;
  }

  async exclusive<Result>(id: string, change: () => Promise<Result>): Promise<Result> {
    const queue = this.#queues.get(id) ?? { length: 0, tail: Promise.resolve() };
    if (queue.length >= longest)
      throw new SampanError(
        "resource_exhausted",
        `cannot change container "${id.slice(0, 12)}": ${longest} changes of it wait already`,
      );
    this.#queues.set(id, queue);
    const before = queue.tail;
    const { promise, resolve } = Promise.withResolvers<void>();
    queue.tail = promise;
    queue.length += 1;
    try {
      await before;
      const fd = await lockFolder(this.#folderOf(id), id);
      try {
        return await change();
      } finally {
        if (fd !== undefined) closeSync(fd);
      }
    } finally {
      queue.length -= 1;
      if (queue.length === 0) this.#queues.delete(id);
      resolve();
    }
  }
}

/** Undefined for one that is gone: the change will find that out. */
async function lockFolder(folder: string, id: string): Promise<number | undefined> {
  let fd: number;
  try {
    fd = openSync(folder, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    for (const end = Date.now() + patience.another; !lockFile(fd, false); await Bun.sleep(patience.poll))
      if (Date.now() > end)
        throw new SampanError(
          "unavailable",
          `cannot change container "${id.slice(0, 12)}": another process has been changing it for ${patience.another / 1000} s`,
        );
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
