/** All groups of endpoints, in one table. */
import type { LiveEngine } from "../../engine/engine.ts";
import type { Route } from "./route.ts";
import { systemRoutes } from "./system.ts";

export interface ApiOptions {
  /** Where what is our fault is told. */
  readonly warn: (line: string) => void;
}

export function dockerRoutes(engine: LiveEngine, options: ApiOptions): Route[] {
  return [...systemRoutes(engine, options)];
}
