import { describe, expect, test } from "bun:test";
import { at, node, pod, ready } from "../_objects.ts";
import type { Pod, Service } from "../kinds.ts";
import { planService, type EndpointSlice, type ServiceState } from "./plan.ts";

function service(spec: Partial<Service["spec"]> = {}): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace: "default", uid: "uid-web" },
    spec: { selector: { app: "web" }, clusterIP: "10.96.0.1", ports: [{ name: "http", port: 80 }], ...spec },
  };
}

interface Part {
  readonly ip?: string;
  readonly up?: boolean;
  readonly deleting?: boolean;
  readonly spec?: Partial<Pod["spec"]>;
}

function backend(name: string, { ip = "10.0.0.1", up = true, deleting = false, spec = {} }: Part = {}): Pod {
  return pod(name, {
    metadata: { labels: { app: "web" }, ...(deleting ? { deletionTimestamp: at(0) } : {}) },
    spec: { nodeName: "n1", ...spec },
    status: { ...(up ? ready() : { phase: "Running" }), podIP: ip },
  });
}

function plan(one: Service, pods: readonly Pod[], rest: Partial<ServiceState> = {}) {
  const n1 = node("n1", { metadata: { labels: { "topology.kubernetes.io/zone": "east" } } });
  return planService({ service: one, pods, slices: [], endpoints: undefined, node: () => n1, ...rest });
}

function slices(one: Service, pods: readonly Pod[]): readonly EndpointSlice[] {
  return plan(one, pods).flatMap((step) => (step.do === "create slice" ? [step.slice] : []));
}

function subsets(one: Service, pods: readonly Pod[]): unknown {
  const step = plan(one, pods).find(({ do: what }) => what === "create endpoints");
  return step?.do === "create endpoints" ? step.endpoints["subsets"] : undefined;
}

interface Shown {
  readonly addresses: readonly string[];
  readonly conditions: { readonly ready: boolean; readonly serving: boolean; readonly terminating: boolean };
}

function conditions(one: Service, pods: readonly Pod[]): readonly string[] {
  return slices(one, pods).flatMap((slice) =>
    (slice.endpoints as readonly Shown[]).map(({ addresses, conditions: is }) => {
      const words = Object.entries(is).filter(([, value]) => value);
      return [addresses[0], ...words.map(([word]) => word)].join(" ");
    }),
  );
}

