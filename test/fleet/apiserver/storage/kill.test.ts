/** A writer is ended by SIGKILL at random moments, again and again on the same database: what it had acknowledged is there. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStorage } from "../../../../src/fleet/cloud/apiserver/storage/open.ts";
import { randomOf } from "./_random.ts";
import { fault, parse, type Said } from "./_said.ts";

const rounds = 6;
const program = join(import.meta.dir, "_writer.ts");

test("every acknowledged write outlives kill -9, and no revision comes twice", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sampan-objects-kill-"));
  try {
    const random = randomOf(5);
    const seen = new Map<number, Said>();
    for (let round = 1; round <= rounds; round++) {
      const said = parse(await killedAfter(folder, { seed: round, bytes: 200 + random(12_000) }));
      expect(said.length).toBeGreaterThan(0);
      for (const each of said) {
        expect(seen.get(each.revision), `revision ${each.revision} came twice`).toBeUndefined();
        seen.set(each.revision, each);
      }
      await using storage = openStorage({ folder });
      expect(fault(storage, [...seen.values()])).toBeUndefined();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** The writer's words; it is ended when it has said so much. */
async function killedAfter(
  folder: string,
  { seed, bytes }: { seed: number; bytes: number },
): Promise<string> {
  await using writer = Bun.spawn([process.execPath, program, "without end", folder, String(seed)], {
    stdout: "pipe",
    stderr: "inherit",
  });
  let output = "";
  const decoder = new TextDecoder();
  for await (const chunk of writer.stdout) {
    output += decoder.decode(chunk, { stream: true });
    // Its own first words, too: what follows them is in no one's hands.
    if (output.length > bytes) writer.kill("SIGKILL");
  }
  await writer.exited;
  return output;
}
