/** A table of routes, and which of them a request means. */
import type { Route } from "./route.ts";

export interface Matched {
  readonly route: Route;
  readonly params: ReadonlyMap<string, string>;
}

export type Match = (method: string, path: string) => Matched | undefined;

/** The first that fits. */
export function matcher(routes: readonly Route[]): Match {
  const rows = routes.map((route) => ({ route, shape: shapeOf(route.pattern) }));
  return (method, path) => {
    for (const { route, shape } of rows) {
      if (route.method !== method) continue;
      const found = shape.exec(path);
      if (found) return { route, params: new Map(Object.entries(found.groups ?? {})) };
    }
    return undefined;
  };
}

function shapeOf(pattern: string): RegExp {
  const words = pattern
    .split(/(\{\w+\*?\})/)
    .map((word) => word.replace(/^\{(\w+)(\*?)\}$/, (_, name, all) => `(?<${name}>${all ? ".+" : "[^/]+"})`));
  return new RegExp(`^${words.join("")}$`);
}
