import { describe, expect, test } from "bun:test";
import { refusal, untolerated, wantsNode, type Room } from "../../../src/fleet/edge/edged/admission.ts";
import { preempted } from "../../../src/fleet/edge/edged/preemption.ts";
import type { Container, Pod, PodSpec } from "../../../src/spec/kubernetes/pod.ts";

function pod(container: Partial<Container> = {}, spec: Partial<PodSpec> = {}): Pod {
  const containers = [{ name: "main", image: "i", ...container }];
  return { apiVersion: "v1", kind: "Pod", metadata: { name: "web" }, spec: { containers, ...spec } };
}

const asks = (requests: Record<string, string>, spec?: Partial<PodSpec>) =>
  pod({ resources: { requests } }, spec);
const publishes = (hostPort: number, more: { hostIP?: string; protocol?: string } = {}) =>
  pod({ ports: [{ containerPort: 80, hostPort, ...more }] });

const room: Room = {
  allocatable: { cpu: 2000, memory: 1 << 30, "ephemeral-storage": 1 << 30 },
  pressures: [],
  others: [],
};
const tolerant = { key: "node.kubernetes.io/memory-pressure", operator: "Exists", effect: "NoSchedule" };

test.each<[string, Pod, Partial<Room>]>([
  ["asks for what is left", asks({ cpu: "500m" }), { others: [asks({ cpu: "1500m" })] }],
  ["asks for nothing on a full node", pod(), { others: [asks({ cpu: "2", memory: "1Gi" })] }],
  ["has a port of another protocol", publishes(80, { protocol: "UDP" }), { others: [publishes(80)] }],
  [
    "has a port of another address",
    publishes(80, { hostIP: "::1" }),
    { others: [publishes(80, { hostIP: "127.0.0.1" })] },
  ],
  ["has asked for memory when it is short", asks({ memory: "1Mi" }), { pressures: ["MemoryPressure"] }],
  ["tolerates that memory is short", pod({}, { tolerations: [tolerant] }), { pressures: ["MemoryPressure"] }],
])("a pod that %s is taken", (_what, wanted, more) => {
  expect(refusal(wanted, { ...room, ...more })).toBeUndefined();
});

test.each<[string, Pod, Partial<Room>, string, string]>([
  [
    "asks for more processors than are left",
    asks({ cpu: "600m" }),
    { others: [asks({ cpu: "1500m" })] },
    "OutOfcpu",
    "Node didn't have enough resource: cpu, requested: 600, used: 1500, capacity: 2000",
  ],
  [
    "asks for more memory than there is",
    asks({ memory: "2Gi" }),
    {},
    "OutOfmemory",
    "requested: 2147483648, used: 0",
  ],
  [
    "has an overhead that does not fit",
    asks({ cpu: "2" }, { overhead: { cpu: "1m" } }),
    {},
    "OutOfcpu",
    "requested: 2001",
  ],
  [
    "asks for more disk than there is",
    asks({ "ephemeral-storage": "2Gi" }),
    {},
    "OutOfephemeral-storage",
    "ephemeral-storage",
  ],
  [
    "wants a port that another has",
    publishes(80),
    { others: [publishes(80, { hostIP: "127.0.0.1" })] },
    "NodePorts",
    "Predicate NodePorts failed",
  ],
  [
    "has asked for nothing when memory is short",
    pod(),
    { pressures: ["MemoryPressure"] },
    "Evicted",
    "The node had condition: [MemoryPressure]. ",
  ],
  [
    "comes when the disk is full",
    asks({ memory: "1Mi" }),
    { pressures: ["DiskPressure"] },
    "Evicted",
    "[DiskPressure]",
  ],
])("a pod that %s is refused", (_what, wanted, more, reason, words) => {
  const found = refusal(wanted, { ...room, ...more });
  expect(found?.message).toStartWith("Pod was rejected: ");
  expect(found?.message).toContain(words);
  expect(found).toMatchObject({ reason, isFinal: true });
});

