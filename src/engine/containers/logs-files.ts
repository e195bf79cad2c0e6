/**
 * The files of one log: `log`, and what was rotated away: `log.1`, `log.2` … the oldest last. They are told apart by inode, since their names move while they are read; each is
 * held open until it is read and the next one is found, so that its inode cannot come again. A reader holds one, however many there are.
 */
import { watch, type FSWatcher } from "node:fs";
import { open, stat, type FileHandle } from "node:fs/promises";
import { basename, dirname } from "node:path";

export interface LogFile {
  readonly handle: FileHandle;
  readonly inode: bigint;
  /** When it was opened. */
  readonly size: number;
  /** How many newer ones there were then. */
  readonly number: number;
}

const nameOf = (path: string, number: number) => (number === 0 ? path : `${path}.${number}`);
/** More than any monitor keeps. */
const most = 10_000;

/** Undefined when there is none. */
export async function oldestFile(path: string): Promise<LogFile | undefined> {
  for (let tries = 0; tries < 100; tries++) {
    let number = 0;
    while (number < most && (await inodeOf(nameOf(path, number + 1))) !== undefined) number++;
    const file = await openLog(path, number);
    if (file || number === 0) return file;
  }
  return undefined;
}

/** Newest first; who takes them closes them. A rotation meanwhile shows a file again under its next name: it is left out. */
export async function* newestFirst(path: string): AsyncGenerator<LogFile, void, undefined> {
  const seen = new Set<bigint>();
  for (let number = 0; number < most; number++) {
    const file = await openLog(path, number);
    if (!file && number > 0) return;
    if (!file) continue;
    if (seen.has(file.inode)) {
      await file.handle.close();
      continue;
    }
    seen.add(file.inode);
    yield file;
  }
}

/** The file that was begun when this one was rotated away; the oldest that there is, when it is gone. Undefined while it is the newest. */
export async function successor(path: string, inode: bigint): Promise<LogFile | undefined> {
  // A rotation between two looks moves the names: then once more.
  for (let tries = 0; tries < 100; tries++) {
    const place = await placeOf(path, inode);
    if (place === 0) return undefined;
    const file = await openLog(path, place - 1);
    if (file && file.inode !== inode) return file;
    await file?.handle.close();
  }
  return undefined;
}

/** Its number, or how many there are. */
async function placeOf(path: string, inode: bigint): Promise<number> {
  for (let number = 0; number < most; number++) {
    const found = await inodeOf(nameOf(path, number));
    if (found === inode) return number;
    if (found === undefined && number > 0) return number;
  }
  return most;
}

async function inodeOf(path: string): Promise<bigint | undefined> {
  try {
    return (await stat(path, { bigint: true })).ino;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function openLog(path: string, number: number): Promise<LogFile | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(nameOf(path, number), "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { ino, size } = await handle.stat({ bigint: true });
    return { handle, inode: ino, size: Number(size), number };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** What is lost where the host has no more watches is looked for after so many milliseconds. */
const patience = 1000;
const withoutWatch = 100;

/** Tells when something was written. A change that came before it was asked for is told at once. */
export class LogWatch implements Disposable {
  #watcher: FSWatcher | undefined;
  #changed = false;
  #wake: (() => void) | undefined;

  constructor(path: string) {
    const name = basename(path);
    try {
      this.#watcher = watch(dirname(path), { persistent: false }, (_event, file) => {
        if (file === null || file === name) this.#notice();
      });
      this.#watcher.on("error", () => this.#notice());
    } catch {
      this.#watcher = undefined;
    }
  }

  /** Resolves with a change, the signal, or when it is time to look all the same. */
  async next(signal: AbortSignal): Promise<void> {
    if (this.#changed || signal.aborted) {
      this.#changed = false;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    signal.addEventListener("abort", this.wake, { once: true });
    const timer = setTimeout(resolve, this.#watcher ? patience : withoutWatch);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", this.wake);
      this.#wake = undefined;
      this.#changed = false;
    }
  }

  /** Looks at once: the container has ended. */
  readonly wake = (): void => this.#notice();

  [Symbol.dispose](): void {
    this.#watcher?.close();
  }

  #notice(): void {
    this.#changed = true;
    this.#wake?.();
  }
}
