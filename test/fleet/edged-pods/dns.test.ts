import { expect, test } from "bun:test";
import {
  hostAliases,
  hostsText,
  parseResolv,
  podDns,
  podNames,
  type Resolver,
} from "../../../src/fleet/edge/edged/dns.ts";
import type { PodSpec } from "../../../src/spec/kubernetes/pod.ts";
import { node, pod } from "./pods.ts";

const resolver = () =>
  parseResolv(
    "# of the host\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nsearch lan example.org\noptions timeout:1 edns0\n",
  );
const facts = { ...node, resolver };
const cluster = {
  servers: ["169.254.96.16"],
  searches: ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "lan", "example.org"],
  options: ["ndots:5"],
};

test.each<[string, Partial<PodSpec>, Resolver | undefined]>([
  ["no policy", {}, cluster],
  ["ClusterFirst on the host's network", { dnsPolicy: "ClusterFirst", hostNetwork: true }, undefined],
  ["ClusterFirstWithHostNet", { dnsPolicy: "ClusterFirstWithHostNet", hostNetwork: true }, cluster],
  ["Default", { dnsPolicy: "Default" }, undefined],
  [
    "Default with more",
    {
      dnsPolicy: "Default",
      dnsConfig: { searches: ["a.example"], options: [{ name: "timeout", value: "3" }, { name: "rotate" }] },
    },
    {
      servers: ["192.0.2.1"],
      searches: ["lan", "example.org", "a.example"],
      options: ["timeout:3", "edns0", "rotate"],
    },
  ],
  [
    "None",
    { dnsPolicy: "None", dnsConfig: { nameservers: ["192.0.2.9"] } },
    { servers: ["192.0.2.9"], searches: [], options: [] },
  ],
  [
    "more servers than libraries ask",
    { dnsConfig: { nameservers: ["192.0.2.9", "169.254.96.16", "2001:db8::1", "192.0.2.10"] } },
    { ...cluster, servers: ["169.254.96.16", "192.0.2.9", "2001:db8::1"] },
  ],
])("resolv.conf of a pod with %s", (_, spec, wanted) => {
  expect(podDns(pod(spec), facts)).toEqual(wanted);
});

test("without a server for services a pod has the host's", () => {
  expect(podDns(pod(), { ...facts, clusterDns: [] })).toBeUndefined();
});

test.each<[string, Partial<PodSpec>]>([
  ["an unknown policy", { dnsPolicy: "Other" }],
  ["None without a server", { dnsPolicy: "None" }],
  ["a server that is a name", { dnsConfig: { nameservers: ["dns.example"] } }],
  ["a search domain with a line end", { dnsConfig: { searches: ["a\nnameserver 192.0.2.66"] } }],
  ["an option with a line end", { dnsConfig: { options: [{ name: "a\nb" }] } }],
])("%s is refused", (_, spec) => {
  expect(() => podDns(pod(spec), facts)).toThrow("cannot use");
});

test.each<[Partial<PodSpec>, string, string, string | undefined]>([
  [{}, "web", "web", undefined],
  [{}, "web.1", "web.1", undefined],
  [{}, `${"a".repeat(62)}-b`, "a".repeat(62), undefined],
  [{ hostname: "h", subdomain: "db" }, "web", "h", "h.db.shop.svc.cluster.local"],
  [
    { subdomain: "db", setHostnameAsFQDN: true },
    "web",
    "web.db.shop.svc.cluster.local",
    "web.db.shop.svc.cluster.local",
  ],
  [{ hostNetwork: true }, "web", "edge-1", undefined],
])("names of a pod: %j %s", (spec, name, hostname, full) => {
  expect(podNames(pod(spec, { name }), node)).toEqual({ hostname, full });
});

test("a full name that the kernel cannot hold is refused, and so are names that are none", () => {
  const long = { subdomain: "s".repeat(40), setHostnameAsFQDN: true };
  expect(() => podNames(pod(long), node)).toThrow("wanted at most 64");
  for (const hostname of ["a b", "a\nb", "..", "UPPER"])
    expect(() => podNames(pod({ hostname }), node)).toThrow("no label of DNS");
  expect(() => podNames(pod({}, { name: "a\nb" }), node)).toThrow("no name of a host");
});

test("/etc/hosts holds the pod's own names and its aliases", () => {
  const spec = {
    hostname: "h",
    subdomain: "db",
    hostAliases: [{ ip: "192.0.2.5", hostnames: ["foo.local", "bar.local"] }],
  };
  const text = hostsText(pod(spec), { ips: ["10.1.0.5"], host: "", node });
  expect(text).toContain("\n10.1.0.5\th.db.shop.svc.cluster.local\th\n");
  expect(text).toEndWith("\n192.0.2.5\tfoo.local\tbar.local\n");
  const shared = hostsText(pod({ hostNetwork: true }), { ips: [], host: "127.0.0.1 localhost\n", node });
  expect(shared).toBe("# Kubernetes-managed hosts file.\n127.0.0.1 localhost\n");
});

test("an alias cannot begin another line", () => {
  for (const alias of [
    { ip: "192.0.2.5\n", hostnames: [] },
    { ip: "192.0.2.5", hostnames: ["a\n192.0.2.6 b"] },
  ])
    expect(() => hostAliases(pod({ hostAliases: [alias] }))).toThrow("in hostAliases");
});
