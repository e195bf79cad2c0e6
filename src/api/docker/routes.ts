/** All groups of endpoints, in one table. */
import type { LiveEngine } from "../../engine/engine.ts";
import { buildRoutes } from "./build.ts";
import { containerRoutes } from "./containers/routes.ts";
import { execRoutes } from "./exec/routes.ts";
import { imageRoutes } from "./images/routes.ts";
import { networkRoutes } from "./networks/routes.ts";
import type { Route } from "./route.ts";
import { sampanRoutes } from "./sampan/routes.ts";
import { swarmRoutes } from "./swarm.ts";
import { systemRoutes } from "./system/routes.ts";
import { volumeRoutes } from "./volumes.ts";

export interface ApiOptions {
  /** Where what is our fault is told. */
  readonly warn: (line: string) => void;
}

export function dockerRoutes(engine: LiveEngine, _options: ApiOptions): Route[] {
  return [
    ...systemRoutes(engine),
    ...imageRoutes(engine),
    ...containerRoutes(engine),
    ...execRoutes(engine),
    ...volumeRoutes(engine),
    ...networkRoutes(engine),
    ...buildRoutes(),
    ...swarmRoutes(),
    ...sampanRoutes(engine),
  ];
}
