import { describe, expect, test } from "bun:test";
import type { RecordType } from "dns-packet";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { makeBook, rulesOf } from "./book.ts";
import { decideName } from "./names.ts";

const here = {
  node: "edge1",
  isOwn: (address: string) => address.startsWith("172.17."),
  isHost: (address: string) => address === "192.0.2.200",
};

function service(name: string, spec: object): KubeObject {
  return { apiVersion: "v1", kind: "Service", metadata: { namespace: "shop", name }, spec };
}

function slice(
  of: string,
  endpoints: readonly object[],
  ports: readonly object[] = [{ name: "http", port: 8080 }],
): KubeObject {
  const metadata = { namespace: "shop", name: `${of}-1`, labels: { "kubernetes.io/service-name": of } };
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata,
    addressType: "IPv4",
    endpoints,
    ports,
  };
}

const http = { name: "http", port: 80, protocol: "TCP" };
const services = [
  service("web", { clusterIP: "10.96.0.10", clusterIPs: ["10.96.0.10", "fd00::10"], ports: [http] }),
  service("db", { clusterIP: "None", ports: [http] }),
  service("far", { clusterIP: "10.96.0.11", ports: [http], sessionAffinity: "ClientIP" }),
  service("local", { clusterIP: "10.96.0.12", ports: [http], internalTrafficPolicy: "Local" }),
  service("out", { type: "ExternalName", externalName: "example.org" }),
  service("open", { clusterIP: "10.96.0.13", ports: [{ ...http, nodePort: 30_080 }] }),
];
const slices = [
  slice("web", [
    { addresses: ["172.17.0.3"], nodeName: "edge1", conditions: { ready: true } },
    { addresses: ["172.17.0.4"], nodeName: "edge2" },
    { addresses: ["192.0.2.2"], nodeName: "edge2" },
    { addresses: ["172.17.0.5"], nodeName: "edge1", conditions: { ready: false } },
  ]),
  slice("db", [
    { addresses: ["172.17.0.6"], nodeName: "edge1", hostname: "db-0" },
    { addresses: ["192.0.2.3"], nodeName: "edge2" },
  ]),
  slice("far", [
    { addresses: ["172.17.0.9"], nodeName: "edge2" },
    { addresses: ["192.0.2.4"], nodeName: "edge2" },
  ]),
  slice("local", [{ addresses: ["192.0.2.4"], nodeName: "edge2" }]),
  slice("open", [{ addresses: ["172.17.0.7"], nodeName: "edge1" }]),
];
const book = makeBook(services, slices, here);

describe("what the kernel is told", () => {
  const rule = (address: string) => rulesOf(book, here).find(({ addresses }) => addresses.includes(address));

  test("of a service with pods here: those, and only the ready ones", () => {
    expect(rule("10.96.0.10")).toEqual({
      addresses: ["10.96.0.10", "fd00::10"],
      protocol: "tcp",
      port: 80,
      targets: [{ address: "172.17.0.3", port: 8080 }],
      sticky: false,
    });
  });

  test("of a service with pods on another node: those that can be reached", () => {
    expect(rule("10.96.0.11")).toMatchObject({
      targets: [{ address: "192.0.2.4", port: 8080 }],
      sticky: true,
    });
  });

  test("of a service that stays on its node: nothing of another", () => {
    expect(rule("10.96.0.12")?.targets).toEqual([]);
  });

  test("of a port of the node", () => {
    expect(rule("10.96.0.13")?.nodePort).toBe(30_080);
  });

  test("of the API: this node's own, when it serves it, and only for its port", () => {
    const own = { address: "169.254.96.16", port: 10_551 };
    const https = { name: "https", port: 443 };
    const known = makeBook(
      [
        {
          ...service("kubernetes", { clusterIP: "10.96.0.1", ports: [https, http] }),
          metadata: { namespace: "default", name: "kubernetes" },
        },
        service("kubernetes", { clusterIP: "10.96.0.2", ports: [https] }),
      ],
      [],
      here,
    );
    const targets = (given?: typeof own) =>
      rulesOf(known, here, given).map(({ addresses, port, targets: all }) => [addresses[0], port, all]);
    expect(targets(own)).toEqual([
      ["10.96.0.1", 443, [own]],
      ["10.96.0.1", 80, []],
      ["10.96.0.2", 443, []],
    ]);
    expect(targets().every(([, , all]) => (all as unknown[]).length === 0)).toBe(true);
  });

  test("of a service without an address: nothing", () => {
    expect(rulesOf(book, here)).toHaveLength(4);
  });
});

