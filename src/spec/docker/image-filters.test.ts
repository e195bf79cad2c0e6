import { expect, test } from "bun:test";
import { fitsPattern, imageFilter } from "./image-filters.ts";
import type { ImageSummary } from "./images.ts";

const image: ImageSummary = {
  Id: "sha256:1",
  ParentId: "",
  RepoTags: ["alpine:3.20", "localhost:5000/team/app:1"],
  RepoDigests: ["alpine@sha256:2"],
  Created: 1000,
  Size: 1,
  SharedSize: -1,
  Labels: { stage: "base", empty: "" },
  Containers: 0,
};
const world = { now: new Date(2_000_000), createdOf: () => 500 };
const fits = (filters: Record<string, string[]>) => imageFilter(filters, world)(image);

test.each([
  [{ dangling: ["false"] }, true],
  [{ dangling: ["true"] }, false],
  [{ dangling: ["true", "false"] }, true],
  [{ since: ["x"] }, true],
  [{ before: ["x"] }, false],
  [{ until: ["10m"] }, true],
  [{ until: ["17m"] }, false],
  [{ until: ["1500"] }, true],
  [{ until: ["1970-01-02"] }, true],
  [{ label: ["stage"] }, true],
  [{ label: ["stage=base", "empty="] }, true],
  [{ label: ["stage=base", "gone"] }, false],
  [{ "label!": ["gone"] }, true],
  [{ label: ["toString"] }, false],
  [{ reference: ["beta", "alp*"] }, true],
  [{ reference: ["alpine"], dangling: ["true"] }, false],
])("%j fits: %p", (filters, expected) => {
  expect(fits(filters as unknown as Record<string, string[]>)).toBe(expected);
});

test.each([
  ["alpine", "alpine:3.20", true],
  ["alpine:3.*", "alpine:3.20", true],
  ["alp", "alpine:3.20", false],
  ["*", "localhost:5000/team/app:1", false],
  ["localhost:5000/*/app", "localhost:5000/team/app:1", true],
  ["a?pine", "alpine:3.20", true],
  ["a.pine", "alpine:3.20", false],
  ["[ab]lpine", "alpine:3.20", true],
])("%s over %s: %p", (pattern, name, expected) => {
  expect(fitsPattern(pattern, name)).toBe(expected);
});

test("unknown keys and values are refused by name", () => {
  expect(() => fits({ colour: ["red"] })).toThrow('cannot use filter "colour": there are dangling');
  expect(() => fits({ dangling: ["maybe"] })).toThrow("wanted true or false");
  expect(() => fits({ until: ["soon"] })).toThrow("wanted a time");
  expect(() => fits({ reference: ["[ab"] })).toThrow("brackets");
});
