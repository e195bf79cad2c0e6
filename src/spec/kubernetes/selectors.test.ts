import { expect, test } from "bun:test";
import { parseFieldSelector, parseLabelSelector } from "./selectors.ts";

const labels = { app: "web", tier: "front", "example.com/size": "7", empty: "" };

const matching: readonly (readonly [selector: string, matches: boolean])[] = [
  ["app=web", true],
  ["app==web", true],
  ["app = web , tier=front", true],
  ["app=db", false],
  ["app!=db", true],
  ["app!=web", false],
  ["missing!=x", true],
  ["missing=", false],
  ["empty=", true],
  ["empty", true],
  ["app", true],
  ["!app", false],
  ["!missing", true],
  ["! missing", true],
  ["app in (web, db)", true],
  ["app in (db)", false],
  ["missing in (db)", false],
  ["app notin (db)", true],
  ["app notin (web,db)", false],
  ["missing notin (db)", true],
  ["empty in (,a)", true],
  ["example.com/size>6", true],
  ["example.com/size > 7", false],
  ["example.com/size<8", true],
  ["app>1", false],
  ["app in (web),tier notin (back),!missing,example.com/size", true],
  ["in=x", false],
  ["constructor", false],
  ["", true],
];

test.each(matching)("labels and the selector %p: %p", (selector, matches) => {
  expect(parseLabelSelector(selector).matches(labels)).toBe(matches);
});

const refused = [
  "a==b=c",
  "app in web",
  "app in (web",
  "=x",
  "app=x y",
  ",",
  "app=web,",
  "a b",
  "-app=x",
  "app=-x",
  "a/b/c",
  "app>x",
  "app in (a b)",
  "x".repeat(70),
];

test.each(refused)("%p is no label selector", (selector) => {
  expect(() => parseLabelSelector(selector)).toThrow("unable to parse requirement");
});

test("no labels are matched as none", () => {
  expect(parseLabelSelector("!a").matches(undefined)).toBe(true);
  expect(parseLabelSelector("a").matches(undefined)).toBe(false);
});

const fields = { "metadata.name": "a", "spec.nodeName": "", "data.x": "a,b=c\\d" };

const ofFields: readonly (readonly [selector: string, matches: boolean])[] = [
  ["metadata.name=a", true],
  ["metadata.name==a", true],
  ["metadata.name!=a", false],
  ["spec.nodeName=", true],
  ["spec.nodeName!=,metadata.name=a", false],
  ["data.x=a\\,b\\=c\\\\d", true],
  ["", true],
];

test.each(ofFields)("fields and the selector %p: %p", (selector, matches) => {
  expect(parseFieldSelector(selector).matches(fields)).toBe(matches);
});

test.each(["metadata.name", "=a", "a=b=c", "a in (b)"])("%p is no field selector", (selector) => {
  expect(() => parseFieldSelector(selector)).toThrow("invalid selector");
});
