import { expect, test } from "bun:test";
import { parseChallenges } from "./_challenge.ts";

function read(header: string) {
  return parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
}

test.each([
  ["", []],
  ["Basic", [["basic", {}]]],
  ['Basic realm="a b"', [["basic", { realm: "a b" }]]],
  [
    'Bearer realm="https://a/t",service="s",scope="repository:a:pull,push"',
    [["bearer", { realm: "https://a/t", service: "s", scope: "repository:a:pull,push" }]],
  ],
  ['BEARER Realm=x , Service = "y"', [["bearer", { realm: "x", service: "y" }]]],
  [
    'Bearer realm="x", Basic realm="y"',
    [
      ["bearer", { realm: "x" }],
      ["basic", { realm: "y" }],
    ],
  ],
  [
    'Negotiate, Basic realm="y"',
    [
      ["negotiate", {}],
      ["basic", { realm: "y" }],
    ],
  ],
  [
    'Negotiate abc+/==, Basic realm="y"',
    [
      ["negotiate", {}],
      ["basic", { realm: "y" }],
    ],
  ],
  ['Bearer realm="a\\"b\\\\c"', [["bearer", { realm: 'a"b\\c' }]]],
  ['Bearer realm="first",realm="second"', [["bearer", { realm: "first" }]]],
  [', ,Basic realm="x",,', [["basic", { realm: "x" }]]],
  ['Bearer realm="never ends', [["bearer", {}]]],
  ["=", []],
] as [string, unknown][])("%j is read", (header, expected) => {
  expect<unknown>(read(header)).toEqual(expected);
});

test("no header stops or slows the reader", () => {
  const pieces = ["Bearer", "Basic", " ", ",", "=", '"', "\\", "realm", "a", "\t", "é", "==", 'x="y"'];
  let state = 7;
  const next = (bound: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * bound);
  };
  for (let round = 0; round < 20_000; round++) {
    const header = Array.from({ length: next(14) }, () => pieces[next(pieces.length)]).join("");
    for (const { scheme } of parseChallenges(header)) expect(scheme).toMatch(/^[^\s,="]+$/);
  }
  for (const piece of pieces) parseChallenges(piece.repeat(100_000));
});
