import { describe, expect, test } from "bun:test";
import { KubeError, type KubeObject, type ManagedFields } from "../../../../spec/kubernetes/kube.ts";
import { example } from "./_example.ts";
import { fromFieldsV1, paths } from "./_set.ts";
import { apply } from "./apply.ts";
import { managedAfterUpdate } from "./managed.ts";

type Spec = Record<string, unknown>;
type Verb = "apply" | "force" | "update";
/** A write of a whole object's spec, by a manager; `update` makes or replaces the object. */
type Step = readonly [Verb, string, Spec];
type Owners = Readonly<Record<string, readonly string[]>>;

const time = (step: number): string => `2026-01-01T00:00:${String(step).padStart(2, "0")}Z`;
const object = (spec: Spec, metadata: Spec = {}): KubeObject => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "a", namespace: "n", ...metadata },
  spec,
});

function update(old: KubeObject | undefined, changed: KubeObject, manager: string, now: string): KubeObject {
  const managedFields = managedAfterUpdate({ old, changed, manager, now, schema: example });
  return { ...changed, metadata: { ...changed.metadata, managedFields } };
}

function play(steps: readonly Step[]): KubeObject {
  let live: KubeObject | undefined;
  for (const [index, [verb, manager, spec]] of steps.entries()) {
    const now = time(index);
    const kept = structuredClone(live);
    const before = live;
    if (verb === "update") live = update(live, object(spec), manager, now);
    else
      live = apply({ live, applied: object(spec), manager, force: verb === "force", now, schema: example });
    expect(before).toEqual(kept);
  }
  if (!live) throw new Error("no steps");
  return live;
}

/** Manager and operation → the paths of what it owns. */
function owners(live: KubeObject): Owners {
  return Object.fromEntries(
    (live.metadata.managedFields ?? []).map(({ manager, operation, fieldsV1 }) => [
      operation === "Apply" ? `${manager}` : `${manager}:update`,
      paths(fromFieldsV1(fieldsV1) ?? { member: false, inside: new Map() }).toSorted(),
    ]),
  );
}

const pod = (spec: Spec): Spec => ({ template: { spec } });
const containers = (...list: Spec[]): Spec => pod({ containers: list });
const at = ".spec.template.spec.containers";
const [a, b] = [
  { name: "a", image: "1" },
  { name: "b", image: "1" },
];
const ownsA = [`${at}[name="a"]`, `${at}[name="a"].image`, `${at}[name="a"].name`];
const ownsB = ownsA.map((path) => path.replace('"a"', '"b"'));

