/** Where a registry is, and what it may be asked with; pure but for reading certificates. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import type { EngineSettings, RegistrySettings } from "../settings.ts";
import type { TlsOptions } from "./_exchange.ts";
import { invalid, SampanError } from "../../base/errors.ts";
import { describeErrno, errnoOf } from "../../kernel/errno.ts";

/** Docker's hub goes by other names than its images do. */
const hub = { name: "docker.io", host: "registry-1.docker.io", search: "index.docker.io" } as const;

export interface Address {
  /** The registry or mirror as settings and credentials name it: `docker.io`, `localhost:5000`. */
  readonly name: string;
  /** Without a path: `registry-1.docker.io`. */
  readonly host: string;
  /** Before `/v2/`; mirrors may have one. */
  readonly path: string;
  /** `either`: HTTPS, and plain HTTP when the port does not speak TLS; for loopback addresses only. */
  readonly scheme: "https" | "http" | "either";
  readonly tls: TlsOptions;
  /** Stands in the place of `<path>/v2`. */
  readonly root?: string;
  /** The registry that is meant, told to a server that stands for several. */
  readonly namespace?: string;
  /** Sent to this server alone; names are in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Trusted too where this server leads to: PEM. */
  readonly authorities?: readonly string[];
  /** Milliseconds until a connection is there. */
  readonly dialTimeout?: number;
  readonly proxy?: string;
}

type Settings = EngineSettings["registries"];

export const unsetRegistry: RegistrySettings = {
  mirrors: [],
  http: false,
  ca: undefined,
  clientCertificate: undefined,
  clientKey: undefined,
  skipVerify: false,
};

export function settingsOf(name: string, settings: Settings): RegistrySettings {
  return Object.hasOwn(settings, name) ? (settings[name] ?? unsetRegistry) : unsetRegistry;
}

/** The registry itself. */
export function addressOf(name: string, settings: Settings): Address {
  const own = settingsOf(name, settings);
  const host = hostOf(name);
  const scheme = own.http ? "http" : isLoopback(host) ? "either" : "https";
  return { name, host, path: "", scheme, tls: tlsOf(name, own) };
}

/** `docker.io` is asked at another name. */
export function hostOf(name: string): string {
  return name === hub.name ? hub.host : name;
}

/** Where Docker's v1 search lives; other registries have it where they have everything. */
export function searchAddress(own: Address): Address {
  return own.host === hub.host ? { ...own, host: hub.search } : own;
}

/** The mirrors of a registry in their order, each with the settings of its own host. */
export function mirrorsOf(name: string, settings: Settings): Address[] {
  return settingsOf(name, settings).mirrors.map((text) => {
    const url = URL.parse(text);
    if (!url || (url.protocol !== "https:" && url.protocol !== "http:") || url.username !== "")
      throw invalid(`cannot use mirror "${text}" of ${name}: wanted https://host[:port][/path]`);
    const scheme = url.protocol === "http:" ? "http" : "https";
    const path = url.pathname.replace(/\/+$/, "");
    return {
      name: url.host,
      host: url.host,
      path,
      scheme,
      tls: tlsOf(url.host, settingsOf(url.host, settings)),
    };
  });
}

/** An address that only this machine can answer. A name that merely ends so could be anybody's. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, "");
  return name === "localhost" || name === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(name);
}

/** Whether a token server of `host` may be asked without TLS: only this machine's registries have theirs on this machine. */
export function mayBePlain(url: URL, host: string, settings: Settings): boolean {
  return settingsOf(url.host, settings).http || (isLoopback(url.host) && isLoopback(host));
}

const systemBundles = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"] as const;

/** Authorities, client certificate and key of a host: from the settings, then /etc/docker/certs.d/<host>, beside those of the system. */
export function tlsOf(name: string, own: RegistrySettings, folder = "/etc/docker/certs.d"): TlsOptions {
  const found = certificatesIn(folder, name);
  const setting = (key: string) => `registries."${name}".${key}`;
  const authorities = [...(own.ca === undefined ? [] : [read(own.ca, setting("ca"))]), ...found.authorities];
  const cert = own.clientCertificate ?? found.certificate;
  const key = own.clientKey ?? found.key;
  const certSetting = own.clientCertificate === undefined ? undefined : setting("client_certificate");
  const keySetting = own.clientKey === undefined ? undefined : setting("client_key");
  return {
    rejectUnauthorized: !own.skipVerify,
    ca: [...systemAuthorities(), ...authorities],
    ...(cert === undefined || key === undefined
      ? {}
      : { cert: read(cert, certSetting), key: read(key, keySetting) }),
  };
}

/** Those that the machine's owner trusts, in place of the list that Bun carries; that one only where the system has none. */
function systemAuthorities(): string[] {
  const bundle = systemBundles.find((path) => existsSync(path));
  return bundle === undefined ? [...rootCertificates] : [read(bundle)];
}

function certificatesIn(
  folder: string,
  name: string,
): { authorities: string[]; certificate?: string; key?: string } {
  const own = join(folder, name);
  // The name is one path component by its grammar; "." and ".." are not among what it allows.
  if (name.includes("/") || name.startsWith(".") || !existsSync(own)) return { authorities: [] };
  const files = readdirSync(own).toSorted();
  const certificate = files.find(
    (file) => file.endsWith(".cert") && files.includes(file.replace(/cert$/, "key")),
  );
  return {
    authorities: files.filter((file) => file.endsWith(".crt")).map((file) => read(join(own, file))),
    ...(certificate === undefined
      ? {}
      : { certificate: join(own, certificate), key: join(own, certificate.replace(/cert$/, "key")) }),
  };
}

/** Errors: `failed_precondition`, with the path and the key of the file that names it. */
export function readPem(path: string, setting: string): string {
  return read(path, setting);
}

/** `setting`: the one that names the file. */
function read(path: string, setting?: string): string {
  try {
    const text = readFileSync(path, "utf8");
    if (setting === undefined || /-----BEGIN [A-Z ]+-----/.test(text)) return text;
  } catch (error) {
    throw unusable(path, setting, { why: describeErrno(errnoOf(error)).text, cause: error });
  }
  throw unusable(path, setting, { why: "it is not in PEM form" });
}

function unusable(
  path: string,
  setting: string | undefined,
  { why, cause }: { why: string; cause?: unknown },
): SampanError {
  const named = setting === undefined ? "" : `, which the setting ${setting} names`;
  return new SampanError("failed_precondition", `cannot use certificate "${path}"${named}: ${why}`, {
    cause,
  });
}
