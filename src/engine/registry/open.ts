/** The registry client: repositories by name, with the mirrors, TLS and credentials that settings and Docker's configuration give. */
import type { EngineSettings } from "../settings.ts";
import type { Registries } from "./registry.ts";
import { SampanError } from "../../base/errors.ts";
import { addressOf, mirrorsOf, searchAddress } from "./_address.ts";
import { Client, type ClientParts } from "./_client.ts";
import { searchNames } from "./_lists.ts";
import { usualPatience, type Patience } from "./_patience.ts";
import { RemoteRepository } from "./_repository.ts";
import { openDockerConfig, type Credentials } from "./docker-config.ts";

export interface RegistriesOptions {
  /** The folder of Docker's config.json: dockerConfigFolder() of docker-config.ts. */
  readonly dockerConfig: string;
  /** Other deadlines and pauses than the usual ones. */
  readonly patience?: Partial<Patience>;
}

export function openRegistries(
  settings: EngineSettings["registries"],
  options: RegistriesOptions,
): Registries {
  const config = openDockerConfig(options.dockerConfig);
  return registriesWith({
    settings,
    patience: { ...usualPatience, ...options.patience },
    credentials: (name, signal) => config.find(name, signal),
  });
}

function registriesWith(parts: ClientParts): Registries {
  const { settings } = parts;
  // Of one registry all repositories share the scheme that was found and the tokens.
  const clients = new Map<string, { own: Client; mirrors: readonly Client[] }>();
  const clientsOf = (registry: string) => {
    const known = clients.get(registry);
    if (known) return known;
    const made = {
      own: new Client(addressOf(registry, settings), parts),
      mirrors: mirrorsOf(registry, settings).map((address) => new Client(address, parts)),
    };
    clients.set(registry, made);
    return made;
  };
  return {
    as: (registry, given) =>
      registriesWith({
        ...parts,
        credentials: (name, signal) =>
          name === registry ? Promise.resolve(given) : parts.credentials(name, signal),
      }),
    repository(name, actions) {
      const slash = name.indexOf("/");
      const { own, mirrors } = clientsOf(name.slice(0, slash));
      return new RemoteRepository({ name, path: name.slice(slash + 1), actions, own, mirrors, parts });
    },
    async login(registry, credentials, signal) {
      const given: Credentials = { ...credentials, kind: "password" };
      const client = new Client(addressOf(registry, settings), {
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
      const client = new Client(searchAddress(registry, settings), parts);
      return searchNames(client, { term, limit, signal });
    },
  };
}
