/**
 * hosts.toml as containerd has it (docs/hosts.md of containerd 2.2): the servers of one registry, those in [host."…"] first and in their order, then the one of `server`, which the keys at the
 * top are for. Pure. Unlike there, a key that does not exist is an error, and so is a file that cannot be understood.
 */
import { isAbsolute, join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { Table } from "../settings-table.ts";

export const capabilities = ["pull", "resolve", "push"] as const;
/** `resolve`: says what a tag means; `pull`: gives what a digest names. */
export type Capability = (typeof capabilities)[number];

export interface HostEntry {
  /** Undefined: the registry itself. */
  readonly url: URL | undefined;
  readonly can: ReadonlySet<Capability>;
  /** PEM files, absolute. */
  readonly authorities: readonly string[];
  /** Files, absolute; both may be the same one. */
  readonly clients: readonly { readonly certificate: string; readonly key: string }[];
  /** Undefined: not said. */
  readonly skipVerify: boolean | undefined;
  /** By names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The URL's path is the root of the API, with nothing added. */
  readonly overridePath: boolean;
  /** Milliseconds until a connection is there. */
  readonly dialTimeout: number | undefined;
  readonly proxy: string | undefined;
  /** The entry as errors name it: `host."https://mirror"`; empty for the server's. */
  readonly setting: string;
}

const hostKeys = [
  "capabilities",
  "ca",
  "client",
  "skip_verify",
  "header",
  "override_path",
  "dial_timeout",
  "proxy",
] as const;

/** The last one is the server's. `file`: its path. Errors: `failed_precondition`, with the file and the key. */
export function parseHostsFile(text: string, file: string): HostEntry[] {
  try {
    const document = new Table({ file, flags: {} }, "", parsed(text), ["server", "host", ...hostKeys]);
    const folder = file.slice(0, file.lastIndexOf("/"));
    const hosts = document.table("host");
    return [
      ...hosts.keys().map((address) => {
        const url = urlOf(address);
        if (!url) hosts.refuse(address, address, addresses);
        return entryOf(hosts.table(address, hostKeys), { url, folder, setting: `host."${address}"` });
      }),
      entryOf(document, { url: serverOf(document), folder, setting: "" }),
    ];
  } catch (error) {
    const { message } = SampanError.from(error);
    const told = message.startsWith("cannot use settings") ? message : `cannot read "${file}": ${message}`;
    throw new SampanError("failed_precondition", told.replace("cannot use settings", "cannot use"), {
      cause: error,
    });
  }
}

function parsed(text: string): unknown {
  return Bun.TOML.parse(text);
}

const addresses = `an address as "https://mirror.example:5000"`;

function serverOf(document: Table): URL | undefined {
  const server = document.text("server");
  if (server === undefined || server === "") return undefined;
  return urlOf(server) ?? document.refuse("server", server, addresses);
}

/** Without a scheme it is https. */
function urlOf(address: string): URL | undefined {
  const url = URL.parse(address.includes("://") ? address : `https://${address}`);
  if (!url || !/^https?:$/.test(url.protocol)) return undefined;
  if (url.hostname === "" || url.username !== "" || url.search !== "" || url.hash !== "") return undefined;
  return url;
}

function entryOf(
  table: Table,
  { url, folder, setting }: { url: URL | undefined; folder: string; setting: string },
): HostEntry {
  const at = (path: string) => (isAbsolute(path) ? path : join(folder, path));
  return {
    url,
    can: capabilitiesOf(table),
    authorities: pathsOf(table, "ca").map(at),
    clients: clientsOf(table).map(([certificate, key]) => ({
      certificate: at(certificate),
      key: at(key === "" ? certificate : key),
    })),
    skipVerify: table.flag("skip_verify"),
    headers: headersOf(table.table("header")),
    overridePath: table.flag("override_path") ?? false,
    dialTimeout: dialTimeoutOf(table),
    proxy: proxyOf(table),
    setting,
  };
}

function capabilitiesOf(table: Table): ReadonlySet<Capability> {
  const wanted = capabilities.join(", ");
  const known = (word: string) => capabilities.find((each) => each === word.toLowerCase());
  const said = table.texts("capabilities", (word) => known(word) !== undefined, wanted) ?? [];
  return new Set(said.length === 0 ? capabilities : said.flatMap((word) => known(word) ?? []));
}

/** A path or a list of them. */
function pathsOf(table: Table, key: string): readonly string[] {
  const value = table.value(key);
  if (typeof value === "string" && value !== "") return [value];
  return table.texts(key, (path) => path !== "", "paths") ?? [];
}

/** A path, a list of them, or a list of pairs of certificate and key. */
function clientsOf(table: Table): readonly (readonly [certificate: string, key: string])[] {
  const value = table.value("client");
  if (value === undefined) return [];
  const items: unknown[] = Array.isArray(value) ? value : [value];
  return items.map((item) => {
    const [certificate, key = "", ...more]: unknown[] = Array.isArray(item) ? item : [item];
    if (typeof certificate !== "string" || certificate === "" || typeof key !== "string" || more.length > 0)
      return table.refuse("client", value, "a path, paths, or pairs of a certificate and its key");
    return [certificate, key] as const;
  });
}

function headersOf(table: Table): Record<string, string> {
  return Object.fromEntries(
    table.keys().map((name) => {
      const value = table.value(name);
      const texts: unknown[] = Array.isArray(value) ? value : [value];
      const fits = (text: unknown): text is string =>
        typeof text === "string" && /^[\t\x20-\x7e]*$/.test(text);
      if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || !texts.every(fits))
        // Not the value itself: it may be a secret.
        return table.refuse(name, "(not shown)", "a header's name and its text or texts");
      return [name.toLowerCase(), texts.join(", ")];
    }),
  );
}

const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Go's durations: `1m30s`, `500ms`. */
function dialTimeoutOf(table: Table): number | undefined {
  const text = table.text("dial_timeout");
  if (text === undefined || text === "") return undefined;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  const sum = parts.reduce((total, [, count, unit = ""]) => total + Number(count) * (units[unit] ?? 0), 0);
  if (parts.map(([part]) => part).join("") !== text || sum <= 0 || sum > 86_400_000)
    return table.refuse("dial_timeout", text, `a time as "1s" or "500ms"`);
  return Math.max(1, Math.round(sum));
}

function proxyOf(table: Table): string | undefined {
  const wanted = `an address as "http://proxy.example:8080"`;
  const fits = (text: string) => {
    const url = URL.parse(text);
    return (
      url !== null && /^https?:$/.test(url.protocol) && url.pathname === "/" && url.search + url.hash === ""
    );
  };
  return table.fitting("proxy", fits, wanted);
}
