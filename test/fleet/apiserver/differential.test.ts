/**
 * Requests and the answers that a Kubernetes API gives to them, held against ours; or, to see that the list itself is right, against a real one:
 *
 *     SAMPAN_TEST_KUBECONFIG=~/.kube/config bun test ./test/fleet/apiserver/differential.test.ts
 *
 * It makes namespaces `sampan-differential-…` there, and takes them away again.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { scenarios } from "./differential/all.ts";
import { differenceOf } from "./differential/_row.ts";
import { runScenario, targetOf, type Target } from "./differential/_run.ts";
import { openCluster, type Cluster } from "./_server.ts";

const given = process.env["SAMPAN_TEST_KUBECONFIG"];
let cluster: Cluster | undefined;
let target: Target;

beforeAll(async () => {
  if (given === undefined) cluster = await openCluster();
  target = targetOf(given ?? cluster?.kubeconfig ?? "");
});

afterAll(async () => await cluster?.[Symbol.asyncDispose]());

describe("a Kubernetes API answers as expected", () => {
  test.each(scenarios.map((scenario) => [scenario.name, scenario] as const))("%s", async (name, scenario) => {
    const words = name.replaceAll(/\W+/g, "-").slice(0, 30).toLowerCase();
    const namespace = `sampan-differential-${words}-${process.pid}`.slice(0, 63);
    expect(await runScenario(target, scenario, namespace)).toEqual([]);
  });
});

test("the list is as long as it says", () => {
  expect(scenarios.flatMap(({ rows }) => rows).length).toBeGreaterThanOrEqual(120);
});

test("a shape finds what is missing, what is too much, and what is of another kind", () => {
  const value = { a: 1, b: ["x", "y"], c: "text" };
  expect(differenceOf({ a: 1, b: { $has: ["y"] }, c: { $like: "^te" }, d: { $absent: true } }, value)).toBe(
    undefined,
  );
  expect(differenceOf({ a: 2 }, value)).toContain("$.a");
  expect(differenceOf({ b: ["x"] }, value)).toContain("a list of 1");
  expect(differenceOf({ b: { $has: ["z"] } }, value)).toContain('"z"');
  expect(differenceOf({ c: { $absent: true } }, value)).toContain("wanted nothing");
  expect(differenceOf({ c: { $a: "number" } }, value)).toContain("a number");
});
