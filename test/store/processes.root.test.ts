// deadline: 240 s
/** Several processes on one data root, and processes that are ended in the middle. */
import { describe, expect, setDefaultTimeout } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "../../src/spec/image/digest.ts";
import { needing } from "../needs.ts";
import { big, bytesOf } from "./_child.ts";
import { newRoot } from "./_roots.ts";
import { expectWhole, openParts } from "./_whole.ts";

setDefaultTimeout(110_000);
const { test } = needing({ root: true });
const straced = needing({ root: true, programs: ["strace"] });
const child = join(import.meta.dir, "_child.ts");

const start = (...words: string[]) =>
  Bun.spawn([process.execPath, child, ...words], { stdout: "pipe", stderr: "pipe" });

async function firstWord(stream: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stream.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return new TextDecoder().decode(value).trim();
}

describe("processes", () => {
  test("that begin a data root at the same time all find it whole", async () => {
    for (let turn = 0; turn < 3; turn++) {
      using root = newRoot();
      const path = join(root.path, "data");
      const children = Array.from({ length: 6 }, () => start("open", path));
      for (const one of children) {
        expect(await new Response(one.stderr).text()).toBe("");
        expect(await firstWord(one.stdout)).toBe("1");
        expect(await one.exited).toBe(0);
      }
    }
  });
  test("ended while they write leave a beginning that the next one goes on from", async () => {
    using root = newRoot();
    const one = start("half", root.path);
    expect(await firstWord(one.stdout)).toBe("half");
    one.kill("SIGKILL");
    await one.exited;
    using parts = openParts(root.path);
    const digest = digestOf(big);
    const begun = await parts.content.ingest({ digest, size: big.length });
    if (begun === "present") throw new Error("present");
    {
      await using growing = begun;
      expect(growing.written).toBe(big.length / 2);
      await growing.write(big.subarray(growing.written));
      await growing.finish();
    }
    await parts.content.publish([digest]);
    expect(await parts.content.verify(digest)).toBe("whole");
  });
  test("wait for the writer of a blob, whose end, however it comes, lets them on", async () => {
    using root = newRoot();
    const one = start("half", root.path);
    await firstWord(one.stdout);
    using parts = openParts(root.path);
    const waiting = parts.content.ingest({ digest: digestOf(big), size: big.length });
    expect(parts.leases.list()).toEqual([]);
    expect(
      await Promise.race([waiting.then(() => "went on"), new Promise((done) => setImmediate(done, "waits"))]),
    ).toBe("waits");
    one.kill("SIGKILL");
    const begun = await waiting;
    if (begun === "present") throw new Error("nobody finished it");
    await begun[Symbol.asyncDispose]();
  });
  test("that pull, remove and collect at once never lose what they hold", async () => {
    using root = newRoot();
    const children = [1, 2, 3, 4].map((seed) => start("churn", root.path, String(seed)));
    for (const one of children) {
      expect(await new Response(one.stderr).text()).toBe("");
      expect(await one.exited).toBe(0);
    }
    await expectWhole(root.path);
  });
  test("ended at any moment of that leave a store that is whole", async () => {
    using root = newRoot();
    for (let turn = 0; turn < 8; turn++) {
      const children = [1, 2, 3].map((seed) => start("churn", root.path, String(turn * 10 + seed)));
      // The database is written all the time: after so many changes of its log the first is ended, and so on.
      const log = join(root.path, "sampan.db-wal");
      for (const [index, one] of children.entries()) {
        const before = sizeOf(log);
        while (one.exitCode === null && sizeOf(log) < before + (index + turn) * 8192) await Bun.sleep(1);
        one.kill("SIGKILL");
        await one.exited;
      }
      await expectWhole(root.path);
    }
  });
});

function sizeOf(path: string): number {
  try {
    return readFileSync(path).length;
  } catch {
    return 0;
  }
}

/** The child is ended when it makes the Nth of these calls on one of these paths, before the call does anything. */
interface Cut {
  readonly calls: string;
  readonly paths: readonly string[];
  readonly at: number;
}

