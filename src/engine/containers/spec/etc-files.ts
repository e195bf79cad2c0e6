/** The files of ours that are bound over the image's: /etc/hosts, /etc/hostname, /etc/resolv.conf. Pure: texts in, texts out. No value of the caller can end a line. */
import { isIP } from "node:net";
import { invalid } from "../../../base/errors.ts";
import type { HostConfig } from "../../../spec/docker/create.ts";

/** Errors: `invalid_argument` for what would not be one word of the file. */
export function checkNames({ DnsSearch, DnsOptions, ExtraHosts }: HostConfig): void {
  for (const domain of DnsSearch ?? [])
    if (!/^(?:\.|[A-Za-z0-9_.-]{1,254})$/.test(domain))
      throw invalid(
        `cannot use search domain ${JSON.stringify(domain.slice(0, 150))}: wanted a domain's name`,
      );
  for (const option of DnsOptions ?? [])
    if (!/^[A-Za-z0-9-]+(?::[0-9]+)?$/.test(option))
      throw invalid(
        `cannot use resolver option ${JSON.stringify(option.slice(0, 150))}: wanted one of resolv.conf(5)`,
      );
  for (const text of ExtraHosts ?? []) parseExtraHost(text);
}

export interface HostLine {
  readonly name: string;
  /** Undefined: the host itself, as the container sees it. */
  readonly address: string | undefined;
}

/** `name:address` or `name=address`; the address may stand in brackets. */
export function parseExtraHost(text: string): HostLine {
  const [, name = "", value = ""] = /^([^:=\s]+)[:=](\S+)$/.exec(text) ?? [];
  const address = value.replace(/^\[(.*)\]$/, "$1");
  const known = /^[A-Za-z0-9_.-]{1,255}$/.test(name) && (address === "host-gateway" || isIP(address) !== 0);
  if (!known)
    throw invalid(
      `cannot add host ${JSON.stringify(text.slice(0, 150))}: wanted <name>:<address>, or host-gateway for the address`,
    );
  return { name, address: address === "host-gateway" ? undefined : address };
}

export interface HostsInput {
  readonly hostname: string;
  readonly domainname: string;
  /** Its own, without prefix. */
  readonly addresses: readonly string[];
  readonly extra: readonly string[];
  /** Other containers by the names that it has for them. */
  readonly links?: readonly { readonly address: string; readonly names: readonly string[] }[];
  /** Where the host answers; undefined: nowhere. */
  readonly gateway: string | undefined;
  readonly ipv6: boolean;
}

export function hostsText(input: HostsInput): string {
  const { hostname, domainname, addresses, extra, links = [], gateway, ipv6 } = input;
  const full = domainname === "" ? hostname : `${hostname}.${domainname}`;
  const [short = full] = full.split(".");
  const names = [...new Set([full, hostname, short || full])].join(" ");
  const v6 =
    "::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";
  const lines = [`127.0.0.1\tlocalhost\n`, ipv6 ? v6 : "", extraHostsText(extra, gateway)];
  const own = addresses.length > 0 ? addresses : ["127.0.1.1"];
  const others = links.map(({ address, names: all }) => `${address}\t${all.join(" ")}\n`);
  return [...lines, ...others, ...own.map((address) => `${address}\t${names}\n`)].join("");
}

/** Errors: `invalid_argument` for host-gateway where there is none. */
export function extraHostsText(extra: readonly string[], gateway: string | undefined): string {
  const lines = extra.map(parseExtraHost).map(({ name, address = gateway }) => {
    if (address !== undefined) return `${address}\t${name}\n`;
    throw invalid(
      `cannot add host "${name}": host-gateway has no meaning without a network that leads to the host`,
    );
  });
  return lines.join("");
}

export interface ResolvInput {
  /** The host's resolv.conf. */
  readonly host: string;
  /** Of the container's network: a resolver of our own; none: the servers of the next two are asked by the container itself. */
  readonly nameservers: readonly string[];
  readonly asked: Pick<HostConfig, "Dns" | "DnsSearch" | "DnsOptions">;
  readonly defaults: {
    readonly dns: readonly string[];
    readonly search: readonly string[];
    readonly options: readonly string[];
  };
  /** The host's loopback is the container's too. */
  readonly sharesHost: boolean;
}

/**
 * The host's file, with what was asked for over it. The host's servers on loopback addresses are nobody in a network of its own and are left out: no public server is put in
 * their place, for names that are looked up tell much.
 */
export function resolvText({ host, nameservers, asked, defaults, sharesHost }: ResolvInput): string {
  const lines = host.split("\n").map((line) => line.trim().split(/\s+/));
  const all = (word: string) => lines.filter(([first]) => first === word).flatMap(([, ...rest]) => rest);
  const last = (word: string) => lines.findLast(([first]) => first === word)?.slice(1) ?? [];
  const first = (...lists: (readonly string[] | null | undefined)[]) =>
    lists.find((list) => list?.length) ?? [];
  const reachable = all("nameserver").filter((server) => sharesHost || !/^(?:127\.|::1$)/.test(server));
  const servers = first(nameservers, asked.Dns?.filter(Boolean), defaults.dns, reachable);
  const search = first(asked.DnsSearch, defaults.search, last("search"), last("domain"));
  const options = new Set(first(asked.DnsOptions, defaults.options, all("options")));
  if (nameservers.length > 0 && ![...options].some((option) => option.startsWith("ndots:")))
    options.add("ndots:0");
  return [
    ...servers.map((server) => `nameserver ${server}\n`),
    ...(search.length > 0 && !search.includes(".") ? [`search ${search.join(" ")}\n`] : []),
    ...(options.size > 0 ? [`options ${[...options].join(" ")}\n`] : []),
  ].join("");
}