/** What it shows, the steps, the spec after, who owns what after. */
const rows: readonly (readonly [string, readonly Step[], Spec, Owners])[] = [
  // Making and changing.
  ["makes an object", [["apply", "m", { replicas: 1 }]], { replicas: 1 }, { m: [".spec.replicas"] }],
  [
    "changes what it owns",
    [
      ["apply", "m", { replicas: 1 }],
      ["apply", "m", { replicas: 2 }],
    ],
    { replicas: 2 },
    { m: [".spec.replicas"] },
  ],
  [
    "adds a field",
    [
      ["apply", "m", { replicas: 1 }],
      ["apply", "m", { replicas: 1, paused: true }],
    ],
    { replicas: 1, paused: true },
    { m: [".spec.paused", ".spec.replicas"] },
  ],
  [
    "removes a field that it applied formerly",
    [
      ["apply", "m", { replicas: 1, paused: true }],
      ["apply", "m", { replicas: 1 }],
    ],
    { replicas: 1 },
    { m: [".spec.replicas"] },
  ],
  [
    "takes null for nothing",
    [["apply", "m", { replicas: 1, paused: null }]],
    { replicas: 1 },
    { m: [".spec.replicas"] },
  ],
  [
    "removes a field that it applies as null now",
    [
      ["apply", "m", { replicas: 1, paused: true }],
      ["apply", "m", { replicas: 1, paused: null }],
    ],
    { replicas: 1 },
    { m: [".spec.replicas"] },
  ],
  [
    "keeps a field of an updater that it never applied",
    [
      ["update", "u", { replicas: 1 }],
      ["apply", "m", { paused: true }],
    ],
    { replicas: 1, paused: true },
    { m: [".spec.paused"], "u:update": [".spec", ".spec.replicas"] },
  ],
  [
    "removes a whole struct that it applied alone",
    [
      ["apply", "m", { replicas: 1, strategy: { type: "x" } }],
      ["apply", "m", { replicas: 1 }],
    ],
    { replicas: 1 },
    { m: [".spec.replicas"] },
  ],
  [
    "removes a struct with what nobody owns in it",
    [
      ["apply", "m", { ...containers({ name: "a", livenessProbe: { httpGet: { path: "/" } } }) }],
      ["apply", "m", containers({ name: "a" })],
    ],
    containers({ name: "a" }),
    { m: [`${at}[name="a"]`, `${at}[name="a"].name`] },
  ],
  // Owned together.
  [
    "owns together what is equal",
    [
      ["apply", "m", { replicas: 1 }],
      ["apply", "o", { replicas: 1 }],
    ],
    { replicas: 1 },
    { m: [".spec.replicas"], o: [".spec.replicas"] },
  ],
  [
    "owns together with an updater what is equal",
    [
      ["update", "u", { replicas: 1 }],
      ["apply", "m", { replicas: 1 }],
    ],
    { replicas: 1 },
    { m: [".spec.replicas"], "u:update": [".spec", ".spec.replicas"] },
  ],
  [
    "keeps what another applier owns too",
    [
      ["apply", "m", { replicas: 1, paused: true }],
      ["apply", "o", { paused: true }],
      ["apply", "m", { replicas: 1 }],
    ],
    { replicas: 1, paused: true },
    { m: [".spec.replicas"], o: [".spec.paused"] },
  ],
  [
    "keeps what another applier owns when all goes",
    [
      ["apply", "m", { replicas: 1 }],
      ["apply", "n", { paused: true, replicas: 1 }],
      ["apply", "m", {}],
    ],
    { replicas: 1, paused: true },
    { n: [".spec.paused", ".spec.replicas"], m: [".spec"] },
  ],
  [
    "the last owner's removal removes",
    [
      ["apply", "m", { paused: true, replicas: 1 }],
      ["apply", "o", { paused: true }],
      ["apply", "m", { replicas: 1 }],
      ["apply", "o", {}],
    ],
    { replicas: 1 },
    { m: [".spec.replicas"], o: [".spec"] },
  ],
  // Updates.
  [
    "an update takes a field over",
    [
      ["apply", "m", { replicas: 1 }],
      ["update", "u", { replicas: 2 }],
    ],
    { replicas: 2 },
    { "u:update": [".spec.replicas"] },
  ],
  [
    "an update that changes nothing owns nothing",
    [
      ["apply", "m", { replicas: 1 }],
      ["update", "u", { replicas: 1 }],
    ],
    { replicas: 1 },
    { m: [".spec.replicas"] },
  ],
  [
    "an update that removes leaves nobody",
    [
      ["apply", "m", { replicas: 1, paused: true }],
      ["update", "u", { replicas: 1 }],
    ],
    { replicas: 1 },
    { m: [".spec.replicas"] },
  ],
  [
    "an update owns only what it changed",
    [
      ["update", "u", { replicas: 1, paused: true }],
      ["update", "v", { replicas: 2, paused: true }],
    ],
    { replicas: 2, paused: true },
    { "u:update": [".spec", ".spec.paused"], "v:update": [".spec.replicas"] },
  ],
  [
    "updates of one manager add up",
    [
      ["update", "u", { replicas: 1 }],
      ["update", "u", { replicas: 1, paused: true }],
    ],
    { replicas: 1, paused: true },
    { "u:update": [".spec", ".spec.paused", ".spec.replicas"] },
  ],
  [
    "an update by the applier's name is another owner",
    [
      ["apply", "m", { replicas: 1 }],
      ["update", "m", { replicas: 2 }],
    ],
    { replicas: 2 },
    { "m:update": [".spec.replicas"] },
  ],
  [
    "an update owns the entries of a map and the map",
    [["update", "u", { settings: { a: "1" } }]],
    { settings: { a: "1" } },
    { "u:update": [".spec", ".spec.settings", ".spec.settings.a"] },
  ],
  [
    "an update owns an element of a list with its keys",
    [["update", "u", containers(a)]],
    containers(a),
    { "u:update": [".spec", ".spec.template", ".spec.template.spec", at, ...ownsA] },
  ],
  [
    "an update takes a whole atomic list",
    [
      ["apply", "m", pod({ tolerations: [{ key: "a" }] })],
      ["update", "u", pod({ tolerations: [{ key: "b" }] })],
    ],
    pod({ tolerations: [{ key: "b" }] }),
    { "u:update": [".spec.template.spec.tolerations"] },
  ],
  [
    "an update takes the field of one element alone",
    [
      ["apply", "m", containers(a, b)],
      ["update", "u", containers({ name: "a", image: "2" }, b)],
    ],
    containers({ name: "a", image: "2" }, b),
    { m: [`${at}[name="a"]`, `${at}[name="a"].name`, ...ownsB], "u:update": [`${at}[name="a"].image`] },
  ],
  [
    "an update that takes out an element leaves nobody",
    [
      ["apply", "m", containers(a, b)],
      ["update", "u", containers(b)],
    ],
    containers(b),
    { m: ownsB },
  ],
  // Force.
  [
    "force takes a field over",
    [
      ["apply", "m", { replicas: 1 }],
      ["force", "o", { replicas: 2 }],
    ],
    { replicas: 2 },
    { o: [".spec.replicas"] },
  ],
  [
    "force takes only what changes",
    [
      ["apply", "m", { replicas: 1, paused: true }],
      ["force", "o", { replicas: 2, paused: true }],
    ],
    { replicas: 2, paused: true },
    { m: [".spec.paused"], o: [".spec.paused", ".spec.replicas"] },
  ],
  [
    "force takes over from an updater",
    [
      ["update", "u", { replicas: 1 }],
      ["force", "m", { replicas: 2 }],
    ],
    { replicas: 2 },
    { m: [".spec.replicas"], "u:update": [".spec"] },
  ],
  [
    "who lost a field does not remove it",
    [
      ["apply", "m", { replicas: 1, paused: true }],
      ["force", "o", { replicas: 2 }],
      ["apply", "m", { paused: true }],
    ],
    { replicas: 2, paused: true },
    { m: [".spec.paused"], o: [".spec.replicas"] },
  ],
  // Maps.
  [
    "two appliers own entries of one map",
    [
      ["apply", "m", { settings: { a: "1" } }],
      ["apply", "o", { settings: { b: "2" } }],
    ],
    { settings: { a: "1", b: "2" } },
    { m: [".spec.settings.a"], o: [".spec.settings.b"] },
  ],
  [
    "removes its entry of a map",
    [
      ["apply", "m", { settings: { a: "1" } }],
      ["apply", "o", { settings: { b: "2" } }],
      ["apply", "m", { settings: {} }],
    ],
    { settings: { b: "2" } },
    { m: [".spec.settings"], o: [".spec.settings.b"] },
  ],
  [
    "removes its entry and keeps those of updaters",
    [
      ["apply", "m", { settings: { a: "1", b: "2" } }],
      ["update", "u", { settings: { a: "1", b: "2", c: "3" } }],
      ["apply", "m", { settings: { a: "1" } }],
    ],
    { settings: { a: "1", c: "3" } },
    { m: [".spec.settings.a"], "u:update": [".spec.settings.c"] },
  ],
  ["keeps an empty map", [["apply", "m", { settings: {} }]], { settings: {} }, { m: [".spec.settings"] }],
  [
    "an atomic map is one value",
    [["apply", "m", { selector: { matchLabels: { a: "1" } } }]],
    { selector: { matchLabels: { a: "1" } } },
    { m: [".spec.selector"] },
  ],
  [
    "an atomic map is replaced as a whole",
    [
      ["apply", "m", { selector: { matchLabels: { a: "1", b: "2" } } }],
      ["apply", "m", { selector: { matchLabels: { c: "3" } } }],
    ],
    { selector: { matchLabels: { c: "3" } } },
    { m: [".spec.selector"] },
  ],
  [
    "an atomic map of plain values too",
    [
      ["apply", "m", pod({ nodeSelector: { a: "1" } })],
      ["apply", "m", pod({ nodeSelector: { b: "1" } })],
    ],
    pod({ nodeSelector: { b: "1" } }),
    { m: [".spec.template.spec.nodeSelector"] },
  ],
  [
    "what nobody described is merged by fields",
    [
      ["apply", "m", { free: { a: { b: 1 } } }],
      ["apply", "o", { free: { a: { c: 2 } } }],
    ],
    { free: { a: { b: 1, c: 2 } } },
    { m: [".spec.free.a", ".spec.free.a.b"], o: [".spec.free.a", ".spec.free.a.c"] },
  ],
  [
    "a list that nobody described is one value",
    [
      ["apply", "m", { free: { l: [1, 2] } }],
      ["apply", "m", { free: { l: [3] } }],
    ],
    { free: { l: [3] } },
    { m: [".spec.free.l"] },
  ],
  // Lists with keys.
  ["owns an element, its key and its fields", [["apply", "m", containers(a)]], containers(a), { m: ownsA }],
  [
    "two appliers own elements of one list",
    [
      ["apply", "m", containers(a)],
      ["apply", "o", containers(b)],
    ],
    containers(a, b),
    { m: ownsA, o: ownsB },
  ],
  [
    "removes its element",
    [
      ["apply", "m", containers(a, b)],
      ["apply", "m", containers(b)],
    ],
    containers(b),
    { m: ownsB },
  ],
  [
    "removes its element with what nobody owns in it",
    [
      ["apply", "m", containers(a, b)],
      ["update", "u", containers({ ...a, command: ["x"] }, b)],
      ["update", "u", containers(a, b)],
      ["apply", "m", containers(b)],
    ],
    containers(b),
    { m: ownsB },
  ],
  [
    "keeps an element in which another owns a field",
    [
      ["apply", "m", containers(a)],
      ["apply", "o", containers({ name: "a", command: ["x"] })],
      ["apply", "m", containers()],
    ],
    containers({ name: "a", command: ["x"] }),
    { m: [at], o: [`${at}[name="a"]`, `${at}[name="a"].command`, `${at}[name="a"].name`] },
  ],
  [
    "two appliers own fields of one element",
    [
      ["apply", "m", containers({ name: "a", image: "1" })],
      ["apply", "o", containers({ name: "a", command: ["x"] })],
    ],
    containers({ name: "a", image: "1", command: ["x"] }),
    { m: ownsA, o: [`${at}[name="a"]`, `${at}[name="a"].command`, `${at}[name="a"].name`] },
  ],
  [
    "removes its element though another changed a field of it",
    [
      ["apply", "m", containers(a, b)],
      ["update", "u", containers({ name: "a", image: "2" }, b)],
      ["apply", "m", containers(b)],
    ],
    containers(b),
    { m: ownsB },
  ],
  [
    "removes a field of an element",
    [
      ["apply", "m", containers({ ...a, command: ["x"] })],
      ["apply", "m", containers(a)],
    ],
    containers(a),
    { m: ownsA },
  ],
  [
    "puts elements in the order in which they are applied",
    [
      ["apply", "m", containers(a, b)],
      ["apply", "m", containers(b, a)],
    ],
    containers(b, a),
    { m: [...ownsA, ...ownsB] },
  ],
  [
    "leaves elements of others where they stood",
    [
      ["update", "u", containers(a, { name: "s" }, b)],
      ["apply", "m", containers(a, b)],
    ],
    containers(a, { name: "s" }, b),
    {
      m: [...ownsA, ...ownsB],
      "u:update": [
        ".spec",
        ".spec.template",
        ".spec.template.spec",
        at,
        ...ownsA,
        ...ownsB,
        `${at}[name="s"]`,
        `${at}[name="s"].name`,
      ],
    },
  ],
  [
    "names an element by several keys, with defaults",
    [["apply", "m", containers({ name: "a", ports: [{ containerPort: 80 }] })]],
    containers({ name: "a", ports: [{ containerPort: 80 }] }),
    {
      m: [
        `${at}[name="a"]`,
        `${at}[name="a"].name`,
        `${at}[name="a"].ports[containerPort=80,protocol="TCP"]`,
        `${at}[name="a"].ports[containerPort=80,protocol="TCP"].containerPort`,
      ],
    },
  ],
  [
    "takes an element without its default key for the same",
    [
      ["apply", "m", containers({ name: "a", ports: [{ containerPort: 80 }] })],
      ["apply", "m", containers({ name: "a", ports: [{ containerPort: 80, protocol: "TCP" }] })],
    ],
    containers({ name: "a", ports: [{ containerPort: 80, protocol: "TCP" }] }),
    {
      m: [
        `${at}[name="a"]`,
        `${at}[name="a"].name`,
        ...["", ".containerPort", ".protocol"].map(
          (end) => `${at}[name="a"].ports[containerPort=80,protocol="TCP"]${end}`,
        ),
      ],
    },
  ],
  [
    "tells elements apart by their second key",
    [
      ["apply", "m", containers({ name: "a", ports: [{ containerPort: 53, protocol: "TCP" }] })],
      ["apply", "o", containers({ name: "a", ports: [{ containerPort: 53, protocol: "UDP" }] })],
    ],
    containers({
      name: "a",
      ports: [
        { containerPort: 53, protocol: "TCP" },
        { containerPort: 53, protocol: "UDP" },
      ],
    }),
    {
      m: [
        `${at}[name="a"]`,
        `${at}[name="a"].name`,
        ...["", ".containerPort", ".protocol"].map(
          (end) => `${at}[name="a"].ports[containerPort=53,protocol="TCP"]${end}`,
        ),
      ],
      o: [
        `${at}[name="a"]`,
        `${at}[name="a"].name`,
        ...["", ".containerPort", ".protocol"].map(
          (end) => `${at}[name="a"].ports[containerPort=53,protocol="UDP"]${end}`,
        ),
      ],
    },
  ],
  [
    "keeps elements that repeat a key, as updaters may make them",
    [
      [
        "update",
        "u",
        containers({ name: "a", env: [{ name: "X", value: "1" }, { name: "Y" }, { name: "X", value: "2" }] }),
      ],
      ["apply", "m", containers({ name: "a", env: [{ name: "Z" }] })],
    ],
    containers({
      name: "a",
      env: [{ name: "X", value: "1" }, { name: "X", value: "2" }, { name: "Y" }, { name: "Z" }],
    }),
    {
      m: [
        `${at}[name="a"]`,
        `${at}[name="a"].name`,
        `${at}[name="a"].env[name="Z"]`,
        `${at}[name="a"].env[name="Z"].name`,
      ],
      "u:update": [
        ".spec",
        ".spec.template",
        ".spec.template.spec",
        at,
        `${at}[name="a"]`,
        `${at}[name="a"].name`,
        `${at}[name="a"].env`,
        `${at}[name="a"].env[name="X"]`,
        `${at}[name="a"].env[name="Y"]`,
        `${at}[name="a"].env[name="Y"].name`,
      ],
    },
  ],
  [
    "replaces what repeats a key when it applies that key",
    [
      [
        "update",
        "u",
        containers({
          name: "a",
          env: [
            { name: "X", value: "1" },
            { name: "X", value: "2" },
          ],
        }),
      ],
      ["force", "m", containers({ name: "a", env: [{ name: "X", value: "3" }] })],
    ],
    containers({ name: "a", env: [{ name: "X", value: "3" }] }),
    {
      m: [
        `${at}[name="a"]`,
        `${at}[name="a"].name`,
        `${at}[name="a"].env[name="X"]`,
        `${at}[name="a"].env[name="X"].name`,
        `${at}[name="a"].env[name="X"].value`,
      ],
      "u:update": [
        ".spec",
        ".spec.template",
        ".spec.template.spec",
        at,
        `${at}[name="a"]`,
        `${at}[name="a"].name`,
        `${at}[name="a"].env`,
      ],
    },
  ],
  // Sets.
  [
    "owns values of a set",
    [["apply", "m", { groups: ["x", "y"] }]],
    { groups: ["x", "y"] },
    { m: ['.spec.groups[="x"]', '.spec.groups[="y"]'] },
  ],
  [
    "two appliers own values of one set",
    [
      ["apply", "m", { groups: ["x"] }],
      ["apply", "o", { groups: ["y"] }],
    ],
    { groups: ["x", "y"] },
    { m: ['.spec.groups[="x"]'], o: ['.spec.groups[="y"]'] },
  ],
  [
    "own a value of a set together",
    [
      ["apply", "m", { groups: ["x"] }],
      ["apply", "o", { groups: ["x", "y"] }],
      ["apply", "m", { groups: ["z"] }],
    ],
    { groups: ["x", "y", "z"] },
    { m: ['.spec.groups[="z"]'], o: ['.spec.groups[="x"]', '.spec.groups[="y"]'] },
  ],
  [
    "removes its value of a set",
    [
      ["apply", "m", { groups: ["x", "y"] }],
      ["apply", "m", { groups: ["y"] }],
    ],
    { groups: ["y"] },
    { m: ['.spec.groups[="y"]'] },
  ],
  // Atomic lists.
  [
    "replaces its atomic list",
    [
      ["apply", "m", pod({ tolerations: [{ key: "a" }] })],
      ["apply", "m", pod({ tolerations: [{ key: "b" }] })],
    ],
    pod({ tolerations: [{ key: "b" }] }),
    { m: [".spec.template.spec.tolerations"] },
  ],
  [
    "owns an equal atomic list together",
    [
      ["apply", "m", pod({ tolerations: [{ key: "a" }] })],
      ["apply", "o", pod({ tolerations: [{ key: "a" }] })],
    ],
    pod({ tolerations: [{ key: "a" }] }),
    { m: [".spec.template.spec.tolerations"], o: [".spec.template.spec.tolerations"] },
  ],
  // Quantities as they are written.
  [
    "takes another spelling for another value",
    [
      ["apply", "m", containers({ name: "a", resources: { limits: { cpu: "1" } } })],
      ["apply", "m", containers({ name: "a", resources: { limits: { cpu: "1000m" } } })],
    ],
    containers({ name: "a", resources: { limits: { cpu: "1000m" } } }),
    { m: [`${at}[name="a"]`, `${at}[name="a"].name`, `${at}[name="a"].resources.limits.cpu`] },
  ],
];

