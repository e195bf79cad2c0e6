import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tryRangeLock } from "./range-lock.ts";

test("one holder a name, in this process and in another; a killed one lets go", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sampan-lock-"));
  const path = join(folder, "locks");
  const program = `import { tryRangeLock } from ${JSON.stringify(join(import.meta.dir, "range-lock.ts"))};
    const lock = tryRangeLock(${JSON.stringify(path)}, "theirs");
    console.log(lock ? "held" : "refused");
    await Bun.stdin.text();`;
  await using other = Bun.spawn([process.execPath, "-e", program], { stdin: "pipe", stdout: "pipe" });
  try {
    const { value } = await other.stdout.getReader().read();
    expect(new TextDecoder().decode(value)).toBe("held\n");
    expect(tryRangeLock(path, "theirs")).toBeUndefined();
    const ours = tryRangeLock(path, "ours");
    expect(ours).toBeDefined();
    expect(tryRangeLock(path, "ours")).toBeUndefined();
    ours?.[Symbol.dispose]();
    tryRangeLock(path, "ours")?.[Symbol.dispose]();
    other.kill("SIGKILL");
    await other.exited;
    const freed = tryRangeLock(path, "theirs");
    expect(freed).toBeDefined();
    freed?.[Symbol.dispose]();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
