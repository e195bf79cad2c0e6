/** Docker's swarm mode, secrets, plug-ins: answered as by a daemon that is not in a swarm and has no plug-ins. */
import { SampanError } from "../../base/errors.ts";
import { json } from "./answer.ts";
import { notThere } from "./errors.ts";
import { route, type Method, type Route } from "./route.ts";

/** dockerd's words, which clients look for. */
export function notInSwarm(): SampanError {
  return new SampanError(
    "unavailable",
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
  );
}

function notPart(): SampanError {
  return new SampanError("unavailable", "This node is not part of a swarm");
}

const managed: readonly (readonly [Method, string])[] = [
  ["GET", "/swarm"],
  ["POST", "/swarm/update"],
  ["GET", "/swarm/unlockkey"],
  ["GET", "/tasks"],
  ["GET", "/tasks/{id}"],
  ["GET", "/tasks/{id}/logs"],
  ["GET", "/services/{id}/logs"],
  ...["nodes", "services", "secrets", "configs"].flatMap((noun): (readonly [Method, string])[] => [
    ["GET", `/${noun}`],
    ["POST", `/${noun}/create`],
    ["GET", `/${noun}/{id}`],
    ["DELETE", `/${noun}/{id}`],
    ["POST", `/${noun}/{id}/update`],
  ]),
];

const pluginVerbs = ["enable", "disable", "push", "set", "upgrade"];

export function swarmRoutes(): Route[] {
  const missing = (name: string) => new SampanError("not_found", `plugin "${name}" not found`);
  return [
    ...managed.map(([method, pattern]) =>
      route(method, pattern, () => {
        throw notInSwarm();
      }),
    ),
    ...["init", "join"].map((verb) =>
      route("POST", `/swarm/${verb}`, () => {
        throw notThere("swarm mode is not there: many machines are managed by Sampan's cloud and edge");
      }),
    ),
    ...["leave", "unlock"].map((verb) =>
      route("POST", `/swarm/${verb}`, () => {
        throw notPart();
      }),
    ),
    route("GET", "/plugins", () => json([])),
    ...["privileges", "pull", "create"].map((verb) =>
      route(verb === "privileges" ? "GET" : "POST", `/plugins/${verb}`, () => {
        throw notThere("plug-ins of Docker are not there");
      }),
    ),
    route("GET", "/plugins/{name*}/json", ({ param }) => {
      throw missing(param("name"));
    }),
    route("DELETE", "/plugins/{name*}", ({ param }) => {
      throw missing(param("name"));
    }),
    ...pluginVerbs.map((verb) =>
      route("POST", `/plugins/{name*}/${verb}`, ({ param }) => {
        throw missing(param("name"));
      }),
    ),
  ];
}