describe("server-side apply", () => {
  for (const [name, steps, spec, owned] of rows)
    test(name, () => {
      const live = play(steps);
      expect(live["spec"]).toEqual(spec);
      const sorted = Object.fromEntries(Object.entries(owned).map(([who, what]) => [who, what.toSorted()]));
      expect(owners(live)).toEqual(sorted);
    });

  test("twice is the same as once, and keeps its time", () => {
    for (const [, steps] of rows) {
      const last = steps.findLast(([verb]) => verb !== "update");
      if (!last) continue;
      const once = play([...steps, ["force", last[1], last[2]]]);
      const request = { manager: last[1], force: false, now: "2030-01-01T00:00:00Z", schema: example };
      expect(apply({ ...request, live: once, applied: object(last[2]) })).toEqual(once);
    }
  });

  test("of what one manager owns leads from any object to any other", () => {
    const specs = rows.flatMap(([, [first]]) =>
      first && first[0] === "apply" ? [JSON.stringify(first[2])] : [],
    );
    // Every other one of those that differ: all pairs of all would say no more.
    const chosen = [...new Set(specs)]
      .filter((_, index) => index % 2 === 0)
      .map((text) => JSON.parse(text) as Spec);
    for (const from of chosen)
      for (const to of chosen) {
        expect(
          play([
            ["apply", "m", from],
            ["apply", "m", to],
          ])["spec"],
        ).toEqual(play([["apply", "m", to]])["spec"]);
      }
  });
});

