/** What a client asks about the daemon itself. */
import { text } from "./answer.ts";
import type { LiveEngine } from "../../engine/engine.ts";
import { route, type Route } from "./route.ts";
import type { ApiOptions } from "./routes.ts";

const pingHeaders = {
  // 1: the command line does not look for BuildKit here.
  "Builder-Version": "1",
  "Cache-Control": "no-cache, no-store, must-revalidate",
  Pragma: "no-cache",
  Swarm: "inactive",
};

export function systemRoutes(_engine: LiveEngine, _options: ApiOptions): Route[] {
  const ping = () => text("OK", pingHeaders);
  return [route("GET", "/_ping", ping), route("HEAD", "/_ping", ping)];
}
