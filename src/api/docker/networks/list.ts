/** GET /networks, and what its filters and those of prune mean. */
import type { LiveEngine } from "../../../engine/engine.ts";
import type { NetworkInfo } from "../../../engine/networks/networks.ts";
import type { NetworkInspect } from "../../../spec/docker/networks.ts";
import { labelsFit } from "../labels.ts";
import type { Call } from "../route.ts";
import { networkOf } from "./shapes.ts";

export const builtIn: ReadonlySet<string> = new Set(["bridge", "host", "none"]);

const yes = (value: string) => value === "true" || value === "1";

export function listNetworks(
  { networks }: Pick<LiveEngine, "networks">,
  { query, version }: Call,
): NetworkInspect[] {
  const filters = query.filters(["dangling", "driver", "id", "label", "name", "scope", "type"]);
  const any = (name: string, test: (wanted: string) => boolean) => filters[name]?.some(test) ?? true;
  const fits = (info: NetworkInfo): boolean =>
    any("driver", (driver) => driver === info.driver) &&
    any("id", (part) => info.id.includes(part)) &&
    any("name", (part) => info.name.includes(part)) &&
    any("scope", (scope) => scope === "local") &&
    any("type", (type) => (type === "builtin") === builtIn.has(info.name)) &&
    any("dangling", (wanted) => yes(wanted) === isDangling(info)) &&
    labelsFit(info.labels, filters);
  return networks
    .list()
    .filter(fits)
    .map((info) => networkOf(info, version));
}

/** One that was made, and that nobody is in. */
export function isDangling({ name, endpoints }: NetworkInfo): boolean {
  return !builtIn.has(name) && Object.keys(endpoints).length === 0;
}
