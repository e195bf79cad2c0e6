import { describe, expect, test } from "bun:test";
import { at, deployment, ownedBy, pod, ready, replicaSet, start } from "../_objects.ts";
import type { Deployment, IntOrString, Pod, ReplicaSet } from "../kinds.ts";
import { condition } from "../references.ts";
import { planDeployment, type DeploymentStep } from "./plan.ts";
import { boundsOf } from "./rollout.ts";

const template = (image: string) => ({
  metadata: { labels: { app: "web" } },
  spec: { containers: [{ name: "main", image }] },
});

/** A replica set of an image: `[replicas, available]` of it. */
function set(
  image: string,
  sizes: readonly [number, number],
  part: { desired?: number; revision?: number } = {},
): ReplicaSet {
  const [replicas, available] = sizes;
  const { desired = 4, revision = Number(image.slice(1)) } = part;
  return replicaSet(image, {
    metadata: {
      creationTimestamp: at(revision),
      annotations: {
        "deployment.kubernetes.io/revision": String(revision),
        "deployment.kubernetes.io/desired-replicas": String(desired),
        "deployment.kubernetes.io/max-replicas": String(desired + 1),
      },
    },
    spec: { replicas, template: template(image) },
    status: { replicas, readyReplicas: available, availableReplicas: available, observedGeneration: 1 },
  });
}

function web(image: string, spec: Partial<Deployment["spec"]> = {}): Deployment {
  const rollingUpdate = { maxSurge: 1, maxUnavailable: 1 };
  return deployment("web", {
    spec: {
      replicas: 4,
      template: template(image),
      strategy: { type: "RollingUpdate", rollingUpdate },
      ...spec,
    },
  });
}

/** What becomes of the sets: `a2: 3` for a size, `+a2: 3` for a new one, `-a1` for one that is deleted. */
function inShort(steps: readonly DeploymentStep[]): readonly string[] {
  return steps.flatMap((step) => {
    if (step.do === "change" && step.replicas !== undefined)
      return [`${step.set.metadata.name}: ${step.replicas}`];
    if (step.do === "create") {
      return [`+${step.set.spec.template.spec.containers[0]?.image}: ${step.set.spec.replicas}`];
    }
    return step.do === "delete" ? [`-${step.set.metadata.name}`] : [];
  });
}

interface Row {
  readonly what: string;
  readonly deployment: Deployment;
  readonly sets: readonly ReplicaSet[];
  readonly pods?: readonly Pod[];
  readonly becomes: readonly string[];
}

const recreate = { strategy: { type: "Recreate" } };

