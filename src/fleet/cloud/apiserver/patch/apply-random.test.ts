/** Properties of patches that hold for whatever is sent: by values that look random and are the same each time. */
import { describe, expect, test } from "bun:test";
import { KubeError, type KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { isFields } from "../schema/json.ts";
import { example } from "./_example.ts";
import { capUpdaters, comparable, ownable, parseManagers, printManagers, sameManager } from "./_managers.ts";
import { difference, emptySet, type FieldSet, fromFieldsV1, isEmpty, union } from "./_set.ts";
import { compare, granular } from "./_typed.ts";
import { apply } from "./apply.ts";
import { jsonPatch } from "./json.ts";
import { managedAfterUpdate } from "./managed.ts";
import { mergePatch } from "./merge.ts";
import type { ApplyRequest, UpdateRequest } from "./patch.ts";
import { strategicMergePatch } from "./strategic.ts";

type Random = (below: number) => number;

function sequence(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const pick = <Value>(random: Random, values: readonly Value[]): Value =>
  values[random(values.length)] as Value;
const some = <Value>(random: Random, values: readonly Value[]): Value[] =>
  values.filter(() => random(2) === 1);
const maybe = (random: Random, name: string, value: () => unknown): object =>
  random(2) === 1 ? { [name]: value() } : {};

/** A spec that fits the schema of the example. */
function spec(random: Random): Record<string, unknown> {
  const shuffled = <Value>(values: readonly Value[]): Value[] =>
    random(2) === 1 ? values.toReversed() : [...values];
  const container = (name: string): object => ({
    name,
    ...maybe(random, "image", () => `i${random(3)}`),
    ...maybe(random, "command", () => some(random, ["x", "y"])),
    ...maybe(random, "env", () =>
      shuffled(some(random, ["E", "F", "G"])).map((env) => ({ name: env, value: `${random(2)}` })),
    ),
    ...maybe(random, "ports", () =>
      some(random, [80, 81]).map((containerPort) => ({
        containerPort,
        ...maybe(random, "protocol", () => "TCP"),
      })),
    ),
  });
  return {
    ...maybe(random, "replicas", () => random(3)),
    ...maybe(random, "paused", () => random(2) === 1),
    ...maybe(random, "groups", () => shuffled(some(random, ["a", "b", "c"]))),
    ...maybe(random, "settings", () =>
      Object.fromEntries(some(random, ["k", "l", "m"]).map((key) => [key, `${random(2)}`])),
    ),
    ...maybe(random, "selector", () => ({ matchLabels: { a: `${random(2)}` } })),
    ...maybe(random, "strategy", () => ({
      type: pick(random, ["x", "y"]),
      ...maybe(random, "rollingUpdate", () => ({ maxSurge: random(2) })),
    })),
    ...maybe(random, "free", () => ({ a: { b: random(2) }, l: some(random, [1, 2]) })),
    ...maybe(random, "template", () => ({
      spec: { containers: shuffled(some(random, ["p", "q", "r"])).map(container) },
    })),
  };
}

const object = (made: Record<string, unknown>): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "a" },
  spec: made,
});

const time = (step: number): string =>
  new Date(Date.UTC(2026, 0, 1, 0, 0, step)).toISOString().replace(".000", "");

/** The steps of a set that lead nowhere in a value. */
function lost(set: FieldSet, value: unknown, schema = example.schema, path = ""): string[] {
  const whole = granular(value, schema, example.definitions);
  return [...set.inside].flatMap(([step, inner]) => {
    const part = whole?.parts.get(step);
    if (!part) return [`${path}/${step}`];
    return lost(inner, part.value, part.schema, `${path}/${step}`);
  });
}

function request(random: Random, live: KubeObject | undefined, step: number): ApplyRequest {
  const manager = pick(random, ["one", "two", "three"]);
  return { live, applied: object(spec(random)), manager, force: true, now: time(step), schema: example };
}

/** Everything that was applied stands in the result as it was applied. */
function holds(applied: unknown, result: unknown, schema = example.schema): boolean {
  const [a, b] = [
    granular(applied, schema, example.definitions),
    granular(result, schema, example.definitions),
  ];
  if (!a || !b) return Bun.deepEquals(applied, result);
  return [...a.parts].every(([step, part]) => holds(part.value, b.parts.get(step)?.value, part.schema));
}

test("server-side apply, whatever is applied and updated", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = sequence(seed);
    let live: KubeObject | undefined;
    for (let step = 0; step < 12; step++) {
      if (live && random(4) === 0) {
        const changed: KubeObject = { ...live, spec: spec(random) };
        const managedFields = managedAfterUpdate({
          old: live,
          changed,
          manager: "updater",
          now: time(step),
          schema: example,
        });
        live = { ...changed, metadata: { ...changed.metadata, managedFields } };
      } else {
        const asked = request(random, live, step);
        live = apply(asked);
        expect(holds(asked.applied, live)).toBe(true);
        // Again, it changes nothing and is no conflict.
        expect(apply({ ...asked, live, force: false, now: time(step + 100) })).toEqual(live);
      }
      for (const { fieldsV1 } of live.metadata.managedFields ?? []) {
        const set = fromFieldsV1(fieldsV1);
        expect(set && lost(set, live)).toEqual([]);
      }
    }
  }
});

