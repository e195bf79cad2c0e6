/** Services of somebody who may write services in his own namespace: he takes nobody's traffic, and keeps nobody's service from being led. */
import { describe, expect, test } from "bun:test";
import { makeBook, rulesOf } from "../../../src/fleet/edge/services/book.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";

const here = {
  node: "edge1",
  isOwn: (address: string) => address.startsWith("172.17."),
  isHost: (address: string) => address === "192.0.2.200" || address === "2001:db8::200",
};

function service(namespace: string, name: string, spec: object, creationTimestamp = ""): KubeObject {
  const metadata = { namespace, name, creationTimestamp };
  const ports = [{ name: "p", port: 443, protocol: "TCP" }];
  return { apiVersion: "v1", kind: "Service", metadata, spec: { ports, ...spec } };
}

function slice(namespace: string, name: string, addresses: readonly string[]): KubeObject {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { namespace, name: `${name}-1`, labels: { "kubernetes.io/service-name": name } },
    addressType: "IPv4",
    endpoints: addresses.map((address) => ({ addresses: [address] })),
    ports: [{ name: "p", port: 8443 }],
  };
}

const rules = (services: readonly KubeObject[], slices: readonly KubeObject[] = []) =>
  rulesOf(makeBook(services, slices, here), here);
const led = (services: readonly KubeObject[], slices: readonly KubeObject[] = []) =>
  rules(services, slices).flatMap(({ addresses }) => addresses);

test("externalIPs lead nowhere (CVE-2020-8554)", () => {
  const externalIPs = ["1.1.1.1", "10.96.0.1", "127.0.0.1", "192.0.2.200"];
  expect(led([service("evil", "a", { clusterIP: "10.96.0.66", externalIPs })])).toEqual(["10.96.0.66"]);
  expect(led([service("evil", "b", { clusterIP: "None", externalIPs })])).toEqual([]);
});

describe("a service has no address that is this machine's, this link's or nobody's", () => {
  test.each([
    "192.0.2.200",
    "2001:db8::200",
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "169.254.169.254",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "ff02::1",
    "::ffff:127.0.0.1",
  ])("%s", (address) => {
    expect(led([service("evil", "a", { clusterIP: address, clusterIPs: [address] })])).toEqual([]);
  });
});

test.each(["127.0.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1"])(
  "behind a service there is no %s (CVE-2021-25737)",
  (address) => {
    const found = rules([service("evil", "a", { clusterIP: "10.96.0.66" })], [slice("evil", "a", [address])]);
    expect(found.map(({ targets }) => targets)).toEqual([[]]);
  },
);

test("who comes later takes neither the address nor the port of the node of who was there", () => {
  const port = (nodePort: number) => ({ ports: [{ name: "p", port: 443, nodePort }] });
  const good = service("shop", "web", { clusterIP: "10.96.0.10", ...port(30_443) }, "2026-01-01T00:00:00Z");
  const evil = service("evil", "web", { clusterIP: "10.96.0.10", ...port(30_443) }, "2026-02-01T00:00:00Z");
  const other = service("evil", "port", { clusterIP: "10.96.0.11", ...port(30_443) }, "2026-03-01T00:00:00Z");
  const slices = [slice("evil", "web", ["192.0.2.66"]), slice("shop", "web", ["192.0.2.10"])];
  const found = rules([other, evil, good], slices);
  expect(found.map(({ addresses, nodePort }) => [addresses, nodePort])).toEqual([
    [["10.96.0.10"], 30_443],
    [["10.96.0.11"], undefined],
  ]);
  expect(found[0]?.targets).toEqual([{ address: "192.0.2.10", port: 8443 }]);
});

test("a service with more targets or ports than the kernel is told keeps no other from being led", () => {
  const targets = Array.from({ length: 2000 }, (_, index) => `192.0.${index >> 8}.${index & 255}`);
  const ports = Array.from({ length: 30_000 }, (_, index) => ({ name: "p", port: index + 1 }));
  const found = rules(
    [
      service("shop", "web", { clusterIP: "10.96.0.10" }, "2026-01-01T00:00:00Z"),
      service("evil", "a", { clusterIP: "10.96.0.66" }, "2026-02-01T00:00:00Z"),
      service("evil", "b", { clusterIP: "10.96.0.67", ports }, "2026-02-02T00:00:00Z"),
    ],
    [slice("evil", "a", targets)],
  );
  expect(found).toHaveLength(20_000);
  expect(found.slice(0, 2).map((each) => [each.addresses, each.targets.length])).toEqual([
    [["10.96.0.10"], 0],
    [["10.96.0.66"], 1000],
  ]);
});
