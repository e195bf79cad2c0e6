/** The registry client: repositories by name, with the mirrors, TLS and credentials that settings and Docker's configuration give. */
import type { EngineSettings } from "../settings.ts";
import type { Registries } from "./registry.ts";
import { SampanError } from "../../base/errors.ts";
import { addressOf, mirrorsOf, searchAddress } from "./_address.ts";
import { Client, type ClientParts } from "./_client.ts";
import { searchNames } from "./_lists.ts";
import { usualPatience, type Patience } from "./_patience.ts";
import { endpointsIn, findHosts, type Endpoint } from "./_hosts.ts";
import { capabilities, type Capability } from "./_hosts-file.ts";
import { RemoteRepository, type Server } from "./_repository.ts";
import { openDockerConfig, type Credentials } from "./docker-config.ts";

export interface RegistriesOptions {
  /** The folder of Docker's config.json: dockerConfigFolder() of docker-config.ts. */
  readonly dockerConfig: string;
  /** Folders of a folder for each registry, as containerd's certs.d. None without it. */
  readonly hosts?: readonly string[];
  /** Other deadlines and pauses than the usual ones. */
  readonly patience?: Partial<Patience>;
}

export function openRegistries(
  settings: EngineSettings["registries"],
  options: RegistriesOptions,
): Registries {
  const config = openDockerConfig(options.dockerConfig);
  const parts: ClientParts = {
    settings,
    patience: { ...usualPatience, ...options.patience },
    credentials: (name, signal) => config.find(name, signal),
  };
  return registriesWith(parts, options.hosts ?? []);
}

/** The servers of one registry, which share the scheme that was found and the tokens. */
interface Known {
  /** Of the files that say so. */
  readonly stamp: string;
  readonly servers: readonly Server[];
  readonly own: Client;
}

function registriesWith(parts: ClientParts, hosts: readonly string[]): Registries {
  const { settings } = parts;
  const known = new Map<string, Known>();
  const serversOf = (registry: string): Known => {
    // The settings' own word on a registry goes before files that others share.
    const found = Object.hasOwn(settings, registry) ? undefined : findHosts(registry, hosts);
    const before = known.get(registry);
    if (before && before.stamp === (found?.stamp ?? "")) return before;
    const endpoints = found ? endpointsIn(found, registry, settings) : usualEndpoints(registry, settings);
    const servers = endpoints.map(({ address, can }) => ({ client: new Client(address, parts), can }));
    const own = servers.at(-1)?.client;
    if (!own) throw new TypeError("a registry without a server");
    const made = { stamp: found?.stamp ?? "", servers, own };
    known.set(registry, made);
    return made;
  };
  return {
    as: (registry, given) => {
      const credentials: ClientParts["credentials"] = (name, signal) =>
        name === registry ? Promise.resolve(given) : parts.credentials(name, signal);
      return registriesWith({ ...parts, credentials }, hosts);
    },
    repository(name, actions) {
      const slash = name.indexOf("/");
      const { servers, own } = serversOf(name.slice(0, slash));
      return new RemoteRepository({ name, path: name.slice(slash + 1), actions, servers, own, parts });
    },
    async login(registry, credentials, signal) {
      const given: Credentials = { ...credentials, kind: "password" };
      const client = new Client(serversOf(registry).own.address, {
        ...parts,
        credentials: () => Promise.resolve(given),
      });
      const answer = await client
        .send({ method: "GET", target: "/v2/", expect: [200], signal })
        .catch((error: unknown) => {
          throw SampanError.wrap(`cannot log in to registry "${registry}"`, error);
        });
      await answer.drop();
    },
    search(registry, term, limit, signal) {
      const client = new Client(searchAddress(serversOf(registry).own.address), parts);
      return searchNames(client, { term, limit, signal });
    },
  };
}

/** As the settings have it: mirrors are asked, the registry itself is asked last and changed alone. */
function usualEndpoints(registry: string, settings: EngineSettings["registries"]): Endpoint[] {
  const asked = new Set<Capability>(["pull", "resolve"]);
  return [
    ...mirrorsOf(registry, settings).map((address) => ({ address, can: asked })),
    { address: addressOf(registry, settings), can: new Set(capabilities) },
  ];
}