const rows: readonly Row[] = [
  { what: "the first set", deployment: web("a1"), sets: [], becomes: ["+a1: 4"] },
  { what: "nothing to do", deployment: web("a1"), sets: [set("a1", [4, 4])], becomes: [] },
  {
    what: "a new image begins with the surge",
    deployment: web("a2"),
    sets: [set("a1", [4, 4])],
    becomes: ["+a2: 1"],
  },
  {
    what: "old pods go as far as not too many are missing",
    deployment: web("a2"),
    sets: [set("a1", [4, 4]), set("a2", [1, 0])],
    becomes: ["a1: 3"],
  },
  {
    what: "new pods come as far as not too many are there",
    deployment: web("a2"),
    sets: [set("a1", [3, 3]), set("a2", [1, 0])],
    becomes: ["a2: 2"],
  },
  {
    what: "while new pods are not available, old ones stay",
    deployment: web("a2"),
    sets: [set("a1", [3, 3]), set("a2", [2, 0])],
    becomes: [],
  },
  {
    what: "new pods that are available let old ones go",
    deployment: web("a2"),
    sets: [set("a1", [3, 3]), set("a2", [2, 2])],
    becomes: ["a1: 1"],
  },
  {
    what: "old pods that never became available go first, from any old set",
    deployment: web("a3"),
    sets: [set("a1", [3, 3]), set("a2", [1, 0]), set("a3", [1, 0])],
    becomes: ["a2: 0"],
  },
  {
    what: "the last old ones",
    deployment: web("a2"),
    sets: [set("a1", [1, 1]), set("a2", [4, 4])],
    becomes: ["a1: 0"],
  },
  {
    what: "back to an image of before",
    deployment: web("a1"),
    sets: [set("a1", [0, 0]), set("a2", [4, 4])],
    becomes: ["a1: 1"],
  },
  {
    what: "scaled up",
    deployment: web("a1", { replicas: 6 }),
    sets: [set("a1", [4, 4])],
    becomes: ["a1: 6"],
  },
  {
    what: "scaled to none",
    deployment: web("a1", { replicas: 0 }),
    sets: [set("a1", [4, 4])],
    becomes: ["a1: 0"],
  },
  {
    what: "scaled up in the middle of a rollout, in proportion",
    deployment: web("a2", { replicas: 8 }),
    sets: [set("a1", [3, 3]), set("a2", [2, 1])],
    becomes: ["a1: 5", "a2: 4"],
  },
  {
    what: "scaled down in the middle of a rollout, in proportion",
    deployment: web("a2", { replicas: 2 }),
    sets: [set("a1", [3, 3]), set("a2", [2, 1])],
    becomes: ["a1: 2", "a2: 1"],
  },
  {
    what: "paused with a new image",
    deployment: web("a2", { paused: true }),
    sets: [set("a1", [4, 4])],
    becomes: [],
  },
  {
    what: "paused and scaled",
    deployment: web("a2", { paused: true, replicas: 5 }),
    sets: [set("a1", [4, 4])],
    becomes: ["a1: 5"],
  },
  {
    what: "Recreate: the old ones go first",
    deployment: web("a2", recreate),
    sets: [set("a1", [4, 4])],
    becomes: ["a1: 0"],
  },
  {
    what: "Recreate: while an old pod is there nothing comes",
    deployment: web("a2", recreate),
    sets: [set("a1", [0, 0])],
    pods: [ownedBy(set("a1", [0, 0]), pod("p", { metadata: { deletionTimestamp: at(9) }, status: ready() }))],
    becomes: [],
  },
  {
    what: "Recreate: then all new ones at once",
    deployment: web("a2", recreate),
    sets: [set("a1", [0, 0])],
    becomes: ["+a2: 4"],
  },
  {
    what: "being deleted, it does nothing",
    deployment: { ...web("a1"), metadata: { ...web("a1").metadata, deletionTimestamp: at(0) } },
    sets: [],
    becomes: [],
  },
];

describe("a deployment", () => {
  for (const row of rows) {
    test(row.what, () => {
      const steps = planDeployment({ pods: [], now: start, ...row });
      expect(inShort(steps).toSorted()).toEqual(row.becomes.toSorted());
    });
  }

  test("whatever the order of events, never fewer are available nor more there than promised", () => {
    for (const [surge, unavailable] of [
      [1, 0],
      [0, 1],
      [2, 2],
      ["25%", "25%"],
      ["100%", 0],
    ] as const) {
      rollOut(surge, unavailable);
    }
  });

  test("the history keeps as many as it may", () => {
    const complete = {
      ...web("a4", { revisionHistoryLimit: 1 }),
      status: { observedGeneration: 1, replicas: 4, updatedReplicas: 4, availableReplicas: 4 },
    };
    const sets = [set("a1", [0, 0]), set("a2", [0, 0]), set("a3", [0, 0]), set("a4", [4, 4])];
    expect(inShort(planDeployment({ deployment: complete, sets, pods: [], now: start }))).toEqual([
      "-a1",
      "-a2",
    ]);
  });

  test("a set that is used again gets the newest revision and remembers the one it had", () => {
    const sets = [set("a1", [0, 0]), set("a2", [4, 4])];
    const steps = planDeployment({ deployment: web("a1"), sets, pods: [], now: start });
    expect(steps[0]).toMatchObject({
      do: "change",
      annotations: {
        "deployment.kubernetes.io/revision": "3",
        "deployment.kubernetes.io/revision-history": "1",
      },
    });
    expect(steps[1]).toEqual({ do: "revision", revision: "3" });
  });

  test("two templates have two names, the same one always the same", () => {
    const names = ["a1", "a1", "a2"].map((image) => {
      const [step] = planDeployment({ deployment: web(image), sets: [], pods: [], now: start });
      return step?.do === "create" ? step.set.metadata.name : undefined;
    });
    expect(names[0]).toBe(names[1] ?? "none");
    expect(names[0]).not.toBe(names[2] ?? "none");
    expect(names[0]).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{6,10}$/);
  });
});

