/** Networks. */
import { SampanError } from "../../base/errors.ts";
import { hostnameOf } from "../../engine/containers/bundle.ts";
import { storedContainer } from "../../engine/containers/open.ts";
import type { LiveEngine } from "../../engine/engine.ts";
import type { CreateNetwork, NetworkInfo, SandboxOwner } from "../../engine/networks/networks.ts";
import type { NetworkInspect, NetworkMember } from "../../spec/docker/networks.ts";
import { parseEndpointSettings } from "../../spec/docker/parse-endpoint.ts";
import { empty, json } from "./answer.ts";
import { labelsFit } from "./labels.ts";
import { flagOf, record, recordsOf, textOf, textsOf, type Fields } from "./parse.ts";
import type { Filters } from "./query.ts";
import { route, type Call, type Route } from "./route.ts";
import { notInSwarm } from "./swarm.ts";
import { goTime, untilOf } from "./time.ts";

type Parts = Pick<LiveEngine, "networks" | "containers" | "store" | "tasks">;

export function networkRoutes(engine: Parts): Route[] {
  const { networks } = engine;
  return [
    route("GET", "/networks", (call) => json(list(engine, call))),
    route("POST", "/networks/create", (call) => create(engine, call)),
    route("POST", "/networks/prune", async (call) => json(await prune(engine, call))),
    route("GET", "/networks/{id}", ({ param, query, version }) => {
      const scope = query.string("scope");
      const info = networks.get(param("id"));
      if (scope !== undefined && scope !== "local")
        throw new SampanError("not_found", `network ${param("id")} not found`);
      return json(networkOf(info, version, members(engine, info)));
    }),
    route("POST", "/networks/{id}/connect", (call) => connect(engine, call)),
    route("POST", "/networks/{id}/disconnect", (call) => disconnect(engine, call)),
    route("DELETE", "/networks/{id}", async ({ param }) => {
      const { id, name } = networks.get(param("id"));
      // 403 as with dockerd, not the 409 of one that is in use.
      if (builtIn.has(name))
        throw new SampanError("permission_denied", `${name} is a pre-defined network and cannot be removed`);
      await networks.remove(id);
      return empty();
    }),
  ];
}

/** `members`: who is in it; a list does not say. */
export function networkOf(
  info: NetworkInfo,
  version: number,
  inside: Readonly<Record<string, NetworkMember>> = {},
): NetworkInspect {
  return {
    Name: info.name,
    Id: info.id,
    Created: goTime(info.created),
    Scope: "local",
    Driver: info.driver,
    ...(version >= 48 ? { EnableIPv4: info.ipv4 } : {}),
    EnableIPv6: info.ipv6,
    IPAM: { Driver: "default", Options: null, Config: info.ipam.map(poolOf) },
    Internal: info.internal,
    Attachable: info.attachable,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: inside,
    Options: info.options,
    Labels: info.labels,
  };
}

function poolOf({ subnet, range, gateway, reserved }: NetworkInfo["ipam"][number]) {
  return {
    Subnet: subnet,
    ...(range ? { IPRange: range } : {}),
    ...(gateway ? { Gateway: gateway } : {}),
    ...(reserved && Object.keys(reserved).length > 0 ? { AuxiliaryAddresses: reserved } : {}),
  };
}

/** Those that run. */
function members({ containers }: Parts, { endpoints }: NetworkInfo): Record<string, NetworkMember> {
  const running = new Map(
    containers.list().flatMap(({ id, name, state }) => {
      const runs: boolean = state !== "created" && state !== "exited" && (state as string) !== "dead";
      return runs ? [[id, name] as const] : [];
    }),
  );
  return Object.fromEntries(
    Object.entries(endpoints).flatMap(([id, { id: EndpointID, mac, ipv4, ipv6 }]) => {
      const Name = running.get(id);
      if (Name === undefined) return [];
      const member: NetworkMember = {
        Name,
        EndpointID,
        MacAddress: mac,
        IPv4Address: ipv4 ?? "",
        IPv6Address: ipv6 ?? "",
      };
      return [[id, member]];
    }),
  );
}

const builtIn: ReadonlySet<string> = new Set(["bridge", "host", "none"]);

const yes = (value: string) => value === "true" || value === "1";

