import { expect, test } from "bun:test";
import { hardThresholds, shortages, victim } from "../../../src/fleet/edge/edged/eviction.ts";
import type { Pod, PodSpec } from "../../../src/spec/kubernetes/pod.ts";

const disk = { total: 1000, available: 500, inodes: 100, inodesFree: 50 };
const memory = { total: 8 << 30, available: 1 << 30 };

test.each<[string, Partial<Parameters<typeof shortages>[0]>, string[]]>([
  ["nothing", {}, []],
  ["memory", { memory: { ...memory, available: 99 << 20 } }, ["MemoryPressure"]],
  ["disk", { disk: { ...disk, available: 99 } }, ["DiskPressure"]],
  ["inodes", { disk: { ...disk, inodesFree: 4 } }, ["DiskPressure"]],
  ["no inodes of a fixed number", { disk: { ...disk, inodes: 0, inodesFree: 0 } }, []],
])("a node is short of %s", (_what, more, wanted) => {
  expect(shortages({ disk, memory, ...more }, hardThresholds).map(({ pressure }) => pressure)).toEqual(
    wanted as never,
  );
});

function pod(name: string, requests?: string, spec: Partial<PodSpec> = {}): Pod {
  const resources = requests === undefined ? {} : { resources: { requests: { memory: requests } } };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: { containers: [{ name: "a", image: "a", ...resources }], ...spec },
  };
}

const none = () => false;

test.each<[string, readonly [Pod, number][], string | undefined]>([
  [
    "who uses more than was asked for",
    [
      [pod("a", "100Mi"), 50 << 20],
      [pod("b", "10Mi"), 20 << 20],
    ],
    "b",
  ],
  [
    "who matters less",
    [
      [pod("a", "10Mi", { priority: 5 }), 90 << 20],
      [pod("b", "10Mi"), 20 << 20],
    ],
    "b",
  ],
  [
    "who is farthest over",
    [
      [pod("a", "10Mi"), 20 << 20],
      [pod("b"), 15 << 20],
    ],
    "b",
  ],
  ["never who is critical", [[pod("a", "1Mi", { priority: 2_000_000_000 }), 90 << 20]], undefined],
])("evicted is %s", (_what, all, wanted) => {
  const found = victim(
    all.map(([each, used]) => ({ pod: each, memory: used })),
    none,
  );
  expect(found?.pod.metadata.name).toBe(wanted as string);
});

test("pods of the node's own files stay", () => {
  expect(victim([{ pod: pod("a"), memory: 1 }], () => true)).toBeUndefined();
});
