/** `--network` in both forms, and the flags that say more about the first network. */
import { invalid } from "../../../base/errors.ts";
import type { EndpointSettings } from "../../../spec/docker/create.ts";
import { csvPairs } from "./key-values.ts";

export interface NetworkFlags {
  readonly network: readonly string[];
  readonly "network-alias": readonly string[];
  readonly link: readonly string[];
  readonly "link-local-ip": readonly string[];
  readonly ip: string | undefined;
  readonly ip6: string | undefined;
  readonly "mac-address": string | undefined;
}

export interface Networking {
  readonly mode: string;
  /** Networks with settings, or all of them when there are several. */
  readonly endpoints: Record<string, EndpointSettings>;
}

interface Draft {
  name: string;
  aliases: string[];
  links: string[];
  linkLocal: string[];
  options: Record<string, string>;
  ip?: string;
  ip6?: string;
  mac?: string;
  priority?: number;
}

const empty = (name: string): Draft => ({ name, aliases: [], links: [], linkLocal: [], options: {} });

const keys: Readonly<Record<string, (draft: Draft, value: string) => void>> = {
  name: (draft, value) => void (draft.name = value),
  alias: (draft, value) => void draft.aliases.push(value),
  ip: (draft, value) => void (draft.ip = value),
  ip6: (draft, value) => void (draft.ip6 = value),
  "mac-address": (draft, value) => void (draft.mac = value),
  "link-local-ip": (draft, value) => void draft.linkLocal.push(value),
  "gw-priority": (draft, value) => {
    if (!/^-?\d+$/.test(value)) throw invalid(`cannot use gw-priority "${value}": wanted a number`);
    draft.priority = Number(value);
  },
  "driver-opt": (draft, value) => {
    const at = value.indexOf("=");
    if (at < 1) throw invalid(`cannot use driver-opt "${value}": wanted KEY=VALUE`);
    draft.options[value.slice(0, at).trim().toLowerCase()] = value.slice(at + 1).trim();
  },
};

function parseOne(text: string): Draft {
  if (!text.includes("=")) return empty(text);
  const draft = empty("");
  for (const { key, value = "" } of csvPairs(text)) {
    const take = Object.hasOwn(keys, key) ? keys[key] : undefined;
    if (!take)
      throw invalid(
        `cannot use network "${text}": there is no key "${key}"; wanted ${Object.keys(keys).join(", ")}`,
      );
    take(draft, value);
  }
  if (draft.name === "") throw invalid(`cannot use network "${text}": wanted name=NETWORK in it`);
  return draft;
}

function endpoint({ aliases, links, linkLocal, options, ip, ip6, mac, priority }: Draft): EndpointSettings {
  const addresses = {
    ...(ip === undefined ? {} : { IPv4Address: ip }),
    ...(ip6 === undefined ? {} : { IPv6Address: ip6 }),
    ...(linkLocal.length > 0 ? { LinkLocalIPs: linkLocal } : {}),
  };
  return {
    ...(Object.keys(addresses).length > 0 ? { IPAMConfig: addresses } : {}),
    ...(aliases.length > 0 ? { Aliases: aliases } : {}),
    ...(links.length > 0 ? { Links: links } : {}),
    ...(mac === undefined ? {} : { MacAddress: mac }),
    ...(Object.keys(options).length > 0 ? { DriverOpts: options } : {}),
    ...(priority === undefined ? {} : { GwPriority: priority }),
  };
}

const shared = (name: string) => name === "host" || name === "none" || name.startsWith("container:");

/** Errors: `invalid_argument` where a setting is said twice, or of a network that has none. */
export function parseNetworking(flags: NetworkFlags): Networking {
  const drafts = flags.network.map(parseOne);
  const first = drafts[0] ?? empty("default");
  const twice = (what: string) => invalid(`cannot use --${what}: --network says it too`);
  if (flags.ip !== undefined && first.ip !== undefined) throw twice("ip");
  if (flags.ip6 !== undefined && first.ip6 !== undefined) throw twice("ip6");
  if (flags["mac-address"] !== undefined && first.mac !== undefined) throw twice("mac-address");
  if (flags["network-alias"].length > 0 && first.aliases.length > 0) throw twice("network-alias");
  Object.assign(first, {
    ...(flags.ip === undefined ? {} : { ip: flags.ip }),
    ...(flags.ip6 === undefined ? {} : { ip6: flags.ip6 }),
    ...(flags["mac-address"] === undefined ? {} : { mac: flags["mac-address"] }),
  });
  first.aliases.push(...flags["network-alias"]);
  first.linkLocal.push(...flags["link-local-ip"]);
  first.links.push(...flags.link);
  const alone = drafts.find(({ name }) => shared(name));
  if (alone && drafts.length > 1)
    throw invalid(`cannot use network "${alone.name}" with others: it stands alone`);
  const endpoints = (drafts.length > 0 ? drafts : [first]).map(
    (draft) => [draft.name, endpoint(draft)] as const,
  );
  const told = endpoints.filter(([, settings]) => drafts.length > 1 || Object.keys(settings).length > 0);
  return { mode: first.name, endpoints: Object.fromEntries(told) };
}
