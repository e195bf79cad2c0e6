import { expect, test } from "bun:test";

test("launcher/operations.h is what the operations table says", () => {
  const done = Bun.spawnSync([process.execPath, "tools/gen-operations.ts", "--check"]);
  expect(done.stderr.toString()).toBe("");
  expect(done.exitCode).toBe(0);
});
