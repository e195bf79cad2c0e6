import { describe, expect, test } from "bun:test";
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import { Around, around, create, kindOf, update } from "../_example.ts";

const services = kindOf("Service");
const ports = [{ port: 80 }];

interface Spec {
  clusterIP?: string;
  clusterIPs?: string[];
  type?: string;
  ports: { nodePort?: number }[];
}

const specOf = ({ spec }: KubeObject): Spec => spec as Spec;

/** Made and put where the next will see it. */
function make(name: string, spec: object, context: Around): KubeObject {
  const { object, complaints } = create(services, { metadata: { name }, spec }, context);
  expect(complaints).toEqual([]);
  context.objects.set(`services/a/${name}`, object);
  return object;
}

describe("addresses of services", () => {
  test("no two services have the same", () => {
    const context = around();
    const given = Array.from(
      { length: 300 },
      (_, index) => specOf(make(`s${index}`, { ports }, context)).clusterIP,
    );
    expect(new Set(given).size).toBe(300);
  });

  test("a service gets the one that it asks for, unless another has it", () => {
    const context = around();
    expect(specOf(make("one", { ports, clusterIP: "10.96.0.10" }, context)).clusterIPs).toEqual([
      "10.96.0.10",
    ]);
    expect(() => make("two", { ports, clusterIP: "10.96.0.10" }, context)).toThrow(
      'Service "two" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is already allocated',
    );
  });

  test.each(["192.0.2.1", "10.95.255.255", "10.112.0.0", "fd00::1"])(
    "%s is not of the range",
    (clusterIP) => {
      expect(() => make("one", { ports, clusterIP }, around())).toThrow(
        `the provided IP (${clusterIP}) is not in the valid range. The range of valid IPs is 10.96.0.0/12`,
      );
    },
  );

  test.each([
    [{ clusterIP: "10.96.0.10", clusterIPs: ["1.1.1.1"] }, "first value must match"],
    [{ clusterIPs: ["10.96.0.10", "1.1.1.1"] }, "may hold one address"],
    [{ clusterIP: "None", clusterIPs: ["10.96.0.1"] }, "first value must match"],
    [{ type: "ExternalName", externalName: "a.b", clusterIPs: ["10.96.0.1"] }, "may not be set"],
  ])("a list of addresses says nothing else than the one address: %p", (spec, refusal) => {
    const { complaints } = create(
      services,
      { metadata: { name: "evil" }, spec: { ports, ...spec } },
      around(),
    );
    expect(JSON.stringify(complaints)).toContain(refusal);
  });

  test("nor does a change of it", () => {
    const context = around();
    const old = make("one", { ports }, context);
    const { complaints } = update(
      services,
      old,
      ({ spec }) => void (spec as Spec).clusterIPs?.push("10.96.0.1"),
      context,
    );
    expect(JSON.stringify(complaints)).toContain("may hold one address");
  });

  test("a change of a service writes down nothing anew", () => {
    const context = around();
    const old = make("one", { type: "NodePort", ports }, context);
    const before = new Map(context.objects);
    update(services, old, ({ metadata }) => void (metadata.labels = { a: "b" }), context);
    expect([...context.objects].filter(([place, object]) => before.get(place) !== object)).toEqual([]);
  });

  test("the address of a service that is gone is free again", () => {
    const context = around();
    make("one", { ports, clusterIP: "10.96.0.10" }, context);
    context.objects.delete("services/a/one");
    expect(specOf(make("two", { ports, clusterIP: "10.96.0.10" }, context)).clusterIP).toBe("10.96.0.10");
  });

  test("a service that comes again has its old address", () => {
    const context = around();
    const first = specOf(make("one", { ports }, context)).clusterIP;
    context.objects.delete("services/a/one");
    expect(specOf(make("one", { ports }, context)).clusterIP).toBe(first ?? "");
  });

  test("None is no address, and a name elsewhere has none", () => {
    const context = around();
    const headless = make("one", { clusterIP: "None" }, context);
    expect(specOf(headless).clusterIPs).toEqual(["None"]);
    expect(
      make("two", { type: "ExternalName", externalName: "example.com" }, context).spec,
    ).not.toHaveProperty("clusterIP");
  });

  test("a replacement without an address keeps it, and another is refused", () => {
    const context = around();
    const old = make("one", { ports }, context);
    const kept = update(
      services,
      old,
      ({ spec }) => {
        delete (spec as Spec).clusterIP;
        delete (spec as Spec).clusterIPs;
      },
      context,
    );
    expect(specOf(kept.object).clusterIP).toBe(specOf(old).clusterIP ?? "");
    const moved = update(
      services,
      old,
      ({ spec }) => void Object.assign(spec as Spec, { clusterIP: "10.96.9.9" }),
      context,
    );
    expect(moved.complaints).toContain('spec.clusterIP: Invalid value: "10.96.9.9": field is immutable');
  });
});

describe("ports of services on nodes", () => {
  test("each has its own, within the range", () => {
    const context = around();
    const made = ["a", "b"].flatMap(
      (name) =>
        specOf(
          make(
            name,
            {
              type: "NodePort",
              ports: [
                { name: "x", port: 80 },
                { name: "y", port: 81 },
              ],
            },
            context,
          ),
        ).ports,
    );
    const numbers = made.map(({ nodePort = 0 }) => nodePort);
    expect(new Set(numbers).size).toBe(4);
    expect(numbers.filter((each) => each < 30000 || each > 32767)).toEqual([]);
  });

  test("one that is taken or out of the range is refused", () => {
    const context = around();
    make("a", { type: "NodePort", ports: [{ port: 80, nodePort: 30080 }] }, context);
    expect(() => make("b", { type: "NodePort", ports: [{ port: 80, nodePort: 30080 }] }, context)).toThrow(
      'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
    );
    expect(() => make("c", { type: "NodePort", ports: [{ port: 80, nodePort: 80 }] }, context)).toThrow(
      "The range of valid ports is 30000-32767",
    );
  });

  test("one that is asked for is held, also where none is given", () => {
    const context = around();
    const spec = (nodePort: number) => ({
      type: "LoadBalancer",
      allocateLoadBalancerNodePorts: false,
      ports: [{ port: 80, nodePort }],
    });
    expect(() => make("ssh", spec(22), context)).toThrow("30000-32767");
    expect(specOf(make("one", spec(30_001), context)).ports[0]?.nodePort).toBe(30_001);
    expect(() => make("two", spec(30_001), context)).toThrow("already allocated");
    expect(specOf(make("none", { ...spec(0), ports }, context)).ports[0]?.nodePort).toBeUndefined();
  });

  test("they go when the service is no longer reached by them", () => {
    const context = around();
    const old = make("a", { type: "NodePort", ports }, context);
    const { object, complaints } = update(
      services,
      old,
      ({ spec }) => void Object.assign(spec as Spec, { type: "ClusterIP" }),
      context,
    );
    expect(complaints).toEqual([]);
    expect(specOf(object).ports[0]).not.toHaveProperty("nodePort");
  });
});
