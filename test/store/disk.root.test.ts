/** A disk that is full, one that cannot be written, and a process without descriptors: clear errors, and the next try works. */
import { describe, expect } from "bun:test";
import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../src/base/errors.ts";
import { openStore } from "../../src/engine/store/open.ts";
import type { Content, Ingest } from "../../src/engine/content/content.ts";
import { digestOf, type Digest } from "../../src/spec/image/digest.ts";
import { needing } from "../needs.ts";
import { newRoot } from "./_roots.ts";
import { expectWhole, openParts } from "./_whole.ts";

const { test } = needing({ root: true, programs: ["mount", "umount"] });
const limited = needing({ root: true, programs: ["prlimit"] });

function run(...command: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
}

/** A file system of its own, of so many bytes. */
function smallDisk(bytes: number) {
  const root = newRoot();
  const path = join(root.path, "disk");
  mkdirSync(path, { mode: 0o700 });
  run("mount", "-t", "tmpfs", "-o", `size=${bytes},mode=700`, "tmpfs", path);
  return {
    path,
    [Symbol.dispose]: () => {
      run("umount", path);
      root[Symbol.dispose]();
    },
  };
}

async function begin(content: Content, digest: Digest, size: number): Promise<Ingest> {
  const ingest = await content.ingest({ digest, size });
  if (ingest === "present") throw new Error("it is present");
  return ingest;
}

const errorOf = (doing: Promise<unknown>) =>
  doing.then(
    () => undefined,
    (error: unknown) => SampanError.from(error),
  );

describe("a full disk", () => {
  test("ends a download with a clear error, keeps what came, and lets the next try go on", async () => {
    using disk = smallDisk(4 << 20);
    const bytes = new Uint8Array(3 << 20).fill(7);
    const digest = digestOf(bytes);
    const filler = join(disk.path, "filler");
    let written = 0;
    {
      using parts = openParts(disk.path);
      await parts.content.write(new Uint8Array(10));
      writeFileSync(filler, new Uint8Array(2 << 20));
      {
        await using growing = await begin(parts.content, digest, bytes.length);
        let error: SampanError | undefined;
        for (let at = 0; at < bytes.length && !error; at += 65536)
          error = await errorOf(growing.write(bytes.subarray(at, at + 65536)));
        expect(error?.code).toBe("resource_exhausted");
        expect(error?.message).toBe(`cannot write blob "${digest}": no space left on device`);
        expect(statSync(growing.path).size).toBe(growing.written);
        expect(growing.written).toBeGreaterThan(1 << 20);
        written = growing.written;
      }
      rmSync(filler);
      {
        await using again = await begin(parts.content, digest, bytes.length);
        expect(again.written).toBe(written);
        await again.write(bytes.subarray(written));
        await again.finish();
      }
      await parts.content.publish([digest]);
      expect(await parts.content.verify(digest)).toBe("whole");
    }
    await expectWhole(disk.path);
  });
  test("refuses a change of rows, and leaves the rows as they were", async () => {
    using disk = smallDisk(1 << 20);
    const filler = join(disk.path, "filler");
    {
      using parts = openParts(disk.path);
      const { digest } = await parts.content.write(new Uint8Array(10));
      const grow = () =>
        parts.store.transaction(() => {
          for (let i = 0; i < 3000; i++) parts.content.addSource(digest, `${i} ${"x".repeat(900)}`);
        });
      let refused: unknown;
      try {
        grow();
      } catch (error) {
        refused = error;
      }
      expect(SampanError.from(refused).code).toBe("resource_exhausted");
      expect(SampanError.from(refused).message).toContain(
        `cannot use database "${disk.path}/sampan.db": no space left`,
      );
      expect(parts.content.sources(digest)).toEqual([]);
      rmSync(filler, { force: true });
      expect(await parts.content.verify(digest)).toBe("whole");
      parts.content.addSource(digest, "docker.io/library/alpine");
      expect(parts.content.sources(digest)).toHaveLength(1);
    }
    await expectWhole(disk.path);
  });
  test("refuses to make a data root, in words, and makes it when there is room", () => {
    using disk = smallDisk(64 << 10);
    const filler = join(disk.path, "filler");
    const root = join(disk.path, "root");
    try {
      writeFileSync(filler, new Uint8Array(64 << 10));
    } catch {
      // It takes as much as there is.
    }
    expect(() => openStore(root)).toThrow(/no space left on device/);
    rmSync(filler);
    run("mount", "-o", "remount,size=4m", disk.path);
    openStore(root)[Symbol.dispose]();
  });
});

describe("a disk that cannot be written", () => {
  test("is named, whether the data root is there or not", () => {
    using disk = smallDisk(4 << 20);
    const root = join(disk.path, "root");
    openStore(root)[Symbol.dispose]();
    run("mount", "-o", "remount,ro", disk.path);
    const refusals = [root, join(disk.path, "other")].map((path) => {
      try {
        openStore(path)[Symbol.dispose]();
        return undefined;
      } catch (error) {
        return SampanError.from(error);
      }
    });
    expect(refusals.map((error) => error?.code)).toEqual(["failed_precondition", "failed_precondition"]);
    expect(refusals[0]?.message).toContain(`cannot use database "${root}/sampan.db": `);
    expect(refusals[1]?.message).toContain("read-only file system");
  });
});

describe("a process without descriptors", () => {
  limited.test("says so, and damages nothing", async () => {
    using root = newRoot();
    const program = `
      import { openSync } from "node:fs";
      import { openParts } from "${import.meta.dir}/_whole.ts";
      import type { Content, Ingest } from "../../src/engine/content/content.ts";
import { digestOf, type Digest } from "${import.meta.dir}/../../src/spec/image/digest.ts";
      using parts = openParts(${JSON.stringify(root.path)});
      const blob = await parts.content.write(new Uint8Array(10));
      try { for (;;) openSync("/dev/null"); } catch {}
      const codes = [];
      for (const doing of [() => parts.content.read(blob.digest), () => parts.content.verify(blob.digest), () => parts.content.ingest({ digest: digestOf("x") })])
        codes.push(await doing().then(() => "done", (error) => error.code + ": " + error.message));
      console.log(codes.join("\\n"));
      console.log(parts.content.stat(blob.digest) !== undefined);`;
    const file = join(root.path, "..", `${root.path.split("/").at(-1)}.ts`);
    writeFileSync(file, program);
    try {
      const { stdout, stderr } = Bun.spawnSync(["prlimit", "--nofile=200", process.execPath, file]);
      expect(stderr.toString()).toBe("");
      const lines = stdout.toString().trim().split("\n");
      expect(lines).toHaveLength(4);
      for (const line of lines.slice(0, 3))
        expect(line).toMatch(/^resource_exhausted: cannot .*too many open files$/);
      expect(lines[3]).toBe("true");
    } finally {
      rmSync(file);
    }
    await expectWhole(root.path);
  });
});