/** Managed fields after an update as sets say it: all are taken apart, and put together again. */
function wholeManaged({ old, changed, manager, now, subresource, hasStatus = false }: UpdateRequest) {
  const { schema, definitions } = example;
  const { changed: differs, removed } = compare(comparable(old), comparable(changed), schema, definitions);
  const taken = ownable(differs, { subresource, hasStatus });
  const before = parseManagers(old?.metadata.managedFields) ?? [];
  const others = before.map((each) => ({
    ...each,
    set: difference(difference(each.set, taken), removed),
  }));
  if (isEmpty(taken)) return printManagers(others);
  const self = { name: manager, operation: "Update", apiVersion: changed.apiVersion, subresource } as const;
  const mine = before.find((each) => sameManager(each, self));
  const set = union(difference(mine?.set ?? emptySet(), removed), taken);
  const kept = others.filter((each) => !sameManager(each, self));
  return printManagers(capUpdaters([...kept, { ...self, time: now, set }]));
}

test("an update leaves the managed fields that whole sets of fields make, whoever wrote what before", () => {
  let updates = 0;
  for (let seed = 1; seed <= 120; seed++) {
    const random = sequence(seed);
    let live = apply(request(random, undefined, 0));
    for (let step = 1; step < 14; step++) {
      if (random(4) === 0) {
        live = apply(request(random, live, step));
        continue;
      }
      const part = random(3) === 0 ? spec(random) : { ...(live["spec"] as object), paused: random(2) === 1 };
      const status = { status: { replicas: random(3) } };
      const sub = random(3) === 0 ? { subresource: "status" } : {};
      const changed: KubeObject = { ...live, ...("subresource" in sub ? status : { spec: part }) };
      const asked: UpdateRequest = {
        old: live,
        changed,
        manager: `updater-${random(13)}`,
        now: time(step),
        schema: example,
        hasStatus: true,
        ...sub,
      };
      const managedFields = managedAfterUpdate(asked);
      expect(managedFields).toEqual(wholeManaged(asked));
      updates += 1;
      live = { ...changed, metadata: { ...changed.metadata, managedFields } };
    }
  }
  expect(updates).toBeGreaterThan(500);
});

test("server-side apply without force either leaves everybody else's fields or is refused", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = sequence(seed);
    const first = apply({ ...request(random, undefined, 0), manager: "one" });
    const asked = { ...request(random, first, 1), manager: "two", force: false };
    try {
      const second = apply(asked);
      expect(holds(asked.applied, second)).toBe(true);
      const owner = (made: KubeObject) =>
        made.metadata.managedFields?.find(({ manager }) => manager === "one")?.fieldsV1;
      expect(owner(second)).toEqual(owner(first));
    } catch (error) {
      expect((error as KubeError).reason).toBe("Conflict");
    }
  }
});

describe("whatever is sent", () => {
  /** Anything: with the names that mean something to one patch or another. */
  function anything(random: Random, depth: number): unknown {
    const kind = random(depth > 0 ? 9 : 5);
    if (kind === 0) return null;
    if (kind === 1) return random(100) - 50;
    if (kind === 2) return random(2) === 1;
    if (kind < 5) return pick(random, words);
    if (kind < 7) return Array.from({ length: random(4) }, () => anything(random, depth - 1));
    return Object.fromEntries(
      Array.from({ length: random(5) }, () => [pick(random, words), anything(random, depth - 1)]),
    );
  }
  const words = [
    "spec metadata status template containers name env ports groups settings strategy volumes labels",
    "$patch delete replace merge $retainKeys $setElementOrder/containers $setElementOrder/groups $deleteFromPrimitiveList/groups",
    "op path from value add remove move copy test /spec /spec/template/- / - __proto__ constructor prototype toString",
    "managedFields finalizers ownerReferences uid apiVersion kind v:1 k:{} f:x . ",
  ].flatMap((line) => line.split(" "));
  const whole = object({
    replicas: 1,
    groups: ["a"],
    settings: { k: "1" },
    strategy: { type: "x" },
    template: { spec: { containers: [{ name: "a", env: [{ name: "E" }], ports: [{ containerPort: 1 }] }] } },
  });
  const patches: readonly (readonly [string, (patch: unknown) => unknown])[] = [
    ["as a JSON patch", (patch) => jsonPatch(whole, Array.isArray(patch) ? patch : [patch])],
    ["as a merge patch", (patch) => mergePatch(whole, patch)],
    ["as a strategic merge patch", (patch) => strategicMergePatch(whole, patch, example)],
    [
      "as an applied object",
      (patch) =>
        apply({
          live: whole,
          applied: { ...whole, ...(isFields(patch) ? { spec: patch } : { spec: [patch] }) },
          manager: "m",
          force: true,
          now: time(0),
          schema: example,
        }),
    ],
    [
      "as an updated object",
      (patch) =>
        managedAfterUpdate({
          old: whole,
          changed: { ...whole, spec: patch },
          manager: "m",
          now: time(0),
          schema: example,
        }),
    ],
    [
      "as managed fields",
      (patch) =>
        managedAfterUpdate({
          old: whole,
          changed: { ...whole, metadata: { name: "a", managedFields: patch as never } },
          manager: "m",
          now: time(0),
          schema: example,
        }),
    ],
  ];
  for (const [name, run] of patches)
    test(`${name}, is done or refused, and leaves the object and all prototypes alone`, () => {
      const kept = structuredClone(whole);
      const random = sequence(11);
      for (let round = 0; round < 1500; round++) {
        const patch = anything(random, 5);
        try {
          run(patch);
        } catch (error) {
          if (!(error instanceof KubeError))
            throw new Error(`not refused but failed: ${JSON.stringify(patch)}`, { cause: error });
        }
      }
      expect(whole).toEqual(kept);
      expect(Object.keys(Object.prototype)).toEqual([]);
      expect(Object.keys(Array.prototype)).toEqual([]);
    });
});
