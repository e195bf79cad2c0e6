import { expect, test } from "bun:test";
import type { Joint } from "./_endpoint.ts";
import { namesJoint, nameSteps } from "./_nameserver.ts";

function joint(
  name: string,
  more: { internal?: boolean; default?: boolean; ipv4?: string | null } = {},
): Joint {
  const { internal = false, ipv4 = "10.1.0.2" } = more;
  const options = more.default ? { "com.docker.network.bridge.default_bridge": "true" } : {};
  const network = {
    name,
    driver: "bridge",
    ipv4: true,
    internal,
    options,
    ipam: [{ subnet: "10.1.0.0/16", gateway: "10.1.0.1" }],
  };
  return { network, endpoint: { ipv4 } } as unknown as Joint;
}

test("names come from a network that has some, and rather from one with a way out", () => {
  const [bridge, closed, open] = [
    joint("bridge", { default: true }),
    joint("closed", { internal: true }),
    joint("open"),
  ];
  expect(namesJoint([bridge])).toBeUndefined();
  expect(namesJoint([bridge, closed])).toBe(closed);
  expect(namesJoint([bridge, closed, open])).toBe(open);
  expect(namesJoint([joint("six", { ipv4: null })])).toBeUndefined();
});

test("without such a network what led there goes, and a new namespace has nothing to lose", () => {
  const bridge = joint("bridge", { default: true });
  expect(nameSteps([bridge], { fresh: true })).toEqual([]);
  expect(nameSteps([bridge]).map((step) => Object.keys(step))).toEqual([["rules"]]);
  expect(nameSteps([joint("open")]).map((step) => Object.keys(step))).toEqual([["inside"], ["rules"]]);
});
