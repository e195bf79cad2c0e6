import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { openMeta } from "../../../src/fleet/edge/meta/open.ts";
import { fakeLink } from "./fake-link.ts";

const base = mkdtempSync(join(tmpdir(), "sampan-kill-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** Kills the writer after it has said so many; gives the last that it said. */
async function writeAndKill(root: string, after: number): Promise<number> {
  const driver = join(import.meta.dir, "_writer.ts");
  const child = Bun.spawn([process.execPath, driver, root], { stdout: "pipe", stderr: "inherit" });
  let text = "";
  let isKilled = false;
  for await (const chunk of child.stdout) {
    text += Buffer.from(chunk).toString();
    if (isKilled || text.split("\n").length <= after) continue;
    isKilled = true;
    child.kill("SIGKILL");
  }
  await child.exited;
  return Number(text.split("\n").at(-2));
}

test("what was acknowledged is there after kill -9 at any moment, again and again", async () => {
  const root = mkdtempSync(join(base, "root-"));
  const { signal } = new AbortController();
  for (const after of [1, 5, 23, 57]) {
    const last = await writeAndKill(root, after);
    expect(last).toBeGreaterThanOrEqual(after);
    const lines: string[] = [];
    await using meta = await openMeta({
      root,
      link: fakeLink(),
      clock: systemClock(),
      log: (text) => lines.push(text),
      signal,
    });
    const versions = meta.list("pod").map(({ metadata }) => Number(metadata.resourceVersion));
    // The one after the last may be there too: killed between the disk and the word.
    expect(Math.max(...versions)).toBeGreaterThanOrEqual(last);
    for (let version = Math.max(1, last - 6); version <= last; version++)
      expect(versions.some((each) => each >= version && each % 7 === version % 7)).toBe(true);
    expect(lines).toEqual([]);
    for (const { metadata } of meta.list("pod"))
      await meta.forget({ type: "pod", namespace: "default", name: metadata.name ?? "" });
  }
});
