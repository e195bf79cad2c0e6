/** Volumes whose options mount something, and limits of their size. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "bun:test";
import { openStore } from "../../src/engine/store/open.ts";
import { openVolumes } from "../../src/engine/volumes/open.ts";
import type { Volumes } from "../../src/engine/volumes/volumes.ts";
import { unmount } from "../../src/kernel/mounts.ts";
import { needing } from "../needs.ts";

const { test } = needing({ root: true });
const withQuota = needing({
  root: true,
  programs: ["mkfs.ext4", "losetup", "mount"],
  files: hasQuotaFormat() ? [] : ["a kernel with CONFIG_QFMT_V2"],
});

/** ext4 keeps its quotas in that format; not every kernel has it. Unknown: it is tried. */
function hasQuotaFormat(): boolean {
  if (!existsSync("/proc/config.gz")) return true;
  const config = Buffer.from(Bun.gunzipSync(readFileSync("/proc/config.gz"))).toString();
  return /^CONFIG_QFMT_V2=[ym]$/m.test(config);
}

class Place implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), "sampan-volumes-"));
  readonly data = join(this.dir, "data");
  readonly #undo: (() => void)[] = [() => rmSync(this.dir, { recursive: true, force: true })];

  open(): Volumes {
    const store = openStore(this.data);
    this.#undo.push(() => store[Symbol.dispose]());
    return openVolumes(store, { unpacker: { removeTree: (path) => rm(path, { recursive: true }) } });
  }

  undo(step: () => void): void {
    this.#undo.push(step);
  }

  mounts(): string[] {
    return readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .map((line) => line.split(" ")[4] ?? "")
      .filter((path) => path.startsWith(this.dir));
  }

  [Symbol.dispose](): void {
    for (const path of this.mounts().toReversed()) if (path !== this.data) unmount(path);
    for (const step of this.#undo.toReversed()) step();
  }
}

test("a tmpfs is there while somebody uses it, and gone with the last", async () => {
  using place = new Place();
  const volumes = place.open();
  const options = { type: "tmpfs", device: "tmpfs", o: "size=1m,mode=1777,nosuid" };
  await volumes.create({ name: "quick", options });
  const folder = await volumes.acquire("quick", "c1");
  expect(statfsSync(folder).blocks * statfsSync(folder).bsize).toBe(2 ** 20);
  expect(readFileSync("/proc/self/mountinfo", "utf8")).toMatch(new RegExp(`${folder} rw,nosuid`));
  writeFileSync(join(folder, "x"), "1");
  await volumes.acquire("quick", "c2");
  await volumes.release("quick", "c1");
  expect(existsSync(join(folder, "x"))).toBe(true);
  // Another process finds it mounted, and mounts it no second time.
  await place.open().acquire("quick", "c3");
  expect(place.mounts()).toHaveLength(1);
  for (const user of ["c2", "c3", "c3"]) await volumes.release("quick", user);
  expect(place.mounts()).toEqual([]);
  expect(existsSync(join(folder, "x"))).toBe(false);
});

test("a folder of the host, read-only, and its removal leaves that folder alone", async () => {
  using place = new Place();
  const volumes = place.open();
  const host = join(place.dir, "host");
  mkdirSync(host);
  writeFileSync(join(host, "file"), "host");
  await volumes.create({ name: "bound", options: { type: "none", device: host, o: "bind,ro" } });
  const folder = await volumes.acquire("bound", "c1");
  expect(readFileSync(join(folder, "file"), "utf8")).toBe("host");
  expect(() => writeFileSync(join(folder, "new"), "")).toThrow("EROFS");
  // Nobody has released it: the removal takes the mount first.
  await volumes.remove("bound");
  expect(place.mounts()).toEqual([]);
  expect(readFileSync(join(host, "file"), "utf8")).toBe("host");
});

test("what cannot be mounted leaves no use and no mount behind", async () => {
  using place = new Place();
  const volumes = place.open();
  await volumes.create({ name: "broken", options: { type: "ext4", device: "/dev/null" } });
  expect(volumes.acquire("broken", "c1")).rejects.toThrow('cannot mount volume "broken"');
  await volumes.create({
    name: "missing",
    options: { type: "none", device: join(place.dir, "no"), o: "bind" },
  });
  expect(volumes.acquire("missing", "c1")).rejects.toThrow('cannot mount volume "missing"');
  await volumes.remove("broken");
  expect(place.mounts()).toEqual([]);
});

test("where the file system has no quotas, a size is refused with the reason", async () => {
  using place = new Place();
  const volumes = place.open();
  expect(volumes.create({ name: "small", options: { size: "1m" } })).rejects.toThrow("no project quotas");
  await Promise.resolve();
  expect(volumes.list()).toEqual([]);
});

withQuota.test("on ext4 with project quotas a volume ends at its size", async () => {
  using place = new Place();
  const image = join(place.dir, "disk");
  writeFileSync(image, "");
  run("truncate", "-s", "64M", image);
  run("mkfs.ext4", "-q", "-O", "quota,project", "-E", "quotatype=prjquota", image);
  mkdirSync(place.data);
  run("mount", "-o", "loop,prjquota", image, place.data);
  place.undo(() => run("umount", place.data));
  const volumes = place.open();
  const { mountpoint } = await volumes.create({ name: "small", options: { size: "1m" } });
  await volumes.create({ name: "other", options: { size: "2m" } });
  mkdirSync(join(mountpoint, "below"));
  writeFileSync(join(mountpoint, "below/fits"), Buffer.alloc(900_000));
  expect(() => writeFileSync(join(mountpoint, "too-much"), Buffer.alloc(300_000))).toThrow("ENOSPC");
  writeFileSync(join(volumes.get("other").mountpoint, "fits"), Buffer.alloc(1_500_000));
});

function run(...words: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(words);
  if (exitCode !== 0) throw new Error(`${words.join(" ")}: ${stderr.toString()}`);
}
