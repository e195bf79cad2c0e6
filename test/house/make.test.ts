import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";

const wanted = ["help", "setup", "ok", "test", "demo", "bench", "dist", "clean"];
const makefile = readFileSync("Makefile", "utf8");
const explained = [...makefile.matchAll(/^([a-z]+):.*## (.+)$/gm)].flatMap((match) => match[1] ?? []);

test("make help prints one line for each target that a person calls", () => {
  const done = Bun.spawnSync(["make", "--no-print-directory", "help"], {
    env: { ...process.env, MAKEFLAGS: "" },
  });
  const lines = done.stdout.toString().trimEnd().split("\n");
  expect(lines.map((line) => /^ {2}make ([a-z]+) {2,}\S/.exec(line)?.[1])).toEqual(explained);
  for (const target of wanted) expect(explained).toContain(target);
});

test("the pages name only targets that exist", () => {
  for (const page of ["README.md", "CONTRIBUTING.md", "docs/architecture.md"]) {
    const named = [...readFileSync(page, "utf8").matchAll(/(?:`|^ *)make ([a-z]+)/gm)].map(
      (match) => match[1],
    );
    expect(explained, page).toEqual(expect.arrayContaining(named));
  }
});

test("bun's own commands are not shadowed by a script of package.json", () => {
  const { scripts = {} } = JSON.parse(readFileSync("package.json", "utf8")) as {
    scripts?: Record<string, string>;
  };
  expect(Object.keys(scripts)).not.toContainAnyValues(["check", "fmt", "lint"]);
});