describe("server-side apply conflicts", () => {
  const conflicts: readonly (readonly [string, readonly Step[], string])[] = [
    [
      "with an updater",
      [
        ["update", "kubectl", { replicas: 1 }],
        ["apply", "m", { replicas: 2 }],
      ],
      'Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas',
    ],
    [
      "with an applier",
      [
        ["apply", "o", { replicas: 1 }],
        ["apply", "m", { replicas: 2 }],
      ],
      'Apply failed with 1 conflict: conflict with "o": .spec.replicas',
    ],
    [
      "in two fields of one",
      [
        ["apply", "o", { replicas: 1, paused: true }],
        ["apply", "m", { replicas: 2, paused: false }],
      ],
      'Apply failed with 2 conflicts: conflicts with "o":\n- .spec.paused\n- .spec.replicas',
    ],
    [
      "with two owners of one field",
      [
        ["apply", "o", { replicas: 1 }],
        ["apply", "p", { replicas: 1 }],
        ["apply", "m", { replicas: 2 }],
      ],
      'Apply failed with 2 conflicts: conflicts with "o":\n- .spec.replicas\nconflicts with "p":\n- .spec.replicas',
    ],
    [
      "with its own updates",
      [
        ["apply", "m", { replicas: 1 }],
        ["update", "m", { replicas: 2 }],
        ["apply", "m", { replicas: 3 }],
      ],
      'Apply failed with 1 conflict: conflict with "m" using apps/v1: .spec.replicas',
    ],
    [
      "in an element's field",
      [
        ["apply", "o", containers(a)],
        ["apply", "m", containers({ name: "a", image: "2" })],
      ],
      `Apply failed with 1 conflict: conflict with "o": ${at}[name="a"].image`,
    ],
    [
      "in an atomic list",
      [
        ["apply", "o", pod({ tolerations: [{ key: "a" }] })],
        ["apply", "m", pod({ tolerations: [{ key: "b" }] })],
      ],
      'Apply failed with 1 conflict: conflict with "o": .spec.template.spec.tolerations',
    ],
    [
      "in an atomic map",
      [
        ["apply", "o", { selector: { matchLabels: { a: "1" } } }],
        ["apply", "m", { selector: { matchLabels: { a: "2" } } }],
      ],
      'Apply failed with 1 conflict: conflict with "o": .spec.selector',
    ],
    [
      "in an entry of a map",
      [
        ["apply", "o", { settings: { a: "1" } }],
        ["apply", "m", { settings: { a: "2", b: "1" } }],
      ],
      'Apply failed with 1 conflict: conflict with "o": .spec.settings.a',
    ],
    [
      "when it would put back what it lost",
      [
        ["apply", "m", { replicas: 1 }],
        ["force", "o", { replicas: 2 }],
        ["apply", "m", { replicas: 1 }],
      ],
      'Apply failed with 1 conflict: conflict with "o": .spec.replicas',
    ],
  ];
  for (const [name, steps, message] of conflicts)
    test(name, () => {
      const error = caught(() => play(steps));
      expect(error).toBeInstanceOf(KubeError);
      const { reason, details, message: text } = error as KubeError;
      expect(text).toBe(message);
      expect(reason).toBe("Conflict");
      for (const cause of details?.causes ?? []) {
        expect(cause.reason).toBe("FieldManagerConflict");
        expect(message).toContain(cause.field ?? "nothing");
        expect(cause.message).toStartWith('conflict with "');
      }
      expect(details?.causes?.length).toBe(Number(/with (\d+)/.exec(message)?.[1]));
    });
});

