import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { breaches, importsOf, layers, type SourceFile } from "./_imports.ts";
import manifest from "../../package.json" with { type: "json" };

const sources: SourceFile[] = [...new Bun.Glob("src/**/*.ts").scanSync(".")]
  .toSorted()
  .map((path) => ({ path, text: readFileSync(path, "utf8") }));

test("every import in src is one that the table allows", () => {
  expect(sources.length).toBeGreaterThan(0);
  const dependencies = Object.keys((manifest as { dependencies?: object }).dependencies ?? {});
  expect(breaches(sources, dependencies)).toEqual([]);
});

test("the table in docs/architecture.md and the table of this test are the same", () => {
  const text = readFileSync("docs/architecture.md", "utf8");
  const section = text.slice(text.indexOf("## Who may import whom"));
  for (const { folder } of layers) {
    const shown = folder.startsWith("api/") ? "api/*" : folder;
    const row = new RegExp(`^\\|[^|]*\\b${shown.replaceAll("*", "\\*")}[^|]*\\|`, "m");
    expect(section, `no row for ${shown}`).toMatch(row);
  }
});

const refused: readonly [rule: string, path: string, text: string][] = [
  ["an upward import", "src/base/x.ts", `import { a } from "../spec/a.ts";`],
  ["an upward import only for a type", "src/base/x.ts", `import type { A } from "../spec/a.ts";`],
  ["an upward re-export", "src/kernel/x.ts", `export * from "../runtime/a.ts";`],
  ["an upward dynamic import", "src/spec/x.ts", `const a = await import("../kernel/a.ts");`],
  ["an upward import in a type", "src/spec/x.ts", `type A = import("../kernel/a.ts").A;`],
  ["an import over several lines", "src/spec/x.ts", `import {\n  a,\n  b,\n} from "../kernel/a.ts";`],
  ["an import for its side effect", "src/spec/x.ts", `import "../kernel/a.ts";`],
  ["a computed import", "src/bin/x.ts", "const a = await import(name);"],
  ["one interface importing another", "src/api/cri/x.ts", `import { a } from "../docker/a.ts";`],
  ["more of runtime than its contract in the engine", "src/engine/x.ts", `import "../runtime/native/a.ts";`],
  ["the cloud importing the edge", "src/fleet/cloud/x.ts", `import { a } from "../edge/a.ts";`],
  ["an import of bin", "src/cli/x.ts", `import { a } from "../bin/sampan.ts";`],
  ["a private file of another folder", "src/spec/a/x.ts", `import { a } from "../b/_a.ts";`],
  ["bun:ffi outside of kernel", "src/runtime/x.ts", `import { dlopen } from "bun:ffi";`],
  ["bun:test outside of tests", "src/runtime/x.ts", `import { test } from "bun:test";`],
  ["a package that is not a dependency", "src/wire/x.ts", `import { a } from "left-pad";`],
  ["a test's file in the program", "src/spec/x.ts", `import { a } from "../../test/a.ts";`],
  ["the launcher in an interface", "src/api/oci/x.ts", `import p from "#launcher" with { type: "file" };`],
  ["a drawer", "src/base/utils/x.ts", ""],
  ["a folder that the table does not have", "src/stuff/x.ts", ""],
];

test.each(refused.map(([rule, path, text]) => ({ rule, path, text })))("$rule is refused", (planted) => {
  expect(breaches([planted])).toHaveLength(1);
});

test("what the table allows is not refused", () => {
  const files = [
    { path: "src/runtime/native/x.ts", text: `import { a } from "../../kernel/a.ts"; import "./_b.ts";` },
    { path: "src/engine/x.ts", text: `import type { Runtime } from "../runtime/runtime.ts";` },
    { path: "src/kernel/libc.ts", text: `import { dlopen } from "bun:ffi";` },
    { path: "src/wire/x.ts", text: `import { a } from "@scope/a/deep"; import { b } from "node:fs";` },
    {
      path: "src/spec/x.test.ts",
      text: `import { test } from "bun:test"; import { f } from "../../test/f.ts";`,
    },
    { path: "src/bin/sampan.ts", text: `const { main } = await import("../api/oci/main.ts");` },
  ];
  expect(breaches(files, ["@scope/a"])).toEqual([]);
});

test("an import in a comment is none", () => {
  expect(importsOf(`/* import "a" */\n// import "b"\n * see import("c")`)).toEqual(["c"]);
  expect(importsOf(`/**\n * see import("c")\n */`)).toEqual([]);
});
