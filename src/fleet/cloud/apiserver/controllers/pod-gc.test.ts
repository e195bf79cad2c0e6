import { describe, expect, test } from "bun:test";
import { at, pod, start } from "./_objects.ts";
import type { Pod } from "./kinds.ts";
import { lastSeen, missedNodes, planPodGc } from "./pod-gc.ts";

const names = (pods: readonly Pod[]): readonly (string | undefined)[] =>
  pods.map(({ metadata }) => metadata.name);
const on = (name: string, nodeName: string, part: Parameters<typeof pod>[1] = {}): Pod =>
  pod(name, { ...part, spec: { nodeName } });
const ended = (name: string, age: number, part: Parameters<typeof pod>[1] = {}): Pod =>
  on(name, "n1", {
    status: { phase: "Failed" },
    metadata: { creationTimestamp: at(-age), ...part.metadata },
  });

function plan(pods: readonly Pod[], missed: readonly (readonly [string, number])[] = [], mostEnded = 2) {
  const state = { pods, nodes: new Set(["n1"]), missed: new Map(missed), mostEnded, now: start };
  return names(planPodGc(state));
}

describe("pods that nobody else takes away", () => {
  test("of a node that has been gone for a while", () => {
    const pods = [on("a", "n1"), on("b", "gone")];
    expect(plan(pods, [["gone", start - 40_000]])).toEqual(["b"]);
    expect(plan(pods, [["gone", start - 39_000]])).toEqual([]);
  });

  test("deleted before they had a node", () => {
    const deleted = { deletionTimestamp: at(0) };
    expect(plan([pod("a", { metadata: deleted }), pod("b")])).toEqual(["a"]);
  });

  test("the oldest of too many that have ended", () => {
    expect(plan([ended("a", 1), ended("b", 3), ended("c", 2), ended("d", 4)])).toEqual(["b", "d"]);
  });

  test("but not one whose end somebody still has to count", () => {
    const held = ended("b", 3, { metadata: { creationTimestamp: at(-3), finalizers: ["x"] } });
    expect(plan([ended("a", 1), held], [], 0)).toEqual(["a"]);
  });

  test("a node is missed since it was first missed, and forgotten when it is back", () => {
    const pods = [on("a", "x"), on("b", "y"), pod("c")];
    const missed = missedNodes(
      pods,
      new Set(["y"]),
      new Map([
        ["x", 5],
        ["y", 6],
      ]),
      9,
    );
    expect([...missed]).toEqual([["x", 5]]);
  });
});

test("an event is as old as the last time it happened", () => {
  const metadata = { creationTimestamp: at(0) };
  expect(lastSeen({ metadata })).toBe(start);
  expect(lastSeen({ metadata, lastTimestamp: at(5), eventTime: null })).toBe(start + 5000);
  expect(lastSeen({ metadata, series: { lastObservedTime: at(9) } })).toBe(start + 9000);
});
