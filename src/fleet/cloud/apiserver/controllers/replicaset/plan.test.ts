import { describe, expect, test } from "bun:test";
import { at, pod, ready, replicaSet, start } from "../_objects.ts";
import type { Pod } from "../kinds.ts";
import { deletionOrder } from "../pods.ts";
import { planReplicaSet, type ReplicaSetStep } from "./plan.ts";

const status = (replicas: number, part: object = {}) => ({
  replicas,
  fullyLabeledReplicas: replicas,
  readyReplicas: replicas,
  availableReplicas: replicas,
  observedGeneration: 1,
  ...part,
});
const web = (name: string, part: Parameters<typeof pod>[1] = {}): Pod =>
  pod(name, { ...part, metadata: { labels: { app: "web" }, ...part.metadata } });
const placed = (name: string, status: NonNullable<Pod["status"]>): Pod =>
  web(name, { spec: { nodeName: "n1" }, status });
const up = (name: string): Pod => web(name, { status: ready() });

/** Made so many seconds after the start, and refused by their node. */
const refused = (...seconds: readonly number[]): Pod[] =>
  seconds.map((second, index) =>
    web(`refused-${index}`, {
      metadata: { creationTimestamp: at(second) },
      status: { phase: "Failed", reason: "OutOfpods" },
    }),
  );

interface Row {
  readonly what: string;
  readonly replicas?: number;
  readonly set?: Parameters<typeof replicaSet>[1];
  readonly pods: readonly Pod[];
  readonly steps: readonly ReplicaSetStep[];
}

const rows: readonly Row[] = [
  {
    what: "all pods are missing",
    replicas: 3,
    pods: [],
    steps: [
      { do: "create", count: 3 },
      { do: "status", status: status(0) },
    ],
  },
  {
    what: "as many as there ought to be, and the status says so",
    replicas: 2,
    set: { status: status(2) },
    pods: [up("a"), up("b")],
    steps: [],
  },
  {
    what: "no status, and no pod wanted",
    replicas: 0,
    pods: [],
    steps: [{ do: "status", status: status(0) }],
  },
  {
    what: "a pod that has failed counts for nothing",
    replicas: 1,
    set: { status: status(0) },
    pods: [web("a", { status: { phase: "Failed" } })],
    steps: [{ do: "create", count: 1 }],
  },
  {
    what: "pods that failed again and again are waited for, the longer the oftener",
    replicas: 3,
    set: { status: status(1) },
    pods: [
      web("a", { metadata: { creationTimestamp: at(-60) }, status: ready() }),
      ...refused(-7, -6, -4, 0),
    ],
    steps: [{ do: "look again", after: 4_000 }],
  },
  {
    what: "pods that failed before others of the set came to run do not count",
    replicas: 2,
    set: { status: status(1) },
    pods: [...refused(-7, -6, -4), web("a", { metadata: { creationTimestamp: at(-3) }, status: ready() })],
    steps: [{ do: "create", count: 1 }],
  },
  {
    what: "pods that failed together, and others long ago, are replaced at once",
    replicas: 3,
    set: { status: status(0) },
    pods: refused(-900, -800, 0, 0, 0),
    steps: [{ do: "create", count: 3 }],
  },
  {
    what: "pods that fail for a day are waited for five minutes, and then made",
    replicas: 1,
    set: { status: status(0) },
    pods: refused(...Array.from({ length: 40 }, (_, index) => -300 * (index + 1))),
    steps: [{ do: "create", count: 1 }],
  },
  {
    what: "a pod that is being deleted counts for nothing",
    replicas: 1,
    set: { status: status(0) },
    pods: [web("a", { metadata: { labels: { app: "web" }, deletionTimestamp: at(1) }, status: ready() })],
    steps: [{ do: "create", count: 1 }],
  },
  {
    what: "one too many: the one that is not ready goes",
    replicas: 1,
    set: { status: status(2, { readyReplicas: 1, availableReplicas: 1 }) },
    pods: [placed("a", ready()), placed("b", { phase: "Running" })],
    steps: [{ do: "delete", pod: placed("b", { phase: "Running" }) }],
  },
  {
    what: "being deleted itself, it makes nothing",
    replicas: 3,
    set: { metadata: { deletionTimestamp: at(0) }, status: status(0) },
    pods: [],
    steps: [],
  },
  {
    what: "ready, but not for long enough",
    replicas: 1,
    set: { spec: { replicas: 1, minReadySeconds: 30 } },
    pods: [web("a", { status: ready(-10) })],
    steps: [
      { do: "status", status: status(1, { availableReplicas: 0 }) },
      { do: "look again", after: 20_000 },
    ],
  },
  {
    what: "a pod that lacks a label of the template",
    set: { status: status(1) },
    pods: [pod("a", { status: ready() })],
    steps: [{ do: "status", status: status(1, { fullyLabeledReplicas: 0 }) }],
  },
  {
    what: "another generation",
    set: { metadata: { generation: 2 }, status: status(1) },
    pods: [up("a")],
    steps: [{ do: "status", status: status(1, { observedGeneration: 2 }) }],
  },
  {
    what: "a failure that is over",
    set: { status: status(1, { conditions: [{ type: "ReplicaFailure", status: "True" }] }) },
    pods: [up("a")],
    steps: [{ do: "status", status: status(1) }],
  },
  {
    what: "very many at once are made in parts",
    replicas: 2000,
    set: { status: status(0) },
    pods: [],
    steps: [{ do: "create", count: 500 }],
  },
];

