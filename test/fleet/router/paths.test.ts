import { describe, expect, test } from "bun:test";
import { topicFits } from "../../../src/fleet/cloud/router/compile.ts";
import {
  compareUse,
  parseAddress,
  parsePattern,
  patternFits,
} from "../../../src/fleet/cloud/router/paths.ts";

describe("an address of REST", () => {
  test("names its node, its namespace and the rest", () => {
    expect(parseAddress("/edge1/default/api/a%20b?q=1")).toEqual({
      node: "edge1",
      namespace: "default",
      parts: ["api", "a b"],
      raw: ["api", "a%20b"],
      query: "?q=1",
    });
  });

  test.each([
    "",
    "/",
    "edge1/default/a",
    "/edge1",
    "/Edge;1/default/a",
    "/edge1/Default/a",
    "//default/a",
    "/../default/a",
  ])("%p is none", (target) => {
    expect(parseAddress(target)).toBeUndefined();
  });

  test.each([
    "a/../b",
    "a/./b",
    "a//b",
    "a/%2e%2e/b",
    "a/%2f",
    "a/%5c",
    "a/%00",
    "a/%0d%0a",
    "a/%",
    "a/%ff",
    "a/".repeat(200),
  ])("a path %p is refused", (path) => {
    expect(() => parseAddress(`/edge1/default/${path}/z`)).toThrow("cannot take the request");
  });
});

describe("a path of a rule", () => {
  test.each<[string, string, boolean]>([
    ["/test", "test", true],
    ["/test", "test/more", true],
    ["/test", "testing", false],
    ["/test", "a/test", false],
    ["/a/{x}/c", "a/b/c", true],
    ["/a/{x}/c", "a/b/d", false],
    ["/a/{x}", "a", false],
    ["/", "anything/at/all", true],
    ["/a.c", "abc", false],
    ["/.*", "abc", false],
    ["/(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!", false],
  ])("%s and %s: %p", (path, given, fits) => {
    expect(patternFits(parsePattern(path), given.split("/"))).toBe(fits);
  });

  test.each(["/a/../b", "/a/./b", "/{", "/{a b}", "/a?b", "/a#b", "/a\\b", "/x".repeat(65)])(
    "%p is refused",
    (path) => {
      expect(() => parsePattern(path)).toThrow("cannot use the rule");
    },
  );

  test("the one that says most is first", () => {
    const paths = ["/", "/a", "/a/{x}", "/a/b", "/a/{x}/c"].map(parsePattern);
    expect(paths.toSorted(compareUse).map((path) => path.map((part) => part ?? "*").join("/"))).toEqual([
      "a/*/c",
      "a/b",
      "a/*",
      "a",
      "",
    ]);
  });
});

test.each<[string, string, boolean]>([
  ["default/up", "default/up", true],
  ["default/up", "default/up/more", false],
  ["default/+/t", "default/a/t", true],
  ["default/+/t", "default/a/b/t", false],
  ["default/#", "default/a/b", true],
  ["default/#", "other/a", false],
  ["default/a/#", "default/a", true],
])("the filter %s and the topic %s: %p", (filter, topic, fits) => {
  expect(topicFits(filter, topic)).toBe(fits);
});
