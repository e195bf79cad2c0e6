import { expect, test } from "bun:test";
import { leastOomScore } from "../../../src/engine/host-abilities.ts";
import {
  cgroupParent,
  containerLimits,
  cpuShares,
  oomScore,
  podResources,
  qosClass,
} from "../../../src/fleet/edge/edged/qos.ts";
import type { Container, PodSpec } from "../../../src/spec/kubernetes/pod.ts";
import { container, node, pod } from "./pods.ts";

type Resources = NonNullable<Container["resources"]>;
const both = (cpu: string, memory: string) => ({ requests: { cpu, memory }, limits: { cpu, memory } });
const of = (...list: (Resources | undefined)[]) =>
  pod({
    containers: list.map((resources, index) =>
      container({ name: `c${index}`, ...(resources && { resources }) }),
    ),
  });

// The examples of "Configure Quality of Service for Pods", and the edges of their rules.
test.each<[string, (Resources | undefined)[], string]>([
  ["requests that are the limits", [both("700m", "200Mi")], "Guaranteed"],
  ["limits alone", [{ limits: { cpu: "700m", memory: "200Mi" } }], "Guaranteed"],
  [
    "the same amount written in two ways",
    [{ requests: { cpu: "1", memory: "1Gi" }, limits: { cpu: "1000m", memory: "1024Mi" } }],
    "Guaranteed",
  ],
  ["a smaller request", [{ requests: { memory: "100Mi" }, limits: { memory: "200Mi" } }], "Burstable"],
  ["one container of two without anything", [{ requests: { memory: "200Mi" } }, undefined], "Burstable"],
  ["limits of memory alone", [{ limits: { memory: "200Mi" } }], "Burstable"],
  ["nothing", [undefined, undefined], "BestEffort"],
  ["requests of zero", [{ requests: { cpu: "0", memory: "0" } }], "BestEffort"],
  ["what is neither processor nor memory", [{ requests: { "ephemeral-storage": "1Gi" } }], "BestEffort"],
])("a pod with %s", (_, resources, wanted) => {
  expect(qosClass(of(...resources))).toBe(wanted as "Guaranteed");
});

test("an init container without limits takes a guarantee away", () => {
  const spec = {
    containers: [container({ resources: both("1", "1Gi") })],
    initContainers: [container({ name: "i" })],
  };
  expect(qosClass(pod(spec))).toBe("Burstable");
});

test.each<[string, Partial<PodSpec>, Resources, number]>([
  ["of a guaranteed pod", {}, both("1", "1Gi"), -997],
  ["of a pod that asks for nothing", {}, {}, 1000],
  ["that requests half of the memory", {}, { requests: { memory: "4Gi" } }, 500],
  ["that requests all of the memory", {}, { requests: { memory: "8Gi" } }, 3],
  ["that requests next to nothing", {}, { requests: { memory: "1" } }, 999],
  ["of a critical pod", { priority: 2_000_001_000 }, {}, -997],
])("the OOM score of a container %s", (_, spec, resources, wanted) => {
  const own = container({ resources });
  expect(oomScore(pod({ containers: [own], ...spec }), own, node)).toBe(wanted);
});

test("a sidecar goes no sooner than the container that it serves", () => {
  const sidecar = container({ name: "s", restartPolicy: "Always" });
  const found = pod({
    containers: [container({ resources: { requests: { memory: "4Gi" } } })],
    initContainers: [sidecar],
  });
  expect(oomScore(found, sidecar, node)).toBe(500);
});

test("no score is lower than the kernel lets this process give", () => {
  const own = container({ resources: both("1", "1Gi") });
  expect(oomScore(pod({ containers: [own] }), own, { ...node, leastOomScore: -500 })).toBe(-500);
  const files = (effective: string) => (path: string) =>
    path.endsWith("status") ? `CapEff:\t${effective}\n` : "-12\n";
  expect(leastOomScore(files("0000000001000000"))).toBe(-1000);
  expect(leastOomScore(files("0000000000ffffff"))).toBe(-12);
});

test.each([
  [0, 2],
  [1, 2],
  [250, 256],
  [1000, 1024],
  [1_000_000, 262_144],
])("%d thousandths of a processor are %d shares", (milli, shares) => {
  expect(cpuShares(milli)).toBe(shares);
});

test("limits become quota and memory without swap, requests become shares", () => {
  expect(containerLimits({ requests: { cpu: "250m" }, limits: { cpu: "1500m", memory: "64Mi" } })).toEqual({
    CpuShares: 256,
    CpuPeriod: 100_000,
    CpuQuota: 150_000,
    Memory: 64 << 20,
    MemorySwap: 64 << 20,
  });
  expect(containerLimits({ limits: { cpu: "1m" } })).toEqual({
    CpuShares: 2,
    CpuPeriod: 100_000,
    CpuQuota: 1000,
  });
  expect(containerLimits(undefined)).toEqual({ CpuShares: 2 });
});

test("a pod's cgroup has its containers' limits only where all have one, and its overhead", () => {
  const limited = { limits: { cpu: "1", memory: "64Mi" } };
  expect(podResources(of(limited, { limits: { memory: "64Mi" } }))).toEqual({
    CpuShares: 1024,
    Memory: 128 << 20,
  });
  const sidecar = container({ name: "s", restartPolicy: "Always", resources: { requests: { cpu: "100m" } } });
  const setup = container({ name: "i", resources: { requests: { cpu: "2" } } });
  const small = container({ resources: { requests: { cpu: "500m" } } });
  expect(
    podResources(pod({ containers: [small], initContainers: [sidecar, setup], overhead: { cpu: "100m" } })),
  ).toEqual({
    CpuShares: cpuShares(2200),
  });
});

test("limits of the pod as a whole go over the sum", () => {
  const resources = { requests: { cpu: "1" }, limits: { memory: "1Gi" } };
  expect(podResources(pod({ resources }))).toEqual({ CpuShares: 1024, Memory: 2 ** 30 });
});

test("cgroups are named by class and uid, and a uid that is a path is refused", () => {
  expect(cgroupParent(of(both("1", "1Gi")))).toBe("/sampan/pod0d1e-1");
  expect(cgroupParent(of({ requests: { cpu: "1" } }))).toBe("/sampan/burstable/pod0d1e-1");
  expect(cgroupParent(pod())).toBe("/sampan/besteffort/pod0d1e-1");
  for (const uid of ["", "..", "a/b", "a\nb", "-x", "x".repeat(129)])
    expect(() => cgroupParent(pod({}, { uid }))).toThrow("is no name of a folder");
});
