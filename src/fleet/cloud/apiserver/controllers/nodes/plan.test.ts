import { describe, expect, test } from "bun:test";
import { at, node, pod, start } from "../_objects.ts";
import type { Condition, Node, Taint, Toleration } from "../kinds.ts";
import { edgeLabel, evictionOf } from "./evict.ts";
import { planNode, taintsFor } from "./health.ts";

const ready = (status: string): Condition => ({ type: "Ready", status, lastTransitionTime: at(-500) });
const unreachable = "node.kubernetes.io/unreachable";
const notReady = "node.kubernetes.io/not-ready";

function withConditions(conditions: readonly Condition[], spec: Node["spec"] = {}): Node {
  return node("n1", { spec, status: { conditions } });
}

describe("a node that is not heard of", () => {
  const seen = (seconds: number) => ({ mark: "m", seen: start + seconds * 1000 });

  test("in good order for the time of grace", () => {
    const steps = planNode({ node: withConditions([ready("True")]), heartbeat: seen(-30), now: start });
    expect(steps).toEqual([{ do: "look again", after: 10_000 }]);
  });

  test("then nothing is known of it, and it is tainted", () => {
    const conditions = [ready("True"), { type: "NetworkUnavailable", status: "False" }];
    const steps = planNode({ node: withConditions(conditions), heartbeat: seen(-40), now: start });
    const [first, second] = steps;
    expect(first?.do === "conditions" ? first.conditions : []).toMatchObject([
      { type: "Ready", status: "Unknown", reason: "NodeStatusUnknown", lastTransitionTime: at(0) },
      { type: "NetworkUnavailable", status: "False" },
      { type: "MemoryPressure", status: "Unknown", reason: "NodeStatusNeverUpdated" },
      { type: "DiskPressure", status: "Unknown" },
      { type: "PIDPressure", status: "Unknown" },
    ]);
    const taints = ["NoSchedule", "NoExecute"].map((effect) => ({
      key: unreachable,
      effect,
      timeAdded: at(0),
    }));
    expect(second).toEqual({ do: "taints", taints });
  });

  test("said once, it is not said again", () => {
    const conditions = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"].map((type) => {
      return { type, status: "Unknown", reason: "NodeStatusUnknown" };
    });
    const taints = ["NoSchedule", "NoExecute"].map((effect) => ({ key: unreachable, effect }));
    const known = withConditions(conditions, { taints });
    expect(planNode({ node: known, heartbeat: seen(-4000), now: start })).toEqual([]);
  });
});

describe("taints", () => {
  const own: Taint = { key: "dedicated", value: "gpu", effect: "NoSchedule" };
  const was: Taint = { key: unreachable, effect: "NoExecute", timeAdded: at(-100) };
  const rows: readonly (readonly [string, Node, readonly string[]])[] = [
    ["none for a node in good order", withConditions([ready("True")]), []],
    ["its own stay", withConditions([ready("True")], { taints: [own] }), ["dedicated:NoSchedule"]],
    [
      "ours go with their reason",
      withConditions([ready("True")], { taints: [was, own] }),
      ["dedicated:NoSchedule"],
    ],
    [
      "one that says it is not ready",
      withConditions([ready("False")]),
      [`${notReady}:NoSchedule`, `${notReady}:NoExecute`],
    ],
    [
      "from out of reach to not ready",
      withConditions([ready("False")], { taints: [was] }),
      [`${notReady}:NoSchedule`, `${notReady}:NoExecute`],
    ],
    [
      "unschedulable",
      withConditions([ready("True")], { unschedulable: true }),
      ["node.kubernetes.io/unschedulable:NoSchedule"],
    ],
    [
      "short of memory",
      withConditions([ready("True"), { type: "MemoryPressure", status: "True" }]),
      ["node.kubernetes.io/memory-pressure:NoSchedule"],
    ],
  ];
  for (const [what, one, taints] of rows) {
    test(what, () => {
      const found = taintsFor(one, one.status?.conditions ?? [], start);
      expect(found.map(({ key, effect }) => `${key}:${effect}`)).toEqual([...taints]);
    });
  }

  test("one that stays keeps its time", () => {
    const one = withConditions([ready("Unknown")], { taints: [was] });
    expect(taintsFor(one, one.status?.conditions ?? [], start)[0]).toEqual(was);
  });
});

describe("eviction", () => {
  const tainted = (key: string, labels: Record<string, string> = {}): Node =>
    node("n1", {
      metadata: { labels },
      spec: { taints: [{ key, effect: "NoExecute", timeAdded: at(-100) }] },
    });
  const tolerating = (...tolerations: readonly Toleration[]) => pod("p", { spec: { tolerations } });
  const edge = { [edgeLabel]: "" };
  const after = (seconds: number) => ({ at: start + seconds * 1000 });
  const rows: readonly (readonly [string, ReturnType<typeof pod>, Node, ReturnType<typeof evictionOf>])[] = [
    ["no taint", pod("p"), node("n1"), "never"],
    ["not tolerated", pod("p"), tainted("x"), after(0)],
    ["tolerated for ever", tolerating({ key: "x", operator: "Exists" }), tainted("x"), "never"],
    [
      "tolerated for a time",
      tolerating({ key: "x", operator: "Exists", tolerationSeconds: 130 }),
      tainted("x"),
      after(30),
    ],
    [
      "the shortest of several times",
      tolerating({ operator: "Exists" }, { key: "x", operator: "Exists", tolerationSeconds: 110 }),
      tainted("x"),
      after(10),
    ],
    [
      "tolerated for no time",
      tolerating({ key: "x", operator: "Exists", tolerationSeconds: -5 }),
      tainted("x"),
      after(-100),
    ],
    ["out of reach, and the pod says nothing of it", pod("p"), tainted(unreachable), after(200)],
    ["an edge out of reach", pod("p"), tainted(unreachable, edge), "never"],
    [
      "an edge out of reach, though the pod tolerates it for a short time",
      tolerating({ key: unreachable, operator: "Exists", tolerationSeconds: 1 }),
      tainted(unreachable, edge),
      "never",
    ],
    ["an edge that says it is not ready", pod("p"), tainted(notReady, edge), after(200)],
    ["an edge that is tainted by hand", pod("p"), tainted("x", edge), after(0)],
    ["going already", pod("p", { metadata: { deletionTimestamp: at(0) } }), tainted("x"), "never"],
  ];
  for (const [what, one, at, eviction] of rows) {
    test(what, () => {
      expect(evictionOf(one, at, { now: start, since: 0 })).toEqual(eviction);
    });
  }

  test("while no node at all was heard of, no time ran", () => {
    const eviction = evictionOf(pod("p"), tainted(unreachable), { now: start, since: start - 20_000 });
    expect(eviction).toEqual(after(280));
  });
});