describe("a replica set", () => {
  for (const { what, replicas, set = {}, pods, steps } of rows) {
    test(what, () => {
      const spec = { ...(replicas === undefined ? {} : { replicas }), ...set.spec };
      const wanted = replicaSet("web", { ...set, spec });
      expect(planReplicaSet({ replicaSet: wanted, pods, now: start })).toEqual([...steps]);
    });
  }

  test("a refusal of the API becomes a condition", () => {
    const failure = { reason: "FailedCreate", message: "no" } as const;
    const steps = planReplicaSet({ replicaSet: replicaSet("web"), pods: [], now: start, failure });
    const conditions = [{ type: "ReplicaFailure", status: "True", ...failure, lastTransitionTime: at(0) }];
    expect(steps.at(-1)).toEqual({ do: "status", status: status(0, { conditions }) });
  });
});

describe("the order of deletion", () => {
  const onNode = { spec: { nodeName: "n1" } };
  const pairs: readonly (readonly [string, Pod, Pod])[] = [
    ["without a node before with one", web("a"), web("b", { ...onNode, status: { phase: "Pending" } })],
    [
      "pending before running",
      web("a", { ...onNode, status: { phase: "Pending" } }),
      web("b", { ...onNode, status: { phase: "Running" } }),
    ],
    [
      "not ready before ready",
      web("a", { ...onNode, status: { phase: "Running" } }),
      web("b", { ...onNode, status: ready() }),
    ],
    [
      "cheap before dear",
      web("a", {
        ...onNode,
        metadata: { annotations: { "controller.kubernetes.io/pod-deletion-cost": "-5" } },
        status: ready(),
      }),
      web("b", { ...onNode, status: ready() }),
    ],
    [
      "ready for a short time before ready for long",
      web("a", { ...onNode, status: ready(100) }),
      web("b", { ...onNode, status: ready(1) }),
    ],
    [
      "restarted often before restarted seldom",
      web("a", { ...onNode, status: { ...ready(), containerStatuses: [{ name: "m", restartCount: 3 }] } }),
      web("b", { ...onNode, status: ready() }),
    ],
    [
      "young before old",
      web("a", { ...onNode, metadata: { creationTimestamp: at(9) }, status: ready() }),
      web("b", { ...onNode, status: ready() }),
    ],
  ];
  for (const [what, first, second] of pairs) {
    test(what, () => {
      for (const pods of [
        [first, second],
        [second, first],
      ]) {
        expect(deletionOrder(pods).map(({ metadata }) => metadata.name)).toEqual(["a", "b"]);
      }
    });
  }

  test("from the crowded node before from the empty one", () => {
    const pods = ["n1", "n2", "n2"].map((nodeName, index) =>
      web(`p${index}`, { spec: { nodeName }, status: ready() }),
    );
    expect(deletionOrder(pods)[2]?.spec.nodeName).toBe("n1");
  });
});
