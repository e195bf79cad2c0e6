/** Folders of logs on the host: kubelet makes them, crictl's people forget to. */
import { mkdirSync } from "node:fs";
import { isAbsolute } from "node:path";
import { invalid, SampanError } from "../../base/errors.ts";

/** What stands there instead, or a path that cannot be: the caller's. */
const callers = ["EEXIST", "ENOTDIR", "ENAMETOOLONG", "ELOOP", "EROFS"];

/** Errors: `invalid_argument`; `resource_exhausted` when the disk is full. */
export function makeLogFolder(path: string): void {
  const shown = JSON.stringify(path.slice(0, 150));
  if (!isAbsolute(path) || path.includes("\0"))
    throw invalid(`cannot use log directory ${shown}: wanted an absolute path`);
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 });
  } catch (error) {
    const { code = "", message } = error as NodeJS.ErrnoException;
    const kind = callers.includes(code)
      ? "invalid_argument"
      : code === "ENOSPC"
        ? "resource_exhausted"
        : "internal";
    throw new SampanError(kind, `cannot make log directory ${shown}: ${message}`, { cause: error });
  }
}
