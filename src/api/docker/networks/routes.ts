/** Networks. */
import { SampanError } from "../../../base/errors.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import { empty, json } from "../answer.ts";
import { route, type Call, type Route } from "../route.ts";
import { connect, disconnect } from "./connect.ts";
import { createNetwork } from "./create.ts";
import { builtIn, listNetworks } from "./list.ts";
import { prune } from "./prune.ts";
import { membersOf, networkOf } from "./shapes.ts";

export function networkRoutes(engine: LiveEngine): Route[] {
  return [
    route("GET", "/networks", (call) => json(listNetworks(engine, call))),
    route("POST", "/networks/create", (call) => createNetwork(engine, call)),
    route("POST", "/networks/prune", (call) => prune(engine, call)),
    route("GET", "/networks/{id}", (call) => inspect(engine, call)),
    route("POST", "/networks/{id}/connect", (call) => connect(engine, call)),
    route("POST", "/networks/{id}/disconnect", (call) => disconnect(engine, call)),
    route("DELETE", "/networks/{id}", (call) => remove(engine, call)),
  ];
}

function inspect(engine: LiveEngine, { param, query, version }: Call) {
  const scope = query.string("scope");
  const info = engine.networks.get(param("id"));
  if (scope !== undefined && scope !== "local")
    throw new SampanError("not_found", `network ${param("id")} not found`);
  return json(networkOf(info, version, membersOf(engine, info)));
}

async function remove({ networks }: LiveEngine, { param }: Call) {
  const { id, name } = networks.get(param("id"));
  // 403 as with dockerd, not the 409 of one that is in use.
  if (builtIn.has(name))
    throw new SampanError("permission_denied", `${name} is a pre-defined network and cannot be removed`);
  await networks.remove(id);
  return empty();
}
