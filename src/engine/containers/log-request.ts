/** What a container's monitor is to write of its output, and how much of it is kept. */
import type { MonitorRequest } from "../../runtime/runtime.ts";
import type { CreateBody } from "../../spec/docker/create.ts";
import { checkLog } from "./log-options.ts";
import { logPath } from "./logs.ts";
import type { LifeParts } from "./parts.ts";
import { hostConfig } from "./request.ts";

/** Undefined: none is kept. Names of log drivers that keep files all mean ours. Errors: `invalid_argument`. */
export function logRequest(
  engine: Pick<LifeParts, "settings" | "store">,
  id: string,
  body: CreateBody,
): MonitorRequest["log"] {
  const asked = checkLog(hostConfig(body).LogConfig);
  const { logs } = engine.settings;
  return asked && { path: logPath(engine.store.root, id), ...logs, ...asked };
}
