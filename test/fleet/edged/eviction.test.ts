import { expect, test } from "bun:test";
import { hardThresholds, overDiskLimit, shortages, victim } from "../../../src/fleet/edge/edged/eviction.ts";
import type { Pod, PodSpec } from "../../../src/spec/kubernetes/pod.ts";

const disk = { total: 1000, available: 500, inodes: 100, inodesFree: 50 };
const pids = { most: 1000, used: 100 };
const memory = { total: 8 << 30, available: 1 << 30 };

test.each<[string, Partial<Parameters<typeof shortages>[0]>, string[]]>([
  ["nothing", {}, []],
  ["memory", { memory: { ...memory, available: 99 << 20 } }, ["MemoryPressure"]],
  ["disk", { disk: { ...disk, available: 99 } }, ["DiskPressure"]],
  ["inodes", { disk: { ...disk, inodesFree: 4 } }, ["DiskPressure"]],
  ["processes", { pids: { most: 1000, used: 951 } }, ["PIDPressure"]],
  ["no inodes of a fixed number", { disk: { ...disk, inodes: 0, inodesFree: 0 } }, []],
])("a node is short of %s", (_what, more, wanted) => {
  expect(shortages({ disk, memory, pids, ...more }, hardThresholds).map(({ pressure }) => pressure)).toEqual(
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
    all.map(([each, used]) => ({ pod: each, used })),
    { pressure: "MemoryPressure", isStatic: none },
  );
  expect(found?.pod.metadata.name).toBe(wanted as string);
});

test("pods of the node's own files stay", () => {
  expect(
    victim([{ pod: pod("a"), used: 1 }], { pressure: "MemoryPressure", isStatic: () => true }),
  ).toBeUndefined();
});

function storing(limits: readonly (string | undefined)[], request = "0"): Pod {
  const resources = (limit?: string) => ({
    requests: { "ephemeral-storage": request },
    ...(limit !== undefined && { limits: { "ephemeral-storage": limit } }),
  });
  const containers = limits.map((limit, at) => ({ name: `c${at}`, image: "a", resources: resources(limit) }));
  return { apiVersion: "v1", kind: "Pod", metadata: { name: request }, spec: { containers } };
}

test("short of disk, who has asked for what it keeps there stays", () => {
  const candidates = [
    { pod: storing([undefined], "1Gi"), used: 500 << 20 },
    { pod: storing([undefined], "1Mi"), used: 20 << 20 },
  ];
  const found = victim(candidates, { pressure: "DiskPressure", isStatic: none });
  expect(found?.pod.metadata.name).toBe("1Mi");
});

test.each<[string, readonly (string | undefined)[], readonly number[], number, string | undefined]>([
  ["each is below its own", ["10Mi", "10Mi"], [9, 9], 20, undefined],
  [
    "one is over its own",
    ["10Mi", "10Mi"],
    [1, 11],
    12,
    'Container c1 exceeded its local ephemeral storage limit "10Mi". ',
  ],
  [
    "its volumes hold more than all may",
    ["10Mi", "10Mi"],
    [1, 1],
    21,
    "Pod ephemeral local storage usage exceeds the total limit of containers 20Mi. ",
  ],
  ["one has no limit", ["10Mi", undefined], [1, 50], 51, undefined],
])("on limits of what a pod keeps on the disk: %s", (_what, limits, used, whole, words) => {
  const containers = new Map(used.map((mebi, at) => [`c${at}`, mebi << 20]));
  expect(overDiskLimit(storing(limits), { containers, whole: whole << 20 })).toBe(words as string);
});
