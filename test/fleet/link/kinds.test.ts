import { describe, expect, test } from "bun:test";
import { SampanError } from "../../../src/base/errors.ts";
import { message, type Envelope } from "../../../src/fleet/link/envelope.ts";
import { kindOf, kinds } from "../../../src/fleet/link/kinds/all.ts";
import { podDelete } from "../../../src/fleet/link/kinds/pods.ts";
import { nodePatch } from "../../../src/fleet/link/kinds/nodes.ts";
import { twinReport } from "../../../src/fleet/link/kinds/twin.ts";
import { examples, type Example } from "./_examples.ts";

const titled = examples.map(
  (each, index) => [`${index} ${each.kind.name}`, each] as [title: string, example: Example],
);

function envelopeOf({ route, content, answer }: Example): Envelope {
  const made = message(route, content);
  return answer ? { ...made, parent: "m-0" } : made;
}

test("every kind has an example, and every kind but one that takes anything has one that is refused", () => {
  const withExample = new Set(examples.map(({ kind }) => kind));
  expect(kinds.filter((kind) => !withExample.has(kind)).map(({ name }) => name)).toEqual([]);
  const refusing = new Set(examples.filter(({ wrong }) => wrong.length > 0).map(({ kind }) => kind));
  expect(kinds.filter((kind) => !refusing.has(kind)).map(({ name }) => name)).toEqual([
    "control",
    "acknowledgement",
  ]);
});

test("no two kinds have one name", () => {
  expect(new Set(kinds.map(({ name }) => name)).size).toBe(kinds.length);
});

test.each(titled)("%s is claimed, and written as it was read", (_title, example) => {
  expect(kindOf(envelopeOf(example), example.way)?.name).toBe(example.kind.name);
  const given = JSON.parse(JSON.stringify(example.content)) as unknown;
  expect(JSON.stringify(example.kind.build(example.kind.parse(given)))).toBe(JSON.stringify(example.content));
});

describe("refused", () => {
  const cases = titled.flatMap(([title, { kind, wrong }]) =>
    wrong.map(([content, field]) => [title, kind, content, field] as const),
  );
  test.each(cases.map((each) => [`${each[0]}: ${JSON.stringify(each[2])}`.slice(0, 160), each] as const))(
    "%s",
    (_title, [, kind, content, field]) => {
      const given = JSON.parse(JSON.stringify(content)) as unknown;
      let error: unknown;
      try {
        kind.parse(given);
      } catch (thrown) {
        error = thrown;
      }
      if (!(error instanceof SampanError)) throw new Error("it was taken");
      expect(error.code).toBe("invalid_argument");
      expect(error.message).toContain(`${field} `);
    },
  );
});

describe("both forms of a content are taken, one is written", () => {
  test("a patch as an object is written as a text", () => {
    expect(nodePatch.parse({ status: {} })).toEqual({ status: {} });
    expect(nodePatch.build({ status: {} })).toBe('{"status":{}}');
  });
  test("a twin as a text is written as an object", () => {
    const twins = { event_id: "e", timestamp: 1, twin: {} };
    expect(twinReport.parse(JSON.stringify(twins))).toEqual(twins);
    expect(twinReport.build(twins)).toEqual(twins);
  });
  test("the UID of a deleted pod is read as options", () => {
    expect(podDelete.parse("u-1")).toEqual({ preconditions: { uid: "u-1" } });
  });
});

test("fields that nobody knows are kept in objects and dropped elsewhere", () => {
  const report = { event_id: "e", timestamp: 1, twin: { t: { later: 1 } }, later: 1 };
  expect(twinReport.parse(report)).toEqual({ event_id: "e", timestamp: 1, twin: { t: {} } });
});
