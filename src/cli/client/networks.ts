/** Calls about networks. */
import type { DaemonClient } from "./daemon.ts";
import type { Http } from "./http/http.ts";
import { filterQuery } from "./http/query.ts";

type NetworkCalls = Pick<
  DaemonClient,
  | "networks"
  | "createNetwork"
  | "inspectNetwork"
  | "removeNetwork"
  | "connectNetwork"
  | "disconnectNetwork"
  | "pruneNetworks"
>;

const at = (network: string, verb = "") => `/networks/${encodeURIComponent(network)}${verb}`;

export function networkCalls(http: Http): NetworkCalls {
  return {
    networks: (filters) => http.json("GET", "/networks", { query: { filters: filterQuery(filters) } }),
    createNetwork: (body) => http.json("POST", "/networks/create", { json: body }),
    inspectNetwork: (network, { verbose, scope } = {}) =>
      http.json("GET", at(network), { query: { verbose, scope } }),
    removeNetwork: (network) => http.order("DELETE", at(network)),
    connectNetwork: (network, body) => http.order("POST", at(network, "/connect"), { json: body }),
    disconnectNetwork: (network, container, force) =>
      http.order("POST", at(network, "/disconnect"), { json: { Container: container, Force: force } }),
    async pruneNetworks(filters) {
      const { NetworksDeleted } = await http.json<{ NetworksDeleted: string[] | null }>(
        "POST",
        "/networks/prune",
        { query: { filters: filterQuery(filters) } },
      );
      return NetworksDeleted ?? [];
    },
  };
}
