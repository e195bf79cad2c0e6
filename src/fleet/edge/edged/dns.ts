/** Names that a pod has and names that it finds: its host name, resolv.conf and /etc/hosts. Pure. https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/ */
import { isIP } from "node:net";
import { invalid } from "../../../base/errors.ts";
import type { Pod } from "../../../spec/kubernetes/pod.ts";
import { shown } from "./pod-error.ts";
import type { NodeFacts } from "./translate.ts";

export interface Resolver {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** Of resolv.conf(5), as far as libraries read it. */
const most = { servers: 3, searches: 32, searchText: 2048, options: 64 } as const;
const domain = /^(?:\.|[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?)$/;
const option = /^[A-Za-z0-9_-]{1,64}(?::[A-Za-z0-9._-]{1,64})?$/;
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** resolv.conf(5); words that are none are passed over: it is the host's own file. */
export function parseResolv(text: string): Resolver {
  const lines = text
    .replaceAll(/[#;].*$/gm, "")
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  const all = (word: string) => lines.filter(([first]) => first === word).flatMap(([, ...rest]) => rest);
  const last = (word: string) => lines.findLast(([first]) => first === word)?.slice(1);
  return {
    servers: all("nameserver").filter((server) => isIP(server.replace(/%.*$/, "")) !== 0),
    searches: (last("search") ?? last("domain") ?? []).filter((name) => domain.test(name)),
    options: all("options").filter((word) => option.test(word)),
  };
}

type DnsFacts = Pick<NodeFacts, "clusterDns" | "clusterDomain" | "resolver">;

/** Undefined: the host's file as it is. Errors: `invalid_argument` for a policy that is none, and for words that would not be one of the file's. */
export function podDns(pod: Pod, node: DnsFacts): Resolver | undefined {
  const { dnsConfig, hostNetwork } = pod.spec;
  const policy = policyOf(pod, node);
  if (policy === "Default" && !dnsConfig) return undefined;
  const host = node.resolver?.() ?? { servers: [], searches: [], options: [] };
  // The host's loopback is another one in a network of the pod's own.
  const reachable = host.servers.filter((server) => hostNetwork || !/^(?:127\.|::1$)/.test(server));
  const base: Resolver =
    policy === "None"
      ? { servers: [], searches: [], options: [] }
      : policy === "Default"
        ? { ...host, servers: reachable }
        : {
            servers: node.clusterDns,
            searches: [...clusterSearches(pod, node.clusterDomain), ...host.searches],
            options: ["ndots:5"],
          };
  return merged(base, dnsConfig ?? {});
}

function policyOf({ spec, metadata }: Pod, { clusterDns }: DnsFacts): "Cluster" | "Default" | "None" {
  const { dnsPolicy = "ClusterFirst", hostNetwork, dnsConfig } = spec;
  const cluster = clusterDns.length > 0 ? "Cluster" : "Default";
  if (dnsPolicy === "None" && (dnsConfig?.nameservers ?? []).length > 0) return "None";
  if (dnsPolicy === "ClusterFirst") return hostNetwork ? "Default" : cluster;
  if (dnsPolicy === "ClusterFirstWithHostNet") return cluster;
  if (dnsPolicy === "Default") return "Default";
  throw invalid(
    `cannot use dnsPolicy ${shown(dnsPolicy)} of pod ${shown(metadata.name)}: wanted ClusterFirst, ClusterFirstWithHostNet, Default, or None with at least one name server in dnsConfig`,
  );
}

function clusterSearches({ metadata }: Pod, name: string): string[] {
  return [`${metadata.namespace ?? "default"}.svc.${name}`, `svc.${name}`, name];
}

function merged(base: Resolver, config: NonNullable<Pod["spec"]["dnsConfig"]>): Resolver {
  const { nameservers = [], searches = [], options = [] } = config;
  for (const server of nameservers)
    if (isIP(server) === 0) throw invalid(`cannot use name server ${shown(server)}: it is no address`);
  for (const name of searches)
    if (!domain.test(name)) throw invalid(`cannot use search domain ${shown(name)}: it is no domain's name`);
  const asked = options.map(({ name, value }) => (value ? `${name}:${value}` : name));
  for (const word of asked)
    if (!option.test(word))
      throw invalid(`cannot use resolver option ${shown(word)}: it is no word of resolv.conf`);
  const byName = new Map([...base.options, ...asked].map((word) => [word.split(":", 1)[0] ?? "", word]));
  return {
    servers: [...new Set([...base.servers, ...nameservers])].slice(0, most.servers),
    searches: bounded([...new Set([...base.searches, ...searches])]),
    options: [...byName.values()].slice(0, most.options),
  };
}

function bounded(searches: readonly string[]): string[] {
  let length = 0;
  return searches.slice(0, most.searches).filter((name) => (length += name.length + 1) <= most.searchText);
}

export interface PodNames {
  readonly hostname: string;
  /** `web-0.db.default.svc.cluster.local`, of a pod with a subdomain. */
  readonly full: string | undefined;
}

/** With setHostnameAsFQDN the kernel's name is the full one, which has 64 characters at most. Errors: `invalid_argument`. */
export function podNames(pod: Pod, node: Pick<NodeFacts, "name" | "clusterDomain">): PodNames {
  const { hostname, subdomain, setHostnameAsFQDN, hostNetwork } = pod.spec;
  const { name = "", namespace = "default" } = pod.metadata;
  if (hostNetwork) return { hostname: node.name, full: undefined };
  for (const word of [hostname, subdomain])
    if (word && !label.test(word))
      throw invalid(`cannot use host name ${shown(word)}: it is no label of DNS`);
  const short = hostname || name.slice(0, 63).replace(/[.-]+$/, "");
  if (!domain.test(short)) throw invalid(`cannot use host name ${shown(short)}: it is no name of a host`);
  const full = subdomain ? `${short}.${subdomain}.${namespace}.svc.${node.clusterDomain}` : undefined;
  if (!setHostnameAsFQDN || full === undefined) return { hostname: short, full };
  if (full.length <= 64) return { hostname: full, full };
  throw invalid(`cannot use host name ${shown(full)}: it has ${full.length} characters, wanted at most 64`);
}

export interface HostLine {
  readonly ip: string;
  readonly names: readonly string[];
}

/** spec.hostAliases. Errors: `invalid_argument` for what would begin another line. */
export function hostAliases({ spec }: Pick<Pod, "spec">): HostLine[] {
  return (spec.hostAliases ?? []).map(({ ip, hostnames = [] }) => {
    const wrong = [...(isIP(ip) === 0 ? [ip] : []), ...hostnames.filter((name) => !domain.test(name))][0];
    if (wrong !== undefined)
      throw invalid(`cannot use ${shown(wrong)} in hostAliases: it is no address or name`);
    return { ip, names: hostnames };
  });
}

/** /etc/hosts as Edged keeps it for a pod: its own, or with the host's network the host's text, and the aliases. */
export function hostsText(
  pod: Pod,
  {
    ips,
    host,
    node,
  }: { ips: readonly string[]; host: string; node: Pick<NodeFacts, "name" | "clusterDomain"> },
): string {
  const { hostname, full } = podNames(pod, node);
  const own = pod.spec.hostNetwork
    ? [host.trimEnd()]
    : [
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "fe00::0\tip6-localnet",
        "fe00::0\tip6-mcastprefix",
        "fe00::1\tip6-allnodes",
        "fe00::2\tip6-allrouters",
        ...ips.map((ip) => [ip, ...new Set([...(full ? [full] : []), hostname])].join("\t")),
      ];
  const aliases = hostAliases(pod).map(({ ip, names }) => [ip, ...names].join("\t"));
  return ["# Kubernetes-managed hosts file.", ...own, ...aliases, ""].join("\n");
}