const node = { apiVersion: "v1", kind: "Node", metadata: { name: "edge1", labels: { zone: "a" } } };
const required = (values: string[]) => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: "zone", operator: "In", values }] }],
    },
  },
});

test.each<[Partial<PodSpec>, boolean]>([
  [{}, true],
  [{ nodeSelector: { zone: "a", "kubernetes.io/hostname": "edge1" } }, true],
  [{ nodeSelector: { zone: "b" } }, false],
  [{ affinity: required(["a", "b"]) }, true],
  [{ affinity: required(["b"]) }, false],
  [{ nodeSelector: { zone: "a" }, affinity: required(["b"]) }, false],
])("a pod with %j wants this node: %p", (spec, wanted) => {
  expect(wantsNode(pod({}, spec), "edge1", node)).toBe(wanted);
});

const tainted = (...taints: readonly object[]) => ({ ...node, spec: { taints } });
const maintenance = { key: "maintenance", value: "yes", effect: "NoExecute" };

test.each<[string, Partial<PodSpec>, object]>([
  ["tolerates it", { tolerations: [{ key: "maintenance", value: "yes", effect: "NoExecute" }] }, maintenance],
  ["tolerates everything", { tolerations: [{ operator: "Exists" }] }, maintenance],
  ["is only to be scheduled elsewhere", {}, { ...maintenance, effect: "NoSchedule" }],
  [
    "comes to a node that the cloud does not hear",
    {},
    { key: "node.kubernetes.io/unreachable", effect: "NoExecute" },
  ],
])("a taint does not keep away a pod that %s", (_what, spec, taint) => {
  expect(untolerated(pod({}, spec), tainted(taint))).toBeUndefined();
});

test("a pod that does not tolerate a NoExecute taint is refused, as one that tolerates another value", () => {
  for (const spec of [{}, { tolerations: [{ key: "maintenance", value: "no", effect: "NoExecute" }] }])
    expect(untolerated(pod({}, spec), tainted(maintenance))).toMatchObject({
      reason: "TaintToleration",
      isFinal: true,
      message: expect.stringContaining("Predicate TaintToleration failed") as unknown,
    });
});

describe("who ends for a critical pod", () => {
  const named = (name: string, wanted: Pod): Pod => ({ ...wanted, metadata: { name } });
  const [free, low, burst, whole, high, own, critical] = [
    named("free", pod({}, { priority: -10 })),
    named("low", asks({ cpu: "500m" }, { priority: -5 })),
    named("burst", asks({ cpu: "500m" })),
    named(
      "whole",
      pod({
        resources: { limits: { cpu: "500m", memory: "1Mi" }, requests: { cpu: "500m", memory: "1Mi" } },
      }),
    ),
    named("high", asks({ cpu: "500m" }, { priority: 1000 })),
    named("own", asks({ cpu: "500m" })),
    named("critical", asks({ cpu: "500m" }, { priority: 2_000_000_000 })),
  ];
  const gone = (cpu: string, others: readonly Pod[]) =>
    preempted(asks({ cpu }), { ...room, others }, (each) => each === own).map(
      ({ metadata }) => metadata.name,
    );

  test.each<[string, string, readonly Pod[], readonly string[]]>([
    ["nobody, where there is room", "1", [low, burst], []],
    ["who matters least", "500m", [high, whole, low, burst], ["low"]],
    ["who has promised least of those that matter the same", "500m", [high, whole, burst, high], ["burst"]],
    ["as many as are needed", "1500m", [high, whole, low, burst], ["low", "burst", "whole"]],
    ["nobody who asked for nothing of it", "500m", [free, whole, burst, high, high], ["burst"]],
    ["nobody of the node's own files, nor critical ones", "500m", [own, critical, own, critical], []],
    ["nobody, where that would not be enough", "2", [own, low], []],
  ])("%s", (_what, cpu, others, names) => {
    expect(gone(cpu, others)).toEqual([...names]);
  });
});
