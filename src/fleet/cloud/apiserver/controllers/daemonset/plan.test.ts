import { describe, expect, test } from "bun:test";
import { at, daemonSet, node, pod, ready, start } from "../_objects.ts";
import type { DaemonSet, Node, Pod } from "../kinds.ts";
import { daemonPod } from "./controller.ts";
import { daemonTolerations, nodeOf } from "./eligible.ts";
import { planDaemonSet, type DaemonSetStep } from "./plan.ts";
import { hashLabel, hashOf } from "./revisions.ts";

const set = daemonSet();

interface Part {
  readonly old?: boolean;
  readonly up?: boolean;
  readonly deleting?: boolean;
  readonly phase?: string;
}

/** The pod of a node; of the present template and available where nothing else is said. */
function on(name: string, part: Part = {}): Pod {
  const { old = false, up = true, deleting = false, phase } = part;
  return pod(`${old ? "old" : "new"}-${name}`, {
    metadata: {
      labels: { app: "agent", [hashLabel]: old ? "other" : hashOf(set) },
      ...(deleting ? { deletionTimestamp: at(0) } : {}),
    },
    spec: { nodeName: name },
    status: phase ? { phase } : up ? ready() : { phase: "Pending" },
  });
}

function inShort(steps: readonly DaemonSetStep[]): readonly string[] {
  return steps.flatMap((step) => {
    if (step.do === "create") return [`+${step.node}`];
    if (step.do === "delete") return [`-${step.pod.metadata.name}`];
    return step.do === "replace failed" ? [`failed ${step.pod.metadata.name}`] : [];
  });
}

const three = ["n1", "n2", "n3"].map((name) => node(name));
const taint = (effect: string) => node("n1", { spec: { taints: [{ key: "x", effect }] } });
const rolling = (rollingUpdate: object): DaemonSet =>
  daemonSet({ spec: { updateStrategy: { rollingUpdate } } });

const rows: readonly (readonly [string, DaemonSet, readonly Node[], readonly Pod[], readonly string[]])[] = [
  ["a pod on every node", set, three, [], ["+n1", "+n2", "+n3"]],
  ["only where one is missing", set, three, [on("n1"), on("n3")], ["+n2"]],
  [
    "nothing while the one before is going",
    set,
    three,
    [on("n1"), on("n2", { deleting: true }), on("n3")],
    [],
  ],
  [
    "two on one node",
    set,
    [node("n1")],
    [on("n1"), { ...on("n1"), metadata: { ...on("n1").metadata, name: "z" } }],
    ["-z"],
  ],
  ["a node that is gone", set, [node("n1")], [on("n1"), on("n9")], ["-new-n9"]],
  ["a pod that failed", set, [node("n1")], [on("n1", { phase: "Failed" })], ["failed new-n1"]],
  ["a taint against new ones", set, [taint("NoSchedule")], [], []],
  ["a taint against new ones leaves the present one", set, [taint("NoSchedule")], [on("n1")], []],
  ["a taint that drives out", set, [taint("NoExecute")], [on("n1")], ["-new-n1"]],
  [
    "a node out of reach keeps its pod",
    set,
    [node("n1", { spec: { taints: [{ key: "node.kubernetes.io/unreachable", effect: "NoExecute" }] } })],
    [on("n1")],
    [],
  ],
  [
    "a node that is marked unschedulable gets one",
    set,
    [node("n1", { spec: { unschedulable: true } })],
    [],
    ["+n1"],
  ],
  [
    "only the nodes that the template chooses",
    daemonSet({
      spec: {
        template: {
          ...set.spec.template,
          spec: { ...set.spec.template.spec, nodeSelector: { role: "edge" } },
        },
      },
    }),
    [node("n1"), node("n2", { metadata: { labels: { role: "edge" } } })],
    [],
    ["+n2"],
  ],
  [
    "a new template: one node at a time",
    set,
    three,
    [on("n1", { old: true }), on("n2", { old: true }), on("n3", { old: true })],
    ["-old-n1"],
  ],
  [
    "while one node is without, no other is touched",
    set,
    three,
    [on("n1", { up: false }), on("n2", { old: true }), on("n3", { old: true })],
    [],
  ],
  [
    "old ones that do not work go at once",
    set,
    three,
    [on("n1", { old: true, up: false }), on("n2", { old: true, up: false }), on("n3", { old: true })],
    ["-old-n1", "-old-n2"],
  ],
  [
    "half of them at a time",
    rolling({ maxUnavailable: "50%" }),
    three,
    [on("n1", { old: true }), on("n2", { old: true }), on("n3", { old: true })],
    ["-old-n1", "-old-n2"],
  ],
  [
    "OnDelete: nothing is touched",
    daemonSet({ spec: { updateStrategy: { type: "OnDelete" } } }),
    three,
    [on("n1", { old: true }), on("n2", { old: true }), on("n3", { old: true })],
    [],
  ],
  [
    "with a surge the new one comes beside the old one",
    rolling({ maxSurge: 1, maxUnavailable: 0 }),
    three,
    [on("n1", { old: true }), on("n2", { old: true }), on("n3", { old: true })],
    ["+n1"],
  ],
  [
    "with a surge the old one goes when the new one works",
    rolling({ maxSurge: 1, maxUnavailable: 0 }),
    [node("n1"), node("n2")],
    [on("n1", { old: true }), on("n1"), on("n2", { old: true })],
    ["-old-n1", "+n2"],
  ],
  ["being deleted, it makes none", daemonSet({ metadata: { deletionTimestamp: at(0) } }), three, [], []],
];

describe("a daemon set", () => {
  for (const [what, wanted, nodes, pods, steps] of rows) {
    test(what, () => {
      expect(inShort(planDaemonSet({ set: wanted, hash: hashOf(wanted), nodes, pods, now: start }))).toEqual([
        ...steps,
      ]);
    });
  }

  test("its status counts nodes", () => {
    const pods = [on("n1"), on("n2", { old: true }), on("n3", { up: false }), on("n4")];
    const nodes = [...three, node("n4", { spec: { taints: [{ key: "x", effect: "NoSchedule" }] } })];
    const steps = planDaemonSet({ set, hash: hashOf(set), nodes, pods, now: start });
    const step = steps.find(({ do: what }) => what === "status");
    expect(step).toEqual({
      do: "status",
      status: {
        currentNumberScheduled: 3,
        desiredNumberScheduled: 3,
        numberMisscheduled: 1,
        numberReady: 2,
        numberAvailable: 2,
        numberUnavailable: 1,
        updatedNumberScheduled: 2,
        observedGeneration: 1,
      },
    });
  });

  test("its pod is meant for one node, has the template's hash and stays whatever becomes of the node", () => {
    const made = daemonPod(set, "n2", "h1");
    expect(nodeOf(made)).toBe("n2");
    expect(made.metadata.labels).toEqual({ app: "agent", [hashLabel]: "h1" });
    expect(made.spec.tolerations?.map(({ key }) => key)).toContain("node.kubernetes.io/unreachable");
  });

  test("tolerations that the template has are not added again", () => {
    const tolerations = daemonTolerations({ containers: [] });
    expect(daemonTolerations({ containers: [], tolerations })).toEqual([...tolerations]);
  });
});