function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("server-side apply is refused", () => {
  const refused: readonly (readonly [string, KubeObject, string])[] = [
    [
      "for a field that the schema does not know",
      object({ foo: 1 }),
      "failed to create typed patch object (n/a; apps/v1, Kind=Deployment): .spec.foo: field not declared in schema",
    ],
    [
      "for such a field within an element",
      object(containers({ name: "a", foo: 1 })),
      ".spec.template.spec.containers[0].foo: field not declared in schema",
    ],
    [
      "for an element without its key",
      object(containers({ image: "x" })),
      'element 0: associative list with keys has an element that omits key field "name"',
    ],
    ["for two elements of one key", object(containers(a, a)), 'duplicate entries for key [{"name":"a"}]'],
    ["for a value twice in a set", object({ groups: ["x", "x"] }), 'duplicate entries for key ["x"]'],
    [
      "with managed fields",
      object({}, { managedFields: [{ manager: "x" }] }),
      "metadata.managedFields must be nil",
    ],
  ];
  for (const [name, applied, message] of refused)
    test(name, () => {
      const error = caught(() =>
        apply({ live: undefined, applied, manager: "m", force: false, now: time(0), schema: example }),
      );
      expect(error).toBeInstanceOf(KubeError);
      expect((error as KubeError).message).toContain(message);
      expect((error as KubeError).reason).toBe("BadRequest");
    });
});

