/** The contract over HTTP: any daemon that speaks Docker's API, on a unix socket, by TCP, or by TLS. Nothing is connected before the first call. */
import { containerCalls } from "./containers.ts";
import type { CredentialStore } from "./credentials.ts";
import type { DaemonClient } from "./daemon.ts";
import { execCalls } from "./exec.ts";
import { parseAddress, type TlsFiles } from "./http/address.ts";
import { Http } from "./http/http.ts";
import { imageCalls } from "./images.ts";
import { networkCalls } from "./networks.ts";
import { registryCalls } from "./registry.ts";
import { systemCalls } from "./system.ts";
import { volumeCalls } from "./volumes.ts";

export interface DockerOptions {
  readonly tls?: TlsFiles;
  /** DOCKER_API_VERSION: no negotiation. */
  readonly version?: string;
  /** Where `login` keeps what it was told; without it nobody is logged in anywhere. */
  readonly credentials?: () => Promise<CredentialStore>;
}

/** `host`: `unix:///path`, `tcp://host:port`. Errors: `invalid_argument` for a form that is not known. */
export function dockerClient(host: string, { tls, version, credentials }: DockerOptions = {}): DaemonClient {
  const http = new Http(parseAddress(host, tls), version);
  const { keys, ...registry } = registryCalls(http, credentials);
  return {
    host,
    apiVersion: () => http.version(),
    ...imageCalls(http, keys),
    ...registry,
    ...containerCalls(http),
    ...execCalls(http),
    ...networkCalls(http),
    ...volumeCalls(http),
    ...systemCalls(http),
    [Symbol.asyncDispose]: async () => {},
  };
}
