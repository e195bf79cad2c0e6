import { describe, expect, test } from "bun:test";
import { parseFlags } from "./flags.ts";

const table = {
  bundle: { kind: "text", short: "b", help: "" },
  env: { kind: "list", short: "e", help: "" },
  detach: { kind: "yes", short: "d", help: "" },
  count: { kind: "number", help: "" },
} as const;

describe("parseFlags", () => {
  test.each([[["--bundle", "x"]], [["--bundle=x"]], [["-bundle", "x"]], [["-b", "x"]], [["-b=x"]]])(
    "%j gives the bundle",
    (args) => {
      expect(parseFlags(table, args).flags.bundle).toBe("x");
    },
  );

  test("flags end at the first word, and what follows is left alone", () => {
    const { flags, words } = parseFlags(table, ["-d", "id", "ls", "-d", "--bundle", "x"]);
    expect(flags).toEqual({ detach: true, env: [] } as never);
    expect(words).toEqual(["id", "ls", "-d", "--bundle", "x"]);
  });

  test("-- ends the flags too, and a lone - is a word", () => {
    expect(parseFlags(table, ["-d", "--", "-d"])).toMatchObject({ flags: { detach: true }, words: ["-d"] });
    expect(parseFlags(table, ["-", "x"]).words).toEqual(["-", "x"]);
  });

  test("lists keep their order; values may hold = and be empty", () => {
    expect(parseFlags(table, ["-e", "A=1", "--env", "B=x=y", "--env="]).flags.env).toEqual([
      "A=1",
      "B=x=y",
      "",
    ]);
  });

  test.each([
    ["--detach=false", false],
    ["--detach=0", false],
    ["--detach=true", true],
    ["--detach", true],
  ])("%s is %p", (arg, wanted) => {
    expect(parseFlags(table, [arg]).flags.detach).toBe(wanted);
  });

  test("a value may begin with a dash", () => {
    expect(parseFlags(table, ["--count", "-1"]).flags.count).toBe(-1);
  });

  test.each([
    [["--nothing"], "flag provided but not defined: -nothing"],
    [["--toString"], "flag provided but not defined: -toString"],
    [["--bundle"], "flag needs an argument: --bundle"],
    [["--count", "x"], 'invalid value "x" for flag -count: not a whole number'],
    [["--count", ""], 'invalid value "" for flag -count: not a whole number'],
    [["--count", "1.5"], "not a whole number"],
  ])("refuses %j", (args, message) => {
    expect(() => parseFlags(table, args)).toThrow(message);
  });
});