describe("fields of the server", () => {
  const metadata = {
    labels: { a: "1" },
    generateName: "a-",
    uid: "u",
    resourceVersion: "5",
    generation: 2,
    creationTimestamp: time(0),
  };

  test("belong to no applier", () => {
    const applied = object({}, { labels: { a: "1" }, creationTimestamp: null });
    const live = apply({
      live: object({}, { ...metadata, labels: {} }),
      applied,
      manager: "m",
      force: true,
      now: time(1),
      schema: example,
    });
    expect(owners(live)["m"]).toEqual([".metadata.labels.a", ".spec"]);
    expect(live.metadata.creationTimestamp).toBe(time(0));
    expect(live.metadata).toMatchObject({ uid: "u", resourceVersion: "5", generation: 2 });
  });

  test("belong to no updater", () => {
    const live = update(undefined, object({ replicas: 1 }, metadata), "u", time(1));
    expect(owners(live)).toEqual({
      "u:update": [
        ".metadata.generateName",
        ".metadata.labels",
        ".metadata.labels.a",
        ".spec",
        ".spec.replicas",
      ],
    });
    const bumped = update(
      live,
      { ...live, metadata: { ...live.metadata, generation: 3, resourceVersion: "6" } },
      "v",
      time(2),
    );
    expect(bumped.metadata.managedFields).toEqual(live.metadata.managedFields);
  });
});

