/** A full disk: writes are refused and nothing that was acknowledged is lost; with room again it goes on. */
import { expect } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStorage } from "../../../../src/fleet/cloud/apiserver/storage/open.ts";
import type { Storage } from "../../../../src/fleet/cloud/apiserver/storage/storage.ts";
import { needing } from "../../../needs.ts";

const { test } = needing({ root: true, programs: ["mount", "umount"] });
const resource = "configmaps";

async function put(storage: Storage, name: string): Promise<void> {
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, text: "x".repeat(20_000) };
  await storage.write((transaction) => transaction.put({ resource, namespace: "a", name }, object));
}

function smallDisk(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "sampan-objects-disk-"));
  const run = (...command: string[]) => Bun.spawnSync(command, { stdout: "ignore", stderr: "pipe" });
  const { exitCode, stderr } = run("mount", "-t", "tmpfs", "-o", "size=3m,mode=0700", "tmpfs", path);
  if (exitCode !== 0) throw new Error(stderr.toString());
  return {
    path,
    [Symbol.dispose]: () => {
      run("umount", path);
      rmSync(path, { recursive: true, force: true });
    },
  };
}

test("on a full disk writes are refused, what was acknowledged stays, and with room it goes on", async () => {
  using disk = smallDisk();
  const ballast = join(disk.path, "ballast");
  writeFileSync(ballast, new Uint8Array(1 << 20).fill(1));
  mkdirSync(join(disk.path, "objects"));
  const folder = join(disk.path, "objects");
  const acknowledged: string[] = [];
  {
    await using storage = openStorage({ folder });
    await using watcher = storage.watch(resource, { after: storage.revision });
    let refusal: unknown;
    for (let number = 0; refusal === undefined && number < 500; number++) {
      const name = `n${number}`;
      await put(storage, name).then(
        () => acknowledged.push(name),
        (error: unknown) => void (refusal = error),
      );
    }
    expect(refusal).toMatchObject({ code: "resource_exhausted" });
    expect(String(refusal)).toContain("no space left on device");
    const { revision } = storage;
    expect(storage.list(resource).items.length).toBe(acknowledged.length);
    expect(revision).toBe(1 + acknowledged.length);
    rmSync(ballast);
    await put(storage, "after");
    expect(storage.revision).toBe(revision + 1);
    const seen: number[] = [];
    for await (const change of watcher) if (seen.push(change.revision) === acknowledged.length + 1) break;
    expect(seen).toEqual(Array.from({ length: acknowledged.length + 1 }, (_, index) => index + 2));
  }
  await using again = openStorage({ folder });
  const names = again.list(resource).items.map(({ key }) => key.name);
  expect(names).toEqual(["after", ...acknowledged].toSorted());
});
