import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Settling } from "./_settling.ts";

/** Syncs that wait to be let go. */
function counted() {
  const waiting: PromiseWithResolvers<void>[] = [];
  const sync = () => {
    const one = Promise.withResolvers<void>();
    waiting.push(one);
    return one.promise;
  };
  return { waiting, settling: new Settling("log", sync) };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test("those who ask at once share a sync, those who come while it is under way share the next", async () => {
  const { waiting, settling } = counted();
  const first = [settling.now(), settling.now()];
  await turn();
  const second = [settling.now(), settling.now()];
  await turn();
  expect(waiting).toHaveLength(1);
  waiting[0]?.resolve();
  await Promise.all(first);
  await turn();
  expect(waiting).toHaveLength(2);
  waiting[1]?.resolve();
  await Promise.all(second);
});

test("a sync that fails is told to those who wait for it, and to nobody who comes later", async () => {
  const { waiting, settling } = counted();
  const first = settling.now();
  await turn();
  const second = settling.now();
  waiting[0]?.reject(new Error("EIO"));
  expect(first).rejects.toThrow("EIO");
  await turn();
  waiting[1]?.resolve();
  await second;
});

test("a log that is not there has nothing to write, and one that is there is written", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sampan-settling-"));
  try {
    const log = join(folder, "log");
    await new Settling(log).now();
    writeFileSync(log, "x");
    await new Settling(log).now();
    expect(new Settling(folder + "/log/no").now()).rejects.toThrow("ENOTDIR");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
