/** What a killed verb leaves finished and not published is what the next verb finds there: each must be able to go on from it. */
import { afterEach, beforeEach, expect } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pull } from "../../src/engine/images/pull.ts";
import { load } from "../../src/engine/images/load.ts";
import { save } from "../../src/engine/images/save.ts";
import { needing } from "../needs.ts";
import { openSmallEngine, type SmallEngine } from "../power-cut/_engine.ts";
import { image } from "../power-cut/_images.ts";
import { serve, type SmallRegistry } from "../power-cut/_registry.ts";
import { faults, treesOf, type Trees } from "../power-cut/_state.ts";

const { test } = needing({ root: true });
let scratch = "";
let registry: SmallRegistry;
const made = image(1);
const blobs = [made.manifest, made.config, ...made.layers];

beforeEach(async () => {
  scratch = mkdtempSync(join(tmpdir(), "sampan-leftovers-"));
  registry = await serve({ "app:1": made });
});
afterEach(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

async function engineIn(name: string): Promise<SmallEngine> {
  mkdirSync(join(scratch, name), { mode: 0o700 });
  return await openSmallEngine(join(scratch, name), "unprobed");
}

/** An archive of the image, and its trees. */
async function clean(): Promise<{ archive: Uint8Array; trees: Trees }> {
  await using engine = await engineIn("clean");
  await pull(engine, `${registry.host}/app:1`);
  const archive = Buffer.concat(await Array.fromAsync(save(engine, [`${registry.host}/app:1`])));
  return { archive, trees: treesOf(engine) };
}

const verbs = {
  pull: (engine: SmallEngine) => pull(engine, `${registry.host}/app:1`),
  load: (engine: SmallEngine, archive: Uint8Array) => load(engine, [archive]),
};

for (const [verb, act] of Object.entries(verbs))
  for (const left of ["finished", "half", "whole in length and wrong"] as const)
    test(`${verb} goes on from blobs that are ${left}`, async () => {
      const { archive, trees } = await clean();
      await using engine = await engineIn("root");
      for (const { descriptor, bytes } of blobs) {
        const ingest = await engine.content.ingest(descriptor);
        if (ingest === "present") throw new Error("it cannot be there");
        const part = bytes.subarray(0, left === "half" ? bytes.length / 2 : bytes.length);
        await ingest.write(left === "finished" || left === "half" ? part : part.map((byte) => byte ^ 1));
        if (left === "finished") await ingest.finish();
        await ingest[Symbol.asyncDispose]();
      }
      await act(engine, archive);
      expect(engine.images.list().map(({ id }) => id)).toEqual([made.config.descriptor.digest]);
      expect(await faults(engine, trees)).toEqual([]);
    });