describe("status", () => {
  const withStatus = (status: Spec): KubeObject => ({ ...object({ replicas: 1 }), status });

  test("belongs to who writes it through its subresource", () => {
    const live = update(undefined, object({ replicas: 1 }), "u", time(0));
    const changed = withStatus({ phase: "Ready" });
    const managed = managedAfterUpdate({
      old: live,
      changed,
      manager: "kubelet",
      subresource: "status",
      hasStatus: true,
      now: time(1),
      schema: example,
    });
    expect(managed.at(-1)).toEqual({
      manager: "kubelet",
      operation: "Update",
      apiVersion: "apps/v1",
      time: time(1),
      fieldsType: "FieldsV1",
      fieldsV1: { "f:status": { ".": {}, "f:phase": {} } },
      subresource: "status",
    });
  });

  test("is left alone by an apply of the object, and alone touched by an apply of the subresource", () => {
    const live = update(undefined, withStatus({ phase: "Ready" }), "u", time(0));
    const request = { manager: "m", force: true, now: time(1), hasStatus: true, schema: example };
    const main = apply({
      ...request,
      live,
      applied: { ...object({ paused: true }), status: { phase: "Lost" } },
    });
    expect(main).toMatchObject({ spec: { replicas: 1, paused: true }, status: { phase: "Ready" } });
    expect(owners(main)["m"]).toEqual([".spec.paused"]);
    const status = apply({
      ...request,
      live,
      subresource: "status",
      applied: { ...object({ paused: true }), status: { phase: "Lost" } },
    });
    expect(status).toMatchObject({ spec: { replicas: 1 }, status: { phase: "Lost" } });
    expect(owners(status)["m"]).toEqual([".status.phase"]);
  });
});

describe("managed fields", () => {
  test("of an object from before they were kept belong to before-first-apply", () => {
    const live = object({ replicas: 1, paused: true });
    const next = apply({
      live,
      applied: object({ paused: true }),
      manager: "m",
      force: false,
      now: time(1),
      schema: example,
    });
    expect(owners(next)).toEqual({
      m: [".spec.paused"],
      "before-first-apply:update": [".spec", ".spec.paused", ".spec.replicas"],
    });
    expect(
      caught(() =>
        apply({
          live,
          applied: object({ paused: false }),
          manager: "m",
          force: false,
          now: time(1),
          schema: example,
        }),
      ),
    ).toBeInstanceOf(KubeError);
  });

  test("are forgotten when the object comes with one empty entry", () => {
    const live = play([["apply", "m", { replicas: 1 }]]);
    const reset = { ...live, metadata: { ...live.metadata, managedFields: [{}] } };
    expect(
      managedAfterUpdate({ old: live, changed: reset, manager: "u", now: time(1), schema: example }),
    ).toEqual([]);
  });

  test("stay when the object comes without them or with such as cannot be read", () => {
    const live = play([["apply", "m", { replicas: 1 }]]);
    for (const managedFields of [
      undefined,
      [],
      [{ manager: "x" }],
      [{ ...live.metadata.managedFields?.[0], fieldsV1: { nonsense: {} } }],
    ]) {
      const changed = {
        ...live,
        metadata: { ...live.metadata, managedFields: managedFields as ManagedFields[] },
      };
      expect(managedAfterUpdate({ old: live, changed, manager: "u", now: time(1), schema: example })).toEqual(
        live.metadata.managedFields ?? [],
      );
    }
  });

  test("may be changed by who updates the object", () => {
    const live = play([["apply", "m", { replicas: 1 }]]);
    const managedFields = (live.metadata.managedFields ?? []).map((entry) => ({ ...entry, manager: "n" }));
    const changed = { ...live, metadata: { ...live.metadata, managedFields } };
    const after = managedAfterUpdate({ old: live, changed, manager: "u", now: time(1), schema: example });
    expect(after.map(({ manager }) => manager)).toEqual(["n"]);
  });

  test("of more than ten updaters are drawn together", () => {
    const spec = (count: number): Spec => ({
      settings: Object.fromEntries(Array.from({ length: count }, (_, at_) => [`k${at_}`, "x"])),
    });
    const live = play(
      Array.from({ length: 25 }, (_, index): Step => ["update", `u${index}`, spec(index + 1)]),
    );
    const managers = live.metadata.managedFields ?? [];
    expect(managers.length).toBeLessThanOrEqual(10);
    expect(managers[0]?.manager).toBe("ancient-changes");
    const all = new Set(
      managers.flatMap(({ fieldsV1 }) =>
        paths(fromFieldsV1(fieldsV1) ?? { member: false, inside: new Map() }),
      ),
    );
    expect(all.size).toBe(27);
  });

  test("are written as the API server writes them", () => {
    const live = play([
      ["apply", "m", { ...containers({ name: "a", ports: [{ containerPort: 80 }] }), groups: ["x"] }],
    ]);
    expect(live.metadata.managedFields).toEqual([
      {
        manager: "m",
        operation: "Apply",
        apiVersion: "apps/v1",
        time: time(0),
        fieldsType: "FieldsV1",
        fieldsV1: {
          "f:spec": {
            "f:groups": { 'v:"x"': {} },
            "f:template": {
              "f:spec": {
                "f:containers": {
                  'k:{"name":"a"}': {
                    ".": {},
                    "f:name": {},
                    "f:ports": {
                      'k:{"containerPort":80,"protocol":"TCP"}': { ".": {}, "f:containerPort": {} },
                    },
                  },
                },
              },
            },
          },
        },
      },
    ]);
  });

  test("of an applier are one entry in all versions, those of an updater are not", () => {
    const first = play([
      ["apply", "m", { replicas: 1 }],
      ["update", "u", { replicas: 1, paused: true }],
    ]);
    const beta = { ...object({ replicas: 1 }), apiVersion: "apps/v1beta1" };
    const applied = apply({
      live: first,
      applied: beta,
      manager: "m",
      force: false,
      now: time(3),
      schema: example,
    });
    expect((applied.metadata.managedFields ?? []).filter(({ manager }) => manager === "m")).toHaveLength(1);
    const changed = { ...first, apiVersion: "apps/v1beta1", spec: { replicas: 1, paused: false } };
    const updated = managedAfterUpdate({ old: first, changed, manager: "u", now: time(3), schema: example });
    expect(updated.filter(({ manager }) => manager === "u").map(({ apiVersion }) => apiVersion)).toEqual([
      "apps/v1beta1",
    ]);
  });
});

