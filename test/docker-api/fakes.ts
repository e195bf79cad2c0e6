/** The parts of an engine that make containers live, as little of them as Docker's API can be tried with: rows in memory, and nothing on the host. */
import { createHash } from "node:crypto";
import { invalid, SampanError } from "../../src/base/errors.ts";
import type { LiveEngine } from "../../src/engine/engine.ts";
import { openEvents } from "../../src/engine/events/open.ts";
import type { CreateNetwork, Endpoint, NetworkInfo, Networks } from "../../src/engine/networks/networks.ts";
import type { VolumeInfo, Volumes } from "../../src/engine/volumes/volumes.ts";

type Fakes = Pick<LiveEngine, "runtimes" | "monitors" | "events" | "networks" | "volumes" | "tasks">;

export function fakes(): Fakes {
  const events = openEvents();
  return {
    events,
    networks: networksInMemory(events),
    volumes: volumesInMemory(events),
    runtimes: { names: ["native", "runc"], default: "native" } as unknown as Fakes["runtimes"],
    monitors: {} as Fakes["monitors"],
    tasks: {
      exclusive: (_id: string, change: () => Promise<unknown>) => change(),
      get: () => undefined,
    } as unknown as Fakes["tasks"],
  };
}

const idOf = (text: string) => createHash("sha256").update(text).digest("hex");

function volumesInMemory(events: Fakes["events"]): Volumes {
  const rows = new Map<string, VolumeInfo>();
  const get = (name: string): VolumeInfo => {
    const found = rows.get(name);
    if (found) return found;
    throw new SampanError("not_found", `get ${name}: no such volume`);
  };
  return {
    list: () => [...rows.values()],
    get,
    create({ name, labels = {}, options = {}, driver = "local" }) {
      if (driver !== "local") throw invalid(`cannot create a volume: there is no driver "${driver}"`);
      const called = name ?? idOf(String(rows.size));
      const mountpoint = `/volumes/${called}/_data`;
      const created = new Date();
      const anonymous = name === undefined;
      const made = rows.get(called) ?? {
        name: called,
        driver: "local" as const,
        labels,
        options,
        created,
        anonymous,
        mountpoint,
      };
      rows.set(called, made);
      events.emit({ type: "volume", action: "create", id: called, attributes: { driver } });
      return Promise.resolve(made);
    },
    remove(name) {
      get(name);
      rows.delete(name);
      events.emit({ type: "volume", action: "destroy", id: name, attributes: { driver: "local" } });
      return Promise.resolve();
    },
    users: () => [],
    acquire: () => Promise.resolve(""),
    release: () => Promise.resolve(),
  };
}

const builtIn = { bridge: "bridge", host: "host", none: "null" } as const;

function networksInMemory(events: Fakes["events"]): Networks {
  const rows = new Map<string, NetworkInfo>();
  const add = (request: CreateNetwork): NetworkInfo => {
    const made: NetworkInfo = {
      id: idOf(request.name),
      name: request.name,
      driver: (request.driver ?? "bridge") as NetworkInfo["driver"],
      created: new Date(),
      internal: request.internal ?? false,
      attachable: request.attachable ?? false,
      ipv4: request.ipv4 ?? true,
      ipv6: request.ipv6 ?? false,
      ipam: request.ipam ?? [{ subnet: "172.18.0.0/16", gateway: "172.18.0.1" }],
      options: request.options ?? {},
      labels: request.labels ?? {},
      endpoints: {},
    };
    rows.set(made.name, made);
    return made;
  };
  for (const [name, driver] of Object.entries(builtIn)) add({ name, driver });
  const get = (reference: string): NetworkInfo => {
    const found = [...rows.values()].find(({ id, name }) => name === reference || id.startsWith(reference));
    if (found) return found;
    throw new SampanError("not_found", `network ${reference} not found`);
  };
  return {
    list: () => [...rows.values()],
    ports: () => new Map(),
    get,
    create(request: CreateNetwork) {
      if (rows.has(request.name))
        return Promise.reject(
          new SampanError("already_exists", `network with name ${request.name} already exists`),
        );
      const made = add(request);
      events.emit({ type: "network", action: "create", id: made.id, attributes: { name: made.name } });
      return Promise.resolve(made);
    },
    remove(reference: string) {
      const { name, id } = get(reference);
      if (name in builtIn)
        throw new SampanError("permission_denied", `${name} is a pre-defined network and cannot be removed`);
      rows.delete(name);
      events.emit({ type: "network", action: "destroy", id, attributes: { name } });
      return Promise.resolve();
    },
    connect(network, owner, asked) {
      const row = get(network);
      const endpoint: Endpoint = {
        id: idOf(`${row.id}${owner.id}`),
        network: row.id,
        container: owner.id,
        mac: "02:42:ac:12:00:02",
        names: [owner.name],
        aliases: [...(asked.Aliases ?? [])],
        asked,
      };
      rows.set(row.name, { ...row, endpoints: { ...row.endpoints, [owner.id]: endpoint } });
      return Promise.resolve(endpoint);
    },
    disconnect(network, container) {
      const row = get(network);
      const { [container]: _gone, ...endpoints } = row.endpoints;
      rows.set(row.name, { ...row, endpoints });
      return Promise.resolve();
    },
  } as Partial<Networks> as Networks;
}
