import { expect, test } from "bun:test";
import { parseFlags } from "./flags.ts";
import { distance, nearest } from "./nearest.ts";

const table = {
  all: { kind: "yes", short: "a", help: "" },
  quiet: { kind: "yes", short: "q", help: "" },
  trust: { kind: "yes", preset: true, help: "" },
  filter: { kind: "list", short: "f", help: "" },
  name: { kind: "text", short: "n", help: "" },
  pull: { kind: "text", among: ["always", "never"], help: "" },
  memory: { kind: "bytes", short: "m", help: "" },
  cpus: { kind: "number", help: "" },
  detach: { kind: "yes", short: "d", help: "", absent: "there is no background" },
} as const;

const parse = (...args: string[]) => parseFlags(table, args);

test("long, short, joined and clustered flags mean the same", () => {
  expect(parse("--all", "--name", "x").flags).toMatchObject({ all: true, name: "x" });
  expect(parse("-aqn", "x").flags).toMatchObject({ all: true, quiet: true, name: "x" });
  expect(parse("-nx").flags.name).toBe("x");
  expect(parse("-n=x").flags.name).toBe("x");
  expect(parse("--name=a=b").flags.name).toBe("a=b");
});

test("flags may follow words, unless the command takes another one's", () => {
  expect(parse("w", "-a", "v")).toMatchObject({ flags: { all: true }, words: ["w", "v"] });
  expect(parseFlags(table, ["-a", "w", "-q", "--zzz", "--"], { flagsFirst: true })).toMatchObject({
    flags: { all: true, quiet: false },
    words: ["w", "-q", "--zzz", "--"],
  });
});

test("after -- all are words; a single - is one", () => {
  expect(parse("-a", "--", "-q", "-").words).toEqual(["-q", "-"]);
});

test("a yes may be set to false, a preset one too", () => {
  expect(parse("--all=false", "--trust=0").flags).toMatchObject({ all: false, trust: false });
  expect(parse().flags).toMatchObject({ all: false, trust: true, filter: [] });
  expect(() => parse("--all=maybe")).toThrow('invalid argument "maybe" for --all: wanted true or false');
});

test("a list keeps all, a text the last one", () => {
  expect(parse("-f", "a=1", "--filter=b=2", "-n", "1", "-n", "2").flags).toMatchObject({
    filter: ["a=1", "b=2"],
    name: "2",
  });
});

test("sizes, numbers and closed sets are checked", () => {
  expect(parse("-m", "64m", "--cpus", "1.5", "--pull", "never").flags).toMatchObject({
    memory: 2 ** 26,
    cpus: 1.5,
    pull: "never",
  });
  expect(() => parse("-m", "lots")).toThrow('invalid argument "lots" for -m: wanted a size');
  expect(() => parse("--cpus", "x")).toThrow("wanted a number");
  expect(() => parse("--cpus=")).toThrow("wanted a number");
  expect(() => parse("--pull", "often")).toThrow("wanted always, never");
});

test("what is unknown, absent or without its value is refused by name", () => {
  expect(() => parse("--al")).toThrow("unknown flag: --al; did you mean --all?");
  expect(() => parse("-z")).toThrow("unknown shorthand flag: -z");
  expect(() => parse("-d")).toThrow("cannot use -d: there is no background");
  expect(() => parse("--name")).toThrow("flag needs an argument: --name");
  expect(() => parse("--constructor")).toThrow("unknown flag");
});

test("the nearest word is near: swaps and beginnings count, other words do not", () => {
  expect(distance("psuh", "push")).toBe(1);
  expect(nearest("psuh", ["pull", "push"])).toBe("push");
  expect(nearest("hist", ["images", "history"])).toBe("history");
  expect(nearest("qqqq", ["pull", "push"])).toBeUndefined();
});