function cut(verb: string, root: string, { calls, paths, at }: Cut): "cut" | "ended" {
  const trace = ["-f", "-qq", "-o", "/dev/null", "-e", `trace=${calls}`];
  const places = paths.flatMap((path) => ["-P", join(root, path)]);
  const inject = ["-e", `inject=${calls}:signal=SIGKILL:when=${at}`];
  const command = ["strace", ...trace, ...places, ...inject, process.execPath, child, verb, root];
  const { exitCode, signalCode, stderr } = Bun.spawnSync(command);
  if (signalCode === "SIGKILL" || exitCode === 137) return "cut";
  expect(stderr.toString()).toBe("");
  return "ended";
}

const blobOf = (number: number) => `content/blobs/${digestOf(bytesOf(number)).replace(":", "/")}`;
const ingestOf = (number: number) => `content/ingest/${digestOf(bytesOf(number)).replace(":", "-")}`;
const log = "sampan.db-wal";

/**
 * Older calls are not on every architecture: `?` lets strace pass over them.
 * strace counts for each thread, so a step is named by its call and its path: each comes once. The log is written by one thread alone.
 */
const publishing: readonly Cut[] = [
  ...["content", "content/blobs", "content/ingest", "content/blobs/sha256"].map((path) => [
    "?mkdir,mkdirat",
    path,
  ]),
  ...["", "content", "content/blobs", "content/blobs/sha256"].map((path) => ["fsync", path]),
  ...[1, 3].flatMap((number) =>
    ["pwrite64", "fdatasync", "fchmod", "?link,linkat", "?unlink,unlinkat"].map((call) => [
      call,
      ingestOf(number),
    ]),
  ),
]
  .map(([calls = "", path = ""]) => ({ calls, paths: [path], at: 1 }))
  .concat([1, 2, 3, 4, 5, 6].map((at) => ({ calls: "fsync,fdatasync", paths: [log], at })));

describe("a process ended at each of its steps", () => {
  straced.test.each(
    publishing.map((step) => [step.calls, step.paths[0]?.slice(0, 36) || "the root", step.at, step] as const),
  )(
    "while it publishes (%s of %s, %i): each blob is whole or absent, and the next try works",
    async (_calls, _path, _at, step) => {
      using root = newRoot();
      openParts(root.path)[Symbol.dispose]();
      rmSync(join(root.path, "snapshots"), { recursive: true });
      expect(cut("publish", root.path, step)).toBe("cut");
      {
        using parts = openParts(root.path);
        const images = parts.store.db.query("SELECT target FROM images").all();
        expect(images.length === 0 || images.length === 2).toBe(true);
        for (const { digest } of parts.content.list())
          expect(await parts.content.verify(digest)).toBe("whole");
      }
      expect(Bun.spawnSync([process.execPath, child, "publish", root.path]).exitCode).toBe(0);
      await expectWhole(root.path);
      using parts = openParts(root.path);
      expect(parts.content.list()).toHaveLength(2);
    },
  );
  straced.test("while it collects: the next collection takes the rest", async () => {
    let steps = 0;
    for (let at = 1, result = "cut"; result === "cut"; at++) {
      using root = newRoot();
      {
        using parts = openParts(root.path);
        for (const number of [1, 2, 3]) await parts.content.write(bytesOf(number));
        parts.store.db.query("INSERT INTO images VALUES (?, 'm', 1, 1, 1)").run(digestOf(bytesOf(3)));
      }
      result = cut("collect", root.path, {
        calls: "?unlink,unlinkat,fsync,fdatasync",
        paths: [log, blobOf(1), blobOf(2)],
        at,
      });
      steps = at;
      await expectWhole(root.path);
      using parts = openParts(root.path);
      expect(parts.content.list().map(({ digest }) => digest)).toEqual([digestOf(bytesOf(3))]);
    }
    expect(steps).toBeGreaterThan(4);
  });
});
