/** The servers of a registry as its folder in certs.d says: where the folder is, and what its files mean. Read anew when they have changed. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { errno, errnoOf } from "../../kernel/errno.ts";
import type { EngineSettings } from "../settings.ts";
import { fileError } from "../store/errors.ts";
import { addressOf, type Address, hostOf, readPem, tlsOf, unsetRegistry } from "./_address.ts";
import { capabilities, type Capability, type HostEntry, parseHostsFile } from "./_hosts-file.ts";

export interface Endpoint {
  readonly address: Address;
  readonly can: ReadonlySet<Capability>;
}

export interface Found {
  readonly folder: string;
  /** Its hosts.toml; undefined: it has certificates only. */
  readonly file: string | undefined;
  /** Another one when the file has changed. */
  readonly stamp: string;
}

const mostText = 1 << 20;

/** The folder for a registry; the first of `folders` that has one for it, else the first that has one for all: `_default`. */
export function findHosts(registry: string, folders: readonly string[]): Found | undefined {
  if (registry.includes("/") || registry.startsWith(".")) return undefined;
  const port = /^(.+):(\d+)$/.exec(registry);
  const names = [...(port ? [`${port[1]}_${port[2]}_`] : []), registry];
  const places = [
    ...folders.flatMap((folder) => names.map((name) => join(folder, name))),
    ...folders.map((folder) => join(folder, "_default")),
  ];
  for (const folder of places) {
    const stat = statOf(folder);
    if (!stat?.isDirectory()) continue;
    const path = join(folder, "hosts.toml");
    const file = statOf(path);
    const seen = file ?? stat;
    return {
      folder,
      file: file && path,
      stamp: `${folder} ${seen.ino} ${seen.size} ${seen.mtimeMs}`,
    };
  }
  return undefined;
}

/** Undefined too where this user may not look: root's folders are not an ordinary user's. */
function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    const why = errnoOf(error);
    if (why === errno.EACCES || why === errno.ENOTDIR) return undefined;
    throw fileError(`read "${path}"`, error);
  }
}

/** In their order; the last one is the registry's own. Errors: `failed_precondition`, with the file and the key. */
export function endpointsIn(
  { folder, file }: Found,
  registry: string,
  settings: EngineSettings["registries"],
): Endpoint[] {
  if (file === undefined) {
    const own = addressOf(registry, settings);
    // Docker's way: *.crt, *.cert and *.key in the folder.
    const tls = hasCertificates(folder)
      ? { tls: tlsOf(basename(folder), unsetRegistry, dirname(folder)) }
      : undefined;
    return [{ address: { ...own, ...tls }, can: new Set(capabilities) }];
  }
  const entries = parseHostsFile(readText(file), file);
  return entries.flatMap((entry) => endpointsOf(entry, { registry, settings, file }));
}

function hasCertificates(folder: string): boolean {
  return readdirSync(folder).some((name) => /\.(?:crt|cert)$/.test(name));
}

interface Place {
  readonly registry: string;
  readonly settings: EngineSettings["registries"];
  readonly file: string;
}

/** One for each of its client certificates, of which a connection can show but one. */
function endpointsOf(entry: HostEntry, place: Place): Endpoint[] {
  const base = addressIn(entry, place);
  const named = (key: string) => `${place.file}: ${entry.setting === "" ? "" : `${entry.setting}.`}${key}`;
  const authorities = entry.authorities.map((path) => readPem(path, named("ca")));
  const tls = {
    ...base.tls,
    ca: [...base.tls.ca, ...authorities],
    rejectUnauthorized: entry.skipVerify !== true && base.tls.rejectUnauthorized,
  };
  const { dialTimeout, proxy } = entry;
  const address = {
    ...base,
    tls,
    authorities,
    headers: entry.headers,
    ...(dialTimeout !== undefined && { dialTimeout }),
    ...(proxy !== undefined && { proxy }),
  };
  if (entry.clients.length === 0) return [{ address, can: entry.can }];
  return entry.clients.map(({ certificate, key }) => {
    const pair = { cert: readPem(certificate, named("client")), key: readPem(key, named("client")) };
    return { address: { ...address, tls: { ...tls, ...pair } }, can: entry.can };
  });
}

/** The server that stands for the registry is shown the registry's credentials; another has its own. */
function addressIn(entry: HostEntry, { registry, settings }: Place): Address {
  const { url } = entry;
  if (!url) return addressOf(registry, settings);
  // The examples of many name the hub by the name of its images, under which there is no registry.
  const host = hostOf(url.host);
  const own = host === hostOf(registry);
  const isServer = entry.setting === "";
  const path = url.pathname.replace(/\/+$/, "");
  const saysTls = entry.authorities.length > 0 || entry.clients.length > 0 || entry.skipVerify !== undefined;
  const plain = saysTls && url.port !== "" ? "either" : "http";
  return {
    name: own || isServer ? registry : host,
    host,
    path: path.replace(/\/v2$/, ""),
    ...(entry.overridePath && { root: path }),
    ...(!own && { namespace: registry }),
    scheme: url.protocol === "http:" ? plain : "https",
    tls: tlsOf(host, unsetRegistry),
  };
}

function readText(file: string): string {
  try {
    const text = readFileSync(file, "utf8");
    if (text.length <= mostText) return text;
  } catch (error) {
    throw fileError(`read "${file}"`, error);
  }
  throw new SampanError(
    "failed_precondition",
    `cannot read "${file}": it has more than ${mostText} characters`,
  );
}