/** Plays a rollout to its end, with pods that become available one at a time. */
function rollOut(maxSurge: IntOrString, maxUnavailable: IntOrString): void {
  const wanted = web("a2", {
    strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge, maxUnavailable } },
  });
  const { surge, unavailable } = boundsOf(wanted);
  const sizes = new Map<string, [number, number]>([["a1", [4, 4]]]);
  for (let turn = 0; turn < 60; turn++) {
    const sets = [...sizes].map(([image, size]) => set(image, size));
    for (const step of planDeployment({ deployment: wanted, sets, pods: [], now: start })) {
      if (step.do === "create") sizes.set("a2", [step.set.spec.replicas ?? 0, 0]);
      if (step.do !== "change" || step.replicas === undefined) continue;
      const { name = "" } = step.set.metadata;
      sizes.set(name, [step.replicas, Math.min(step.replicas, sizes.get(name)?.[1] ?? 0)]);
    }
    const all = [...sizes.values()];
    expect(all.reduce((sum, [, available]) => sum + available, 0)).toBeGreaterThanOrEqual(4 - unavailable);
    expect(all.reduce((sum, [replicas]) => sum + replicas, 0)).toBeLessThanOrEqual(4 + surge);
    const late = all.find(([replicas, available]) => available < replicas);
    if (late) late[1]++;
  }
  expect([...sizes]).toEqual([
    ["a1", [0, 0]],
    ["a2", [4, 4]],
  ]);
}

describe("bounds", () => {
  const cases: readonly [number, IntOrString, IntOrString, number, number][] = [
    [4, "25%", "25%", 1, 1],
    [10, "25%", "25%", 3, 2],
    [3, "25%", "25%", 1, 0],
    [3, 0, "25%", 0, 1],
    [2, 0, 0, 0, 1],
    [2, 5, 5, 5, 2],
    [0, "25%", "25%", 0, 0],
  ];
  for (const [replicas, maxSurge, maxUnavailable, surge, unavailable] of cases) {
    test(`of ${replicas} with surge ${maxSurge} and unavailable ${maxUnavailable}`, () => {
      const strategy = { rollingUpdate: { maxSurge, maxUnavailable } };
      expect(boundsOf(web("a1", { replicas, strategy }))).toEqual({ surge, unavailable });
    });
  }
});

describe("the status", () => {
  const written = (one: Deployment, sets: readonly ReplicaSet[], seconds = 0) => {
    const steps = planDeployment({ deployment: one, sets, pods: [], now: start + seconds * 1000 });
    const step = steps.find(({ do: what }) => what === "status");
    return step?.do === "status" ? step.status : undefined;
  };

  test("counts what the sets count", () => {
    expect(written(web("a2"), [set("a1", [3, 3]), set("a2", [2, 1])])).toMatchObject({
      observedGeneration: 1,
      replicas: 5,
      updatedReplicas: 2,
      readyReplicas: 4,
      availableReplicas: 4,
      unavailableReplicas: 1,
    });
  });

  test("available as long as enough are", () => {
    for (const [available, reason] of [
      [3, "MinimumReplicasAvailable"],
      [2, "MinimumReplicasUnavailable"],
    ] as const) {
      const status = written(web("a1"), [set("a1", [4, available])]);
      expect(condition(status?.conditions, "Available")?.reason).toBe(reason);
    }
  });

  test("its end is said once, and then stays", () => {
    const observed = { ...web("a1"), status: { observedGeneration: 1 } };
    const status = written(observed, [set("a1", [4, 4])]);
    expect(condition(status?.conditions, "Progressing")?.reason).toBe("NewReplicaSetAvailable");
    const later = { ...observed, ...(status ? { status } : {}) };
    expect(written(later, [set("a1", [4, 4])], 1000)).toBeUndefined();
  });

  test("the deadline counts from the last progress", () => {
    const progressing = (updated: number): Deployment => ({
      ...web("a2"),
      status: {
        observedGeneration: 1,
        replicas: 5,
        updatedReplicas: updated,
        readyReplicas: 3,
        availableReplicas: 3,
        unavailableReplicas: 2,
        conditions: [
          { type: "Progressing", status: "True", reason: "ReplicaSetUpdated", lastUpdateTime: at(0) },
        ],
      },
    });
    const sets = [set("a1", [3, 3]), set("a2", [2, 0])];
    const reasonOf = (one: Deployment, seconds: number) =>
      condition(written(one, sets, seconds)?.conditions, "Progressing");
    expect(reasonOf(progressing(2), 601)?.reason).toBe("ProgressDeadlineExceeded");
    expect(reasonOf(progressing(1), 601)).toMatchObject({
      reason: "ReplicaSetUpdated",
      status: "True",
      lastUpdateTime: at(601),
    });
  });
});
