import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SampanError } from "../../base/errors.ts";
import { digestOf } from "../../spec/image/digest.ts";
import { openStore } from "../store/open.ts";
import { openIngest } from "./_files.ts";
import { contentSuite } from "./content.suite.ts";
import { openContent } from "./open.ts";
import { blobPath, ingestPath } from "./paths.ts";

const codeOf = (doing: Promise<unknown>) =>
  doing.then(
    () => "done",
    (error: SampanError) => error.code,
  );
const durability = { sync: () => Promise.resolve() };

function make() {
  const root = mkdtempSync(join(tmpdir(), "sampan-content-"));
  const stores = [openStore(root)];
  const first = stores[0] ?? openStore(root);
  return {
    root,
    store: first,
    content: openContent(first, durability),
    again: () => {
      const store = openStore(root);
      stores.push(store);
      return openContent(store, durability);
    },
    [Symbol.asyncDispose]: () => {
      for (const store of stores) store[Symbol.dispose]();
      rmSync(root, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
}

contentSuite("files", () => Promise.resolve(make()));

describe("files: content", () => {
  const digest = digestOf("hello world");
  const hello = new TextEncoder().encode("hello world");

  test("a finished file that another publishes in that moment is begun anew", async () => {
    await using under = make();
    const path = join(under.root, "ingest");
    const publishing = `const { writeFileSync, renameSync } = require("node:fs");
      for (;;) { writeFileSync(${JSON.stringify(path)}, "", { mode: 0o400 }); renameSync(${JSON.stringify(path)}, ${JSON.stringify(`${path}.published`)}); }`;
    const other = Bun.spawn([process.execPath, "-e", publishing], { stdio: ["ignore", "ignore", "inherit"] });
    try {
      for (let round = 0; round < 2000; round++) {
        const handle = await openIngest(path).catch((error: unknown) => error as NodeJS.ErrnoException);
        // Root may write what it finds; others are refused the file that came in between.
        if (handle instanceof Error) expect(handle.code).toBe("EACCES");
        else await handle.close();
      }
    } finally {
      other.kill("SIGKILL");
      await other.exited;
    }
  });

  test("folders are their owner's alone, a blob cannot be written", async () => {
    await using under = make();
    await under.content.write(hello);
    for (const folder of ["", "content", "content/blobs", "content/ingest", "content/blobs/sha256"])
      expect(statSync(join(under.root, folder)).mode & 0o777).toBe(0o700);
    expect(statSync(blobPath(under.root, digest)).mode & 0o777).toBe(0o400);
    expect(statSync(join(under.root, "sampan.db")).mode & 0o777).toBe(0o600);
  });
  test("publishing leaves one name of the file", async () => {
    await using under = make();
    await under.content.write(hello);
    expect(existsSync(ingestPath(under.root, digest))).toBe(false);
    expect(statSync(blobPath(under.root, digest)).nlink).toBe(1);
  });
  test("a symlink or a folder in a blob's place is not followed", async () => {
    await using under = make();
    await under.content.write(hello);
    const path = blobPath(under.root, digest);
    const elsewhere = join(under.root, "elsewhere");
    writeFileSync(elsewhere, hello);
    rmSync(path);
    symlinkSync(elsewhere, path);
    expect(await codeOf(under.content.read(digest))).toBe("data_loss");
    const other = digestOf("other");
    symlinkSync(elsewhere, ingestPath(under.root, other));
    expect(await codeOf(under.content.ingest({ digest: other }))).toBe("data_loss");
    expect(statSync(elsewhere).size).toBe(11);
  });
  test("a finished file that an earlier process left is looked at before it is believed", async () => {
    await using under = make();
    {
      const begun = await under.content.ingest({ digest });
      if (begun === "present") throw new Error("present");
      await using ingest = begun;
      await ingest.write(hello);
      await ingest.finish();
    }
    const path = ingestPath(under.root, digest);
    chmodSync(path, 0o600);
    truncateSync(path, 5);
    chmodSync(path, 0o400);
    const begun = await under.again().ingest({ digest });
    if (begun === "present") throw new Error("a cut file was believed");
    await using ingest = begun;
    expect(ingest.written).toBe(0);
  });
  test("after the machine was started again, a blob is looked at once before it is served", async () => {
    await using under = make();
    await under.content.write(hello);
    const path = blobPath(under.root, digest);
    chmodSync(path, 0o600);
    writeFileSync(path, "jello world");
    expect(await under.content.open(digest)).toBe(path);
    under.store.db.run("UPDATE meta SET value = 'an earlier boot' WHERE key = 'boot_id'");
    expect(await codeOf(under.again().open(digest))).toBe("data_loss");
  });
  test("a blob that was looked at in this boot is not read again", async () => {
    await using under = make();
    await under.content.write(hello);
    under.store.db.run("UPDATE meta SET value = 'an earlier boot' WHERE key = 'boot_id'");
    const later = under.again();
    await later.open(digest);
    const path = blobPath(under.root, digest);
    chmodSync(path, 0o600);
    writeFileSync(path, "jello world");
    expect(await later.open(digest)).toBe(path);
  });
});
