/** The group of endpoints about containers. */
import type { LiveEngine } from "../../../engine/engine.ts";
import { route, type Answer, type Call, type Method, type Route } from "../route.ts";
import { getArchive, putArchive, statArchive } from "./archive.ts";
import { attach, attachByWebSocket } from "./attach.ts";
import { create } from "./create.ts";
import { containerChanges, containerExport } from "./files.ts";
import { inspectContainer } from "./inspect.ts";
import { kill, pause, remove, rename, resize, restart, start, stop, unpause, update } from "./life.ts";
import { listContainers } from "./list.ts";
import { containerLogs } from "./logs.ts";
import { prune } from "./prune.ts";
import { containerStats } from "./stats.ts";
import { containerTop } from "./top.ts";
import { wait } from "./wait.ts";

type Handler = (engine: LiveEngine, call: Call) => Answer | Promise<Answer>;

const table: readonly (readonly [Method, string, Handler])[] = [
  ["GET", "/containers/json", listContainers],
  ["POST", "/containers/create", create],
  ["POST", "/containers/prune", prune],
  ["GET", "/containers/{id}/json", inspectContainer],
  ["GET", "/containers/{id}/logs", containerLogs],
  ["GET", "/containers/{id}/stats", containerStats],
  ["GET", "/containers/{id}/top", containerTop],
  ["GET", "/containers/{id}/changes", containerChanges],
  ["GET", "/containers/{id}/export", containerExport],
  ["HEAD", "/containers/{id}/archive", statArchive],
  ["GET", "/containers/{id}/archive", getArchive],
  ["PUT", "/containers/{id}/archive", putArchive],
  ["GET", "/containers/{id}/attach/ws", attachByWebSocket],
  ["POST", "/containers/{id}/attach", attach],
  ["POST", "/containers/{id}/start", start],
  ["POST", "/containers/{id}/stop", stop],
  ["POST", "/containers/{id}/restart", restart],
  ["POST", "/containers/{id}/kill", kill],
  ["POST", "/containers/{id}/pause", pause],
  ["POST", "/containers/{id}/unpause", unpause],
  ["POST", "/containers/{id}/rename", rename],
  ["POST", "/containers/{id}/update", update],
  ["POST", "/containers/{id}/resize", resize],
  ["POST", "/containers/{id}/wait", wait],
  ["DELETE", "/containers/{id}", remove],
];

export function containerRoutes(engine: LiveEngine): Route[] {
  return table.map(([method, pattern, handle]) => route(method, pattern, (call) => handle(engine, call)));
}
