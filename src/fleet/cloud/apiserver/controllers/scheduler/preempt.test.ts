import { describe, expect, test } from "bun:test";
import { asking, at, node } from "../_objects.ts";
import type { Node, Pod, PodSpec } from "../kinds.ts";
import { clusterOf } from "./cluster.ts";
import { decide } from "./plan.ts";
import { planPreemption } from "./preempt.ts";

/** `on("n1", "a", 5, "2")`: runs on n1, with priority 5 and two processors of its four. */
function on(place: string, name: string, priority: number, cpu: string, started = 0): Pod {
  const made = asking(name, { cpu }, { nodeName: place, priority });
  return { ...made, status: { phase: "Running", startTime: at(started) } };
}

function wants(cpu: string, spec: Partial<PodSpec> = {}): Pod {
  return asking("new", { cpu }, { priority: 10, ...spec });
}

const leaving = (pod: Pod): Pod => ({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: at(0) } });
const nominated = (pod: Pod, nominatedNodeName: string): Pod => ({ ...pod, status: { nominatedNodeName } });

interface Row {
  readonly what: string;
  readonly pod: Pod;
  readonly nodes?: readonly Node[];
  readonly pods: readonly Pod[];
  readonly going?: readonly string[];
  /** `n1: a b`, or undefined when nobody goes. */
  readonly plan: string | undefined;
}

const two = [node("n1"), node("n2")];
const tainted = node("n1", { spec: { taints: [{ key: "x", effect: "NoSchedule" }] } });

const rows: readonly Row[] = [
  { what: "a less important one goes", pod: wants("2"), pods: [on("n1", "a", 0, "4")], plan: "n1: a" },
  {
    what: "one of the same importance stays",
    pod: wants("2"),
    pods: [on("n1", "a", 10, "4")],
    plan: undefined,
  },
  {
    what: "nobody goes for one that asks for more than the node has",
    pod: wants("5"),
    pods: [on("n1", "a", 0, "4")],
    plan: undefined,
  },
  {
    what: "nobody goes when more important ones would still be in the way",
    pod: wants("3"),
    pods: [on("n1", "a", 20, "2"), on("n1", "b", 0, "2")],
    plan: undefined,
  },
  {
    what: "nobody goes for one that says Never",
    pod: wants("2", { preemptionPolicy: "Never" }),
    pods: [on("n1", "a", 0, "4")],
    plan: undefined,
  },
  {
    what: "nobody goes from a node that would not do anyway",
    pod: wants("2"),
    nodes: [tainted],
    pods: [on("n1", "a", 0, "4")],
    plan: undefined,
  },
  {
    what: "no more than have to, the least important",
    pod: wants("1"),
    pods: [on("n1", "a", 3, "1"), on("n1", "b", 1, "1"), on("n1", "c", 2, "2")],
    plan: "n1: b",
  },
  {
    what: "of equals the one that began last",
    pod: wants("2"),
    pods: [on("n1", "a", 0, "2", 9), on("n1", "b", 0, "2", 5)],
    plan: "n1: a",
  },
  {
    what: "from the node where the most important victim is the least important",
    pod: wants("2"),
    nodes: two,
    pods: [on("n1", "a", 5, "4"), on("n2", "b", 3, "2"), on("n2", "c", 3, "2"), on("n2", "d", 20, "0")],
    plan: "n2: c",
  },
  {
    what: "then from the node with the fewest",
    pod: wants("4"),
    nodes: two,
    pods: [on("n1", "a", 3, "2"), on("n1", "b", 3, "2"), on("n2", "c", 3, "4")],
    plan: "n2: c",
  },
  {
    what: "fewer count also below zero",
    pod: wants("4"),
    nodes: two,
    pods: [on("n1", "a", -5, "2"), on("n1", "b", -5, "2"), on("n2", "c", -5, "4")],
    plan: "n2: c",
  },
  {
    what: "then from the node where they began last",
    pod: wants("4"),
    nodes: two,
    pods: [on("n1", "a", 3, "4", 5), on("n2", "b", 3, "4", 9)],
    plan: "n2: b",
  },
  {
    what: "where one is going already nobody else has to",
    pod: wants("2"),
    nodes: two,
    pods: [on("n1", "a", 0, "4"), leaving(on("n2", "b", 0, "4"))],
    plan: "n2: ",
  },
  {
    what: "what goes for another leaves as much as it did before",
    pod: wants("2"),
    pods: [on("n1", "a", 0, "2"), on("n1", "b", 0, "2"), on("n1", "other", 10, "2")],
    going: ["uid-a"],
    plan: "n1: b",
  },
  {
    what: "one that waits for its room drives nobody else out",
    pod: nominated(wants("4"), "n1"),
    nodes: two,
    pods: [leaving(on("n1", "a", 0, "2")), on("n1", "b", 20, "2"), on("n2", "c", 0, "4")],
    plan: "n1: ",
  },
  {
    what: "when others took the room, it looks for room again",
    pod: nominated(wants("4"), "n1"),
    nodes: two,
    pods: [on("n1", "b", 20, "4"), on("n2", "c", 0, "4")],
    plan: "n2: c",
  },
];

describe("preemption", () => {
  for (const { what, pod, nodes = [node("n1")], pods, going = [], plan } of rows) {
    test(what, () => {
      const cluster = clusterOf({ nodes, pods });
      expect(decide(pod, cluster, () => 0)).toHaveProperty("refusal");
      const chosen = planPreemption(pod, { cluster, going: new Set(going) });
      const names = chosen?.victims.map(({ metadata }) => metadata.name ?? "").join(" ");
      expect(chosen && `${chosen.node}: ${names}`).toBe(plan);
    });
  }

  test("a port of the node is room too", () => {
    const containers = [{ name: "main", ports: [{ containerPort: 80, hostPort: 80 }] }];
    const cluster = clusterOf({
      nodes: [node("n1")],
      pods: [on("n1", "a", 0, "1"), asking("b", {}, { containers, nodeName: "n1", priority: 1 })],
    });
    const chosen = planPreemption(wants("1", { containers }), { cluster, going: new Set() });
    expect(chosen?.victims.map(({ metadata }) => metadata.name)).toEqual(["b"]);
  });
});