function list({ networks }: Parts, { query, version }: Call): NetworkInspect[] {
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

function isDangling({ name, endpoints }: NetworkInfo): boolean {
  return !builtIn.has(name) && Object.keys(endpoints).length === 0;
}

async function create({ networks }: Parts, call: Call) {
  const body = await call.json((value) => record(value, "the network"));
  if (textOf(body, "Scope") === "swarm" || flagOf(body, "Ingress")) throw notInSwarm();
  const info = await networks.create(requestOf(body));
  return json({ Id: info.id, Warning: "" }, 201);
}

function requestOf(body: Fields): CreateNetwork {
  const ipam = record(body["IPAM"] ?? {}, `"IPAM"`);
  const pools = recordsOf(ipam, "Config").map(requestedPool);
  const driver = textOf(body, "Driver");
  const ipamDriver = textOf(ipam, "Driver");
  if (ipamDriver && ipamDriver !== "default")
    throw new SampanError(
      "invalid_argument",
      `cannot create a network: its IPAM driver is "${ipamDriver}", wanted default`,
    );
  if (flagOf(body, "ConfigOnly") || body["ConfigFrom"])
    throw new SampanError("unimplemented", "networks that hold the configuration of others are not there");
  const flags = {
    internal: flagOf(body, "Internal"),
    attachable: flagOf(body, "Attachable"),
    ipv4: flagOf(body, "EnableIPv4"),
    ipv6: flagOf(body, "EnableIPv6"),
    options: textsOf(body, "Options"),
    labels: textsOf(body, "Labels"),
  };
  const given = Object.entries(flags).filter(([, value]) => value !== undefined);
  return {
    name: textOf(body, "Name") ?? "",
    ...(driver ? { driver } : {}),
    ...(pools.length > 0 ? { ipam: pools } : {}),
    ...(Object.fromEntries(given) as Partial<CreateNetwork>),
  };
}

function requestedPool(pool: Fields): NetworkInfo["ipam"][number] {
  const [range, gateway, reserved] = [
    textOf(pool, "IPRange"),
    textOf(pool, "Gateway"),
    textsOf(pool, "AuxiliaryAddresses"),
  ];
  return {
    subnet: textOf(pool, "Subnet") ?? "",
    ...(range ? { range } : {}),
    ...(gateway ? { gateway } : {}),
    ...(reserved ? { reserved } : {}),
  };
}

async function connect(engine: Parts, call: Call) {
  const { reference, asked } = await call.json((value) => {
    const body = record(value, "the connection");
    return {
      reference: textOf(body, "Container") ?? "",
      asked: parseEndpointSettings(body["EndpointConfig"] ?? {}),
    };
  });
  const network = engine.networks.get(call.param("id"));
  const owner = ownerOf(engine, reference);
  await engine.tasks.exclusive(owner.id, () => engine.networks.connect(network.id, owner, asked));
  return empty(200);
}

function ownerOf({ containers, store }: Parts, reference: string): SandboxOwner {
  const { id, name } = containers.get(reference);
  return { id, name, hostname: hostnameOf(id, storedContainer(store, id).body) };
}

async function disconnect({ networks, containers, tasks }: Parts, call: Call) {
  const { reference, force } = await call.json((value) => {
    const body = record(value, "the connection");
    return { reference: textOf(body, "Container") ?? "", force: flagOf(body, "Force") ?? false };
  });
  const network = networks.get(call.param("id"));
  const { id } = containers.get(reference);
  await tasks.exclusive(id, () => networks.disconnect(network.id, id, { force }));
  return empty(200);
}

async function prune(engine: Parts, { query }: Call): Promise<{ NetworksDeleted: string[] | null }> {
  const deleted = await pruneNetworks(engine, query.filters(["label", "label!", "until"]));
  return { NetworksDeleted: deleted.length > 0 ? deleted : null };
}

/** Names of those that nobody was in. */
export async function pruneNetworks(
  { networks }: Pick<Parts, "networks">,
  filters: Filters,
): Promise<string[]> {
  const until = (filters["until"] ?? []).map((text) => untilOf(text));
  const deleted: string[] = [];
  for (const info of networks.list()) {
    const old = until.every((limit) => info.created.getTime() < limit);
    if (!isDangling(info) || !old || !labelsFit(info.labels, filters)) continue;
    if (await removed(networks, info.id)) deleted.push(info.name);
  }
  return deleted;
}

/** False when somebody has taken or removed it meanwhile. */
async function removed(networks: Parts["networks"], id: string): Promise<boolean> {
  try {
    await networks.remove(id);
    return true;
  } catch (error) {
    const { code } = SampanError.from(error);
    if (code === "failed_precondition" || code === "not_found") return false;
    throw error;
  }
}
