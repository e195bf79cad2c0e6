/**
 * The body of POST /containers/create, from whoever sends it: types, lengths and closed sets of every field that create.ts has. What a value means, and whether this
 * host can do it, is for the engine to say.
 */
import type { ContainerConfig, CreateBody, HealthConfig } from "./create.ts";
import { endpoints, macAddress } from "./parse-endpoint.ts";
import { parseHostConfig, port } from "./parse-host-config.ts";
import {
  fault,
  flag,
  integer,
  keys,
  natural,
  object,
  string,
  stringMap,
  strings,
  text,
  words,
  type Fields,
  type Reader,
} from "./_read.ts";

export { parseEndpointSettings } from "./parse-endpoint.ts";
export { parseHostConfig } from "./parse-host-config.ts";
export { parseResources, parseUpdateBody, type UpdateBody } from "./parse-resources.ts";

/** A word for a list of one word, as clients of the first versions sent. */
const command: Reader<string[]> = (value, path) =>
  typeof value === "string" ? [string(value, path)] : words(value, path);

/** Under a millisecond is taken for a mistake in the unit. */
const span: Reader<number> = (value, path) => {
  const found = natural(value, path);
  if (found === 0 || found >= 1e6) return found;
  throw fault(path, found, "0 or at least 1000000 nanoseconds, which is one millisecond");
};

const health: Reader<HealthConfig> = (value, path) => {
  const found = object<HealthConfig>({
    Test: strings,
    Interval: span,
    Timeout: span,
    StartPeriod: span,
    StartInterval: span,
    Retries: integer(0, 2 ** 31 - 1),
  })(value, path);
  const [kind] = found.Test ?? [];
  if (kind === undefined || ["", "NONE", "CMD", "CMD-SHELL"].includes(kind)) return found;
  throw fault(`${path}.Test[0]`, kind, 'one of "NONE", "CMD", "CMD-SHELL"');
};

export const containerFields: Fields<ContainerConfig> = {
  Hostname: text({ length: 64 }),
  Domainname: text({ length: 64 }),
  User: text({ length: 600 }),
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  ExposedPorts: keys(port),
  Tty: flag,
  OpenStdin: flag,
  StdinOnce: flag,
  Env: strings,
  Cmd: command,
  Healthcheck: health,
  Image: text({ length: 1000 }),
  Volumes: keys(text({ length: 4096 })),
  WorkingDir: text({ length: 4096 }),
  Entrypoint: command,
  NetworkDisabled: flag,
  MacAddress: macAddress,
  Labels: stringMap,
  StopSignal: text({ length: 50 }),
  StopTimeout: integer(-1, 2 ** 31 - 1),
  Shell: strings,
};

const body = object<CreateBody>({
  ...containerFields,
  HostConfig: parseHostConfig,
  NetworkingConfig: object<NonNullable<CreateBody["NetworkingConfig"]>>({ EndpointsConfig: endpoints }),
});

/** Errors: `invalid_argument` naming the field by its path. */
export function parseCreateBody(value: unknown): CreateBody {
  return body(value, "");
}

/** The configuration that POST /commit carries. */
export function parseContainerConfig(value: unknown): ContainerConfig {
  return object<ContainerConfig>(containerFields)(value, "");
}
