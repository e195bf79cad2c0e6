/** What a container's monitor is to write of its output, and how much of it is kept. */
import { isAbsolute } from "node:path";
import { invalid } from "../../base/errors.ts";
import type { MonitorRequest } from "../../runtime/runtime.ts";
import type { ContainerInfo } from "./containers.ts";
import { checkLog } from "./log-options.ts";
import { logPath } from "./logs.ts";
import type { LifeParts } from "./parts.ts";
import { hostConfig } from "./request.ts";

/** Whoever asked for a log at a place of its own rotates it. */
const never = { maxSize: 0, maxFiles: 1 } as const;

/** Undefined: none is kept. Names of log drivers that keep files all mean ours. Errors: `invalid_argument`. */
export function logRequest(
  engine: Pick<LifeParts, "settings" | "store">,
  info: Pick<ContainerInfo, "id" | "body" | "extras">,
): MonitorRequest["log"] {
  const path = logPath(engine.store.root, info);
  if (info.extras.logPath !== undefined) {
    if (!isAbsolute(path) || path.includes("\0"))
      throw invalid(`cannot write a log to "${path.slice(0, 150)}": wanted an absolute path`);
    return { path, ...never };
  }
  const asked = checkLog(hostConfig(info.body).LogConfig);
  return asked && { path, ...engine.settings.logs, ...asked };
}