describe("an endpoint slice", () => {
  test("says where a pod is, and by which port", () => {
    expect(slices(service(), [backend("a")])).toMatchObject([
      {
        metadata: {
          generateName: "web-",
          labels: {
            "kubernetes.io/service-name": "web",
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
          },
          ownerReferences: [{ kind: "Service", name: "web", controller: true }],
        },
        addressType: "IPv4",
        ports: [{ name: "http", protocol: "TCP", port: 80 }],
        endpoints: [
          {
            addresses: ["10.0.0.1"],
            conditions: { ready: true, serving: true, terminating: false },
            nodeName: "n1",
            zone: "east",
            targetRef: { kind: "Pod", namespace: "default", name: "a", uid: "uid-a" },
          },
        ],
      },
    ]);
  });

  const rows: readonly (readonly [string, Service, readonly Pod[], readonly string[]])[] = [
    [
      "sorted by address",
      service(),
      [backend("b", { ip: "10.0.0.9" }), backend("a", { ip: "10.0.0.2" })],
      ["10.0.0.2 ready serving", "10.0.0.9 ready serving"],
    ],
    ["not ready", service(), [backend("a", { up: false })], ["10.0.0.1"]],
    [
      "going, and still serving",
      service(),
      [backend("a", { deleting: true })],
      ["10.0.0.1 serving terminating"],
    ],
    [
      "going, and no longer serving",
      service(),
      [backend("a", { deleting: true, up: false })],
      ["10.0.0.1 terminating"],
    ],
    [
      "not ready, but to be published",
      service({ publishNotReadyAddresses: true }),
      [backend("a", { up: false })],
      ["10.0.0.1 ready serving"],
    ],
    ["without an address", service(), [backend("a", { ip: "" })], []],
    ["ended", service(), [{ ...backend("a"), status: { phase: "Succeeded", podIP: "10.0.0.1" } }], []],
    ["of another label", service({ selector: { app: "db" } }), [backend("a")], []],
    ["of the other family", service({ ipFamilies: ["IPv6"] }), [backend("a")], []],
    [
      "of IPv6",
      service({ ipFamilies: ["IPv6"] }),
      [backend("a", { ip: "fd00::1" })],
      ["fd00::1 ready serving"],
    ],
  ];
  for (const [what, one, pods, expected] of rows) {
    test(what, () => {
      expect(conditions(one, pods)).toEqual([...expected]);
    });
  }

  test("a named port is each pod's own: pods that differ are in different slices", () => {
    const named = service({ ports: [{ name: "http", port: 80, targetPort: "web" }] });
    const port = (containerPort: number) => ({
      containers: [{ name: "m", ports: [{ name: "web", containerPort }] }],
    });
    const made = slices(named, [
      backend("a", { ip: "10.0.0.1", spec: port(8080) }),
      backend("b", { ip: "10.0.0.2", spec: port(9090) }),
    ]);
    expect(made.map(({ ports }) => ports?.[0]?.port)).toEqual([8080, 9090]);
  });

  test("no more than a hundred in one", () => {
    const pods = Array.from({ length: 250 }, (_, index) => backend(`p${index}`, { ip: `10.0.1.${index}` }));
    expect(slices(service(), pods).map(({ endpoints }) => endpoints?.length)).toEqual([100, 100, 50]);
  });

  test("an empty one for a service without pods, none for a service without a selector", () => {
    expect(slices(service(), [])).toMatchObject([{ endpoints: [], ports: [] }]);
    expect(plan(service({ selector: {} }), [backend("a")])).toEqual([]);
    expect(plan(service({ type: "ExternalName" }), [backend("a")])).toEqual([]);
  });

  test("what is right already is left alone, what is not is changed, what is too many goes", () => {
    const present = slices(service(), [backend("a")]).map((slice, index) => {
      return { ...slice, metadata: { ...slice.metadata, name: `web-${index}`, uid: `u${index}` } };
    });
    const step = plan(service(), [backend("a")]).find(({ do: what }) => what === "create endpoints");
    const endpoints = step?.do === "create endpoints" ? step.endpoints : undefined;
    expect(plan(service(), [backend("a")], { slices: present, endpoints })).toEqual([]);
    const changed = plan(service(), [backend("a", { up: false })], { slices: present, endpoints });
    expect(changed.map(({ do: what }) => what)).toEqual(["update slice", "update endpoints"]);
    const [first] = present;
    const twice = first ? [first, { ...first, metadata: { ...first.metadata, name: "web-9" } }] : [];
    const fewer = plan(service(), [backend("a")], { slices: twice, endpoints });
    expect(fewer.map(({ do: what }) => what)).toEqual(["delete slice"]);
  });
});

describe("endpoints", () => {
  test("the ready and the others apart", () => {
    const pods = [backend("a"), backend("b", { ip: "10.0.0.2", up: false })];
    expect(subsets(service(), pods)).toMatchObject([
      {
        addresses: [{ ip: "10.0.0.1", nodeName: "n1" }],
        notReadyAddresses: [{ ip: "10.0.0.2" }],
        ports: [{ name: "http", port: 80, protocol: "TCP" }],
      },
    ]);
  });

  test("without those that are going", () => {
    expect(subsets(service(), [backend("a", { deleting: true })])).toEqual([]);
  });

  test("no more than a thousand", () => {
    const pods = Array.from({ length: 1200 }, (_, index) =>
      backend(`p${index}`, { ip: `10.1.${Math.floor(index / 250)}.${index % 250}` }),
    );
    const [first] = subsets(service(), pods) as readonly { readonly addresses: readonly unknown[] }[];
    expect(first?.addresses).toHaveLength(1000);
  });

  test("a pod with a place of its own under a headless service has a name", () => {
    const headless = service({ clusterIP: "None" });
    const spec = { hostname: "db-0", subdomain: "web" };
    expect(subsets(headless, [backend("a", { spec })])).toMatchObject([
      { addresses: [{ hostname: "db-0" }] },
    ]);
  });
});
