/**
 * Who looks after a running container: the process that waits for it and writes its end, its keeper, and the runtime that the keeper has started. Both hold a lock on
 * `containers/<id>/lock`; the runtime has it from its first moment, by a descriptor that it inherits, and the kernel gives it back when the last of them ends.
 */
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { lockFile } from "../../kernel/libc.ts";
import { lockShared } from "../../kernel/shared-lock.ts";
import type { Store } from "../store/store.ts";

export interface Keeping extends Disposable {
  /** For the runtime to inherit. */
  readonly fd: number;
}

type Root = Pick<Store, "root">;

/** Errors: `failed_precondition` when it has a keeper. Whoever just looks at the lock has it for a moment. */
export function keep({ root }: Root, id: string): Keeping {
  const fd = openSync(join(root, "containers", id, "lock"), "a", 0o600);
  for (const deadline = Date.now() + 1000; !lockFile(fd, false); Bun.sleepSync(1)) {
    if (Date.now() < deadline) continue;
    closeSync(fd);
    throw new SampanError(
      "failed_precondition",
      `cannot run container "${id.slice(0, 12)}": another process looks after it`,
    );
  }
  return { fd, [Symbol.dispose]: () => closeSync(fd) };
}

export function isKept({ root }: Root, id: string): boolean {
  try {
    const fd = openSync(join(root, "containers", id, "lock"), "r");
    try {
      return !lockShared(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
