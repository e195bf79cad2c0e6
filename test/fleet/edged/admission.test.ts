import { expect, test } from "bun:test";
import { refusal, wantsNode, type Room } from "../../../src/fleet/edge/edged/admission.ts";
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
