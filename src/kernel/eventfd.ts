/** eventfd(2): a counter behind a file descriptor, by which the kernel tells of events. Loaded only where one is needed. */
import { closeSync, read, writeSync } from "node:fs";
import { dlopen } from "bun:ffi";
import { SampanError } from "../base/errors.ts";

const closeOnExec = 0o2000000;

export interface EventFd extends Disposable {
  readonly fd: number;
  /** Waits until the counter is above 0, gives it and sets it to 0. One wait at a time. */
  wait(): Promise<bigint>;
  /** Adds one, which ends a wait. */
  signal(): void;
}

/** A new counter at 0. Closing it while a wait is under way needs a `signal` before, which the wait's end then shows. */
export function eventFd(): EventFd {
  const fd = createEventFd();
  return {
    fd,
    wait: () => readCounter(fd),
    signal: () => void writeSync(fd, new BigUint64Array([1n])),
    [Symbol.dispose]: () => closeSync(fd),
  };
}

function createEventFd(): number {
  for (const name of ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"]) {
    try {
      const { symbols } = dlopen(name, { eventfd: { args: ["u32", "i32"], returns: "i32" } });
      const fd = symbols.eventfd(0, closeOnExec);
      if (fd >= 0) return fd;
    } catch {
      // The next C library then.
      continue;
    }
    break;
  }
  throw new SampanError("resource_exhausted", "cannot make an eventfd: the kernel or the C library refused");
}

/** On a thread of the pool, since the descriptor is not one that can be polled from here. */
function readCounter(fd: number): Promise<bigint> {
  const counter = new BigUint64Array(1);
  return new Promise((resolve, reject) => {
    read(fd, new Uint8Array(counter.buffer), 0, 8, null, (error) => {
      if (error === null) resolve(counter[0] ?? 0n);
      else reject(error);
    });
  });
}