describe("a name", () => {
  const ask = (name: string, type: RecordType = "A") =>
    decideName(book, { name, type } as never, {
      domain: "cluster.local",
      servers: () => ["9.9.9.9"],
      turn: 0,
    });
  const data = (name: string, type: RecordType = "A") => {
    const found = ask(name, type);
    return "answers" in found ? found.answers?.map((each) => (each as { data: unknown }).data) : found;
  };

  test.each<[string, RecordType, unknown]>([
    ["web.shop.svc.cluster.local", "A", ["10.96.0.10"]],
    ["WEB.shop.svc.cluster.local.", "AAAA", ["fd00::10"]],
    ["web.shop.svc.cluster.local", "TXT", []],
    ["db.shop.svc.cluster.local", "A", ["172.17.0.6", "192.0.2.3"]],
    ["db-0.db.shop.svc.cluster.local", "A", ["172.17.0.6"]],
    ["192-0-2-3.db.shop.svc.cluster.local", "A", ["192.0.2.3"]],
    ["out.shop.svc.cluster.local", "A", ["example.org"]],
    ["172-17-0-3.shop.pod.cluster.local", "A", ["172.17.0.3"]],
    [
      "_http._tcp.web.shop.svc.cluster.local",
      "SRV",
      [{ priority: 0, weight: 100, port: 80, target: "web.shop.svc.cluster.local" }],
    ],
    ["10.0.96.10.in-addr.arpa", "PTR", ["web.shop.svc.cluster.local"]],
    ["1.2.0.192.in-addr.arpa", "PTR", { servers: ["9.9.9.9"] }],
    ["6.0.17.172.in-addr.arpa", "PTR", ["db-0.db.shop.svc.cluster.local"]],
  ])("%s %s is %p", (name, type, wanted) => {
    expect(data(name, type)).toEqual(wanted as never);
  });

  test("of another pod of a headless service has its own record", () => {
    expect(data("_http._tcp.db.shop.svc.cluster.local", "SRV")).toEqual([
      { priority: 0, weight: 100, port: 8080, target: "db-0.db.shop.svc.cluster.local" },
      { priority: 0, weight: 100, port: 8080, target: "192-0-2-3.db.shop.svc.cluster.local" },
    ]);
  });

  test.each([
    "none.shop.svc.cluster.local",
    "web.other.svc.cluster.local",
    "x.web.shop.svc.cluster.local",
    "cluster.local.x",
    "999-1-1-1.shop.pod.cluster.local",
    "svc.cluster.local.svc.cluster.local",
  ])("that is none is told so, or passed on: %s", (name) => {
    const found = ask(name);
    expect("servers" in found ? found.servers : found.code).toEqual(
      name.endsWith("cluster.local") ? 3 : ["9.9.9.9"],
    );
  });

  test("outside of the domain is passed on, one without a dot is nobody's", () => {
    expect(ask("example.org")).toEqual({ servers: ["9.9.9.9"] });
    expect(ask("web")).toEqual({ code: 3 });
  });
});

test("objects that are not as they should be are passed over", () => {
  const odd = [
    service("a", { clusterIP: "10.0.0.1; flush ruleset", ports: [http] }),
    service("b", {
      clusterIP: "10.0.0.2",
      ports: [{ port: 70_000 }, { port: "80" }, { port: 80, protocol: "ICMP" }],
    }),
    { ...service("c", {}), spec: "no fields" },
  ];
  const endpoints = [slice("b", [{ addresses: ["x"] }, { addresses: [] }, {}])];
  expect(rulesOf(makeBook(odd, endpoints, here), here)).toEqual([]);
});
