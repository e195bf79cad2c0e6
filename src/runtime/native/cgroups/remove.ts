/** The end of a container's cgroups. */
import { existsSync, rmdirSync } from "node:fs";
import { SampanError } from "../../../base/errors.ts";
import { errno, errnoOf } from "../../../kernel/errno.ts";
import { type Patience, until } from "./wait.ts";
import { type CgroupDirs, childDirs } from "./procs.ts";

/**
 * Removes the container's cgroups and those that it made inside. A cgroup whose last process is just going is busy for a moment;
 * that is waited for. All are tried, also when one fails. Errors: `failed_precondition` naming what is left and why.
 */
export async function removeCgroups({ dirs }: Pick<CgroupDirs, "dirs">, patience: Patience): Promise<void> {
  const failures: string[] = [];
  const end = performance.now() + patience.timeoutMs;
  for (const dir of new Set(Object.values(dirs))) {
    try {
      const left = { ...patience, timeoutMs: Math.max(0, Math.round(end - performance.now())) };
      await until(`remove cgroup "${dir}"`, left, () => removeTree(dir));
    } catch (error) {
      failures.push(SampanError.from(error).message);
    }
  }
  if (failures.length === 0) return;
  throw new SampanError("failed_precondition", failures.join("; "));
}

/** True when it is gone, undefined when it, or one in it, is busy. */
function removeTree(dir: string): true | undefined {
  if (removed(dir)) return true;
  const children = childDirs(dir).map(removeTree);
  return !children.includes(undefined) && removed(dir) ? true : undefined;
}

/** ENOTEMPTY, which old kernels say of a cgroup with others in it. */
const notEmpty = 39;

function removed(dir: string): boolean {
  try {
    rmdirSync(dir);
    return true;
  } catch (error) {
    const number = errnoOf(error);
    if (number === errno.ENOENT) return true;
    if (number === errno.EBUSY || number === notEmpty) return false;
    // A cgroup file system that is mounted read-only says so even of a cgroup that is not there.
    if (number === errno.EROFS && !existsSync(dir)) return true;
    throw error;
  }
}
