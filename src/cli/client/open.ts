/** The daemon that a person named, by -H or by DOCKER_HOST. */
import type { CredentialStore } from "./credentials.ts";
import type { DaemonClient } from "./daemon.ts";
import { dockerClient } from "./docker.ts";
import { readTls, type TlsFiles, tlsFromEnvironment } from "./http/address.ts";

type Env = Readonly<Record<string, string | undefined>>;

export interface TlsFlags {
  readonly tls: boolean;
  readonly tlsverify: boolean;
  readonly tlscacert: string | undefined;
  readonly tlscert: string | undefined;
  readonly tlskey: string | undefined;
}

export interface HostOptions {
  readonly flags: TlsFlags;
  readonly env: Env;
  readonly credentials?: () => Promise<CredentialStore>;
}

/** Errors: `invalid_argument` for an address of no known form; `failed_precondition` for a certificate that cannot be read. */
export function openHost(host: string, { flags, env, credentials }: HostOptions): DaemonClient {
  const tls = host.startsWith("unix:") ? undefined : tlsOf(flags, env);
  const version = env["DOCKER_API_VERSION"] || undefined;
  return dockerClient(host, {
    ...(tls ? { tls } : {}),
    ...(version === undefined ? {} : { version: version.replace(/^v/, "") }),
    ...(credentials ? { credentials } : {}),
  });
}

function tlsOf(flags: TlsFlags, env: Env): TlsFiles | undefined {
  const { tls, tlsverify, tlscacert: ca, tlscert: cert, tlskey: key } = flags;
  const named = { ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) };
  const asked = tls || tlsverify || Object.keys(named).length > 0;
  const wanted = asked ? { ...env, DOCKER_TLS: "1", ...(tlsverify ? { DOCKER_TLS_VERIFY: "1" } : {}) } : env;
  const found = tlsFromEnvironment(wanted);
  return found ? { ...found, ...readTls(named, found.verify) } : undefined;
}
