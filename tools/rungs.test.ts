import { expect, test } from "bun:test";
import { deadlineOf, filesOf, rungOf } from "./_rungs.ts";
import { run } from "./_run.ts";

test("a file's name picks its rung", () => {
  expect(rungOf("src/a/x.test.ts")?.name).toBe("pure");
  expect(rungOf("src/a/x.root.test.ts")?.name).toBe("root");
  expect(rungOf("test/x.vm.test.ts")?.name).toBe("vm");
  expect(rungOf("src/a/x.ts")).toBeUndefined();
});

test("this file is found as a pure one", () => {
  expect(filesOf("pure")).toContain("tools/rungs.test.ts");
  expect(filesOf("root")).not.toContain("tools/rungs.test.ts");
});

test("a file may ask for a longer deadline", () => {
  expect(deadlineOf("// deadline: 900 s\n", 300)).toBe(900);
  expect(deadlineOf("const deadline = 900;\n", 300)).toBe(300);
});

test("a command's output and its status are kept", async () => {
  const ran = await run(["sh", "-c", "echo out; echo err >&2; exit 3"], { deadlineSeconds: 60 });
  expect(ran.ok).toBe(false);
  expect(ran.output).toContain("out\n");
  expect(ran.output).toContain("err\n");
});

test("a command past its deadline is ended with its children, and says so", async () => {
  const ran = await run(["sh", "-c", "sleep 1000 & echo begun; wait"], { deadlineSeconds: 0.2 });
  expect(ran).toMatchObject({ ok: false, output: "begun\n", reason: "still running after 0.2 s" });
});

test("a command that does not exist is a failed run", async () => {
  const ran = await run(["/does/not/exist"], { deadlineSeconds: 60 });
  expect(ran.ok).toBe(false);
  expect(ran.reason).toContain("/does/not/exist");
});
