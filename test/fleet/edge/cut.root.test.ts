import { expect } from "bun:test";
import { join } from "node:path";
import { needing } from "../../needs.ts";

const { test } = needing({ root: true, programs: ["ip", "nft"] });

function ip(...args: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["ip", ...args]);
  if (exitCode !== 0) throw new Error(stderr.toString());
}

test("packets that vanish without a word are noticed, and the link comes back when they do not", async () => {
  const name = `sampan-cut-${process.pid}`;
  ip("netns", "add", name);
  try {
    ip("-n", name, "link", "set", "lo", "up");
    const driver = ["ip", "netns", "exec", name, process.execPath, join(import.meta.dir, "_cut.ts")];
    const child = Bun.spawn(driver, { stdout: "pipe", stderr: "pipe" });
    const [out, told] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    expect(await child.exited).toBe(0);
    const { noticed, back } = JSON.parse(out) as { noticed: number; back: number };
    // TCP itself would take a quarter of an hour (tcp_retries2).
    expect(noticed).toBeLessThan(60_000);
    expect(back).toBeGreaterThan(0);
    expect(told).toContain("it answers no more");
  } finally {
    ip("netns", "del", name);
  }
});