describe("kubectl's way from client-side to server-side apply", () => {
  const annotation = "kubectl.kubernetes.io/last-applied-configuration";
  const applied = (spec: Spec): KubeObject => object(spec);
  const clientSide = (spec: Spec, last: Spec = spec): KubeObject =>
    update(
      undefined,
      object(spec, { annotations: { [annotation]: JSON.stringify(applied(last)) } }),
      "kubectl-client-side-apply",
      time(0),
    );
  const serverSide = (live: KubeObject, spec: Spec, manager = "kubectl"): KubeObject =>
    apply({ live, applied: applied(spec), manager, force: false, now: time(1), schema: example });

  test("has no conflict in what it applied itself", () => {
    const next = serverSide(clientSide({ replicas: 1, paused: true }), { replicas: 2, paused: true });
    expect(next["spec"]).toEqual({ replicas: 2, paused: true });
    expect(owners(next)["kubectl"]).toEqual([".spec.paused", ".spec.replicas"]);
    expect(owners(next)["kubectl-client-side-apply:update"]).not.toContain(".spec.replicas");
  });

  test("has one in what others changed since, and in what it never applied", () => {
    expect(() => serverSide(clientSide({ replicas: 5 }, { replicas: 1 }), { replicas: 2 })).toThrow(
      ".spec.replicas",
    );
    expect(() => serverSide(clientSide({ replicas: 5 }, {}), { replicas: 2 })).toThrow(".spec.replicas");
    expect(() => serverSide(clientSide({ replicas: 1 }), { replicas: 2 }, "another")).toThrow(
      ".spec.replicas",
    );
  });

  test("takes an annotation that cannot be read for none", () => {
    for (const text of ["", "{", "[]", '{"kind":"Other"}', `${'{"a":'.repeat(2000)}1${"}".repeat(2000)}`]) {
      const live = clientSide({ replicas: 1 });
      live.metadata.annotations = { [annotation]: text };
      expect(() => serverSide(live, { replicas: 2 })).toThrow("Apply failed with 1 conflict");
    }
  });

  test("keeps the annotation up to date for the way back", () => {
    const next = serverSide(clientSide({ replicas: 1 }), { replicas: 2 });
    expect(JSON.parse(next.metadata.annotations?.[annotation] ?? "")).toMatchObject({
      kind: "Deployment",
      spec: { replicas: 2 },
    });
    const odd = serverSide(clientSide({ settings: { b: "1" } }), { settings: { b: "<&>", a: "2" } });
    expect(odd.metadata.annotations?.[annotation]).toBe(
      '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"annotations":{},"name":"a","namespace":"n"},"spec":{"settings":{"a":"2","b":"\\u003c\\u0026\\u003e"}}}\n',
    );
    const other = serverSide(clientSide({ replicas: 1 }), { replicas: 1 }, "another");
    expect(JSON.parse(other.metadata.annotations?.[annotation] ?? "")).toMatchObject({
      spec: { replicas: 1 },
    });
    expect(play([["apply", "kubectl", { replicas: 1 }]]).metadata.annotations).toBeUndefined();
  });
});
