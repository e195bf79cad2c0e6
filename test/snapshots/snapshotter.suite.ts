/** What every snapshotter keeps to: the contract of src/engine/snapshots/snapshotter.ts. */
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect } from "bun:test";
import type { Snapshotter } from "../../src/engine/snapshots/snapshotter.ts";
import type { Digest } from "../../src/spec/image/digest.ts";
import { getXattr, makeNode, setTimes, setXattr } from "../../src/kernel/metadata.ts";
import { needing } from "../needs.ts";
import { chain, commitAll, commitImage, mounted, mountsBelow, nothingLeft, Place } from "./place.ts";

const { test } = needing({ root: true });

const usage = { bytes: 4096, inodes: 1 };
const base = { write: (root: string) => writeFileSync(join(root, "a"), "one") };
const top = { write: (root: string) => writeFileSync(join(root, "b"), "two") };
const code = (wanted: string) => expect.objectContaining({ code: wanted });

export function snapshotterSuite(
  name: string,
  open: (place: Place) => Snapshotter | Promise<Snapshotter>,
): void {
  describe(`snapshotter ${name}`, () => {
    test("an active snapshot without a parent is empty and keeps what is written", async () => {
      using place = new Place();
      const snapshots = await open(place);
      await snapshots.prepare("c1", undefined);
      await mounted(place, snapshots, (root) => writeFileSync(join(root, "x"), "1"), "c1");
      expect(await mounted(place, snapshots, (root) => readdirSync(root), "c1")).toEqual(["x"]);
      expect(readdirSync(snapshots.directory("c1"))).toContain("x");
      expect(snapshots.stat("c1")).toMatchObject({ kind: "active", parent: undefined });
    });

    test("a container sees all layers, and its changes stay its own", async () => {
      using place = new Place();
      const snapshots = await open(place);
      const [, last = ""] = await commitImage(snapshots, [base, top]);
      for (const key of ["c1", "c2"]) await snapshots.prepare(key, last);
      await mounted(place, snapshots, (root) => writeFileSync(join(root, "a"), "changed"), "c1");
      const look = (root: string) => ["a", "b"].map((file) => readFileSync(join(root, file), "utf8"));
      expect(await mounted(place, snapshots, look, "c1")).toEqual(["changed", "two"]);
      expect(await mounted(place, snapshots, look, "c2")).toEqual(["one", "two"]);
    });

    test.each([1, 2])("a view of %d layers cannot be written", async (count) => {
      using place = new Place();
      const snapshots = await open(place);
      const last = (await commitImage(snapshots, [base, top].slice(0, count))).at(-1);
      await snapshots.view("v", last);
      const write = (root: string) => writeFileSync(join(root, "a"), "changed");
      expect(mounted(place, snapshots, write, "v")).rejects.toThrow("EROFS");
      expect(snapshots.stat("v")?.kind).toBe("view");
    });

    test("an image of 127 layers can be mounted and written", async () => {
      using place = new Place();
      const snapshots = await open(place);
      const layers = Array.from({ length: 127 }, (_, i) => ({
        write: (root: string) => writeFileSync(join(root, `f${i}`), ""),
      }));
      await snapshots.prepare("c1", (await commitImage(snapshots, layers)).at(-1));
      const look = (root: string) => (writeFileSync(join(root, "new"), ""), readdirSync(root).length);
      expect(await mounted(place, snapshots, look, "c1")).toBe(128);
    });

    test("an unfinished layer that has lost its files counts nothing, and is removed", async () => {
      using place = new Place();
      const snapshots = await open(place);
      const [name = ""] = chain(1);
      await snapshots.beginLayer(name as Digest, undefined);
      const key = `unpack-${name}`;
      rmSync(snapshots.directory(key), { recursive: true });
      expect(await snapshots.usage(key)).toEqual({ bytes: 0, inodes: 0 });
      await snapshots.remove(key);
      expect(snapshots.list()).toEqual([]);
      expect(await snapshots.beginLayer(name as Digest, undefined)).not.toBe("present");
    });

    test("a committed container is a parent like a layer", async () => {
      using place = new Place();
      const snapshots = await open(place);
      const [first] = await commitImage(snapshots, [base]);
      await snapshots.prepare("c1", first);
      await mounted(place, snapshots, (root) => rmSync(join(root, "a")), "c1");
      await mounted(place, snapshots, (root) => writeFileSync(join(root, "c"), ""), "c1");
      snapshots.commit("c1", "made", usage);
      expect(snapshots.stat("c1")).toBeUndefined();
      expect(snapshots.stat("made")).toMatchObject({ kind: "committed", parent: first, usage });
      await snapshots.prepare("c2", "made");
      expect(await mounted(place, snapshots, (root) => readdirSync(root), "c2")).toEqual(["c"]);
    });

    test("a name is taken once, and a parent must be committed", async () => {
      using place = new Place();
      const snapshots = await open(place);
      await snapshots.prepare("c1", undefined);
      expect(snapshots.prepare("c1", undefined)).rejects.toEqual(code("already_exists"));
      expect(snapshots.view("c1", undefined)).rejects.toEqual(code("already_exists"));
      expect(snapshots.prepare("c2", "c1")).rejects.toEqual(code("not_found"));
      expect(snapshots.prepare("c2", "nothing")).rejects.toEqual(code("not_found"));
      expect(() => snapshots.mounts("c2")).toThrow(code("not_found"));
      expect(() => snapshots.commit("c2", "x", usage)).toThrow(code("not_found"));
      expect(snapshots.list().map(({ key }) => key)).toEqual(["c1"]);
    });

    test("one that is prepared now comes with the caller's transaction, or nothing is made of it", async () => {
      using place = new Place();
      const snapshots = await open(place);
      const [first] = await commitImage(snapshots, [base]);
      const made = place.store.transaction(() => snapshots.prepareNow("c1", first));
      expect(snapshots.stat("c1")?.kind).toBe(made ? "active" : undefined);
      const fails = () => {
        snapshots.prepareNow("c2", first);
        throw new Error("taken back");
      };
      expect(() => place.store.transaction(fails)).toThrow("taken back");
      expect(snapshots.stat("c2")).toBeUndefined();
      if (!made) return;
      expect(() => snapshots.prepareNow("c1", first)).toThrow(code("already_exists"));
      expect(() => snapshots.prepareNow("c3", "nothing")).toThrow(code("not_found"));
      await snapshots.prepare("c2", first);
      expect(await mounted(place, snapshots, (root) => readdirSync(root).toSorted(), "c2")).toEqual(
        await mounted(place, snapshots, (root) => readdirSync(root).toSorted(), "c1"),
      );
    });

    test("what is dropped goes with the caller's transaction, and its folder when the caller says so", async () => {
      using place = new Place();
      const snapshots = await open(place);
      await snapshots.prepare("c1", undefined, { durable: false });
      const folder = snapshots.directory("c1");
      const fails = () => {
        snapshots.drop("c1");
        throw new Error("taken back");
      };
      expect(() => place.store.transaction(fails)).toThrow("taken back");
      expect(snapshots.stat("c1")?.kind).toBe("active");
      const removeFolder = place.store.transaction(() => snapshots.drop("c1"), { durable: "soon" });
      expect(snapshots.stat("c1")).toBeUndefined();
      expect(existsSync(folder)).toBe(true);
      await removeFolder();
      expect(existsSync(folder)).toBe(false);
      await snapshots.drop("c1")();
    });

    test("what others stand on is not removed; the rest is, with its folder", async () => {
      using place = new Place();
      const snapshots = await open(place);
      const [first = "", last = ""] = await commitImage(snapshots, [base, top]);
      const folder = snapshots.directory(last);
      await snapshots.prepare("c1", last);
      expect(snapshots.remove(last)).rejects.toEqual(code("failed_precondition"));
      expect(snapshots.remove(first)).rejects.toEqual(code("failed_precondition"));
      await snapshots.remove("c1");
      await snapshots.remove(last);
      await snapshots.remove(last);
      expect(existsSync(folder)).toBe(false);
      expect(snapshots.list().map(({ key }) => key)).toEqual([first]);
      expect(readdirSync(join(place.store.root, "snapshots", snapshots.name))).toHaveLength(1);
    });

    test("a layer that was begun before is begun anew", async () => {
      using place = new Place();
      const [chainId] = chain(1);
      const interrupted = await open(place);
      const left = await interrupted.beginLayer(chainId as never, undefined);
      if (left === "present") throw new Error("present");
      writeFileSync(join(left.root, "half"), "");
      // As the end of its process does.
      await interrupted.remove(`unpack-${chainId}`);
      mkdirSync(join(place.store.root, "snapshots", interrupted.name, "99999/fs"), { recursive: true });
      const snapshots = await open(place);
      const target = await snapshots.beginLayer(chainId as never, undefined);
      expect(target).not.toBe("present");
      expect(readdirSync((target as { root: string }).root)).toEqual([]);
      expect(await snapshots.cleanup()).toEqual(["99999"]);
      expect(snapshots.list().map(({ key }) => key)).toEqual([`unpack-${chainId}`]);
    });

    test("a layer that another is unpacking is waited for and then there", async () => {
      using place = new Place();
      const [one, two] = [await open(place), await open(place)];
      const [chainId] = chain(1);
      const names = [chainId as never];
      expect(await one.beginLayer(chainId as never, undefined)).toHaveProperty("mode");
      const waiting = two.beginLayer(chainId as never, undefined);
      commitAll(one, names);
      expect(await waiting).toBe("present");
      expect(await one.beginLayer(chainId as never, undefined)).toBe("present");
    });

    test("waiting for another's layer ends with the signal", async () => {
      using place = new Place();
      const [one, two] = [await open(place), await open(place)];
      const [chainId] = chain(1);
      await one.beginLayer(chainId as never, undefined);
      const stop = new AbortController();
      const waiting = two.beginLayer(chainId as never, undefined, stop.signal);
      stop.abort();
      expect(waiting).rejects.toThrow();
      await waiting.catch(() => undefined);
      await one.remove(`unpack-${chainId}`);
    });

    test("layers committed twice are one, and rows roll back with their transaction", async () => {
      using place = new Place();
      const snapshots = await open(place);
      const names = chain(1);
      const target = await snapshots.beginLayer(names[0] as never, undefined);
      expect(() =>
        place.store.transaction(() => {
          commitAll(snapshots, names);
          throw new Error("cut");
        }),
      ).toThrow("cut");
      expect(snapshots.stat(names[0] as string)).toBeUndefined();
      commitAll(snapshots, names);
      commitAll(snapshots, names);
      expect(snapshots.directory(names[0] as string)).toBe((target as { root: string }).root);
      expect(() => commitAll(snapshots, chain(2).slice(1))).toThrow(code("not_found"));
    });

    test("usage counts blocks and inodes, and a file with two names once", async () => {
      using place = new Place();
      const snapshots = await open(place);
      await snapshots.prepare("c1", undefined);
      const root = snapshots.directory("c1");
      const empty = await snapshots.usage("c1");
      writeFileSync(join(root, "a"), Buffer.alloc(65536, 1));
      linkSync(join(root, "a"), join(root, "b"));
      const full = await snapshots.usage("c1");
      expect(full).toEqual({ bytes: empty.bytes + 65536, inodes: empty.inodes + 1 });
    });

    test("owners, modes, times, attributes, devices and links are as the layer has them", async () => {
      using place = new Place();
      const snapshots = await open(place);
      const [first] = await commitImage(snapshots, [{ write: rich }]);
      await snapshots.prepare("c1", first);
      const seen = await mounted(place, snapshots, looks, "c1");
      expect(seen).toEqual({
        root: { mode: 0o40711, uid: 5 },
        file: { mode: 0o104755, uid: 1, gid: 2, mtime: 1_234_567_890_123_456_789n },
        xattr: "value",
        link: "target",
        device: 0x103n,
        sparse: { size: 1 << 30, small: true },
        same: true,
      });
    });

    test("what is implicit in a layer stays as it is below", async () => {
      using place = new Place();
      const snapshots = await open(place);
      const [, last] = await commitImage(snapshots, [
        {
          write: (root) => {
            mkdirSync(join(root, "d/e"), { recursive: true });
            Bun.spawnSync(["chmod", "700", join(root, "d")]);
            Bun.spawnSync(["chown", "7:8", join(root, "d/e")]);
            setTimes(join(root, "d/e"), 1n, 5_000_000_007n);
            writeFileSync(join(root, "d/file"), "content");
          },
        },
        {
          write: (root) => {
            mkdirSync(join(root, "d/e"), { recursive: true });
            writeFileSync(join(root, "d/e/new"), "");
            if (snapshots.sequential) {
              setTimes(join(root, "d/e"), 1n, 5_000_000_007n);
              linkSync(join(root, "d/file"), join(root, "d/second"));
            }
          },
          unsettled: { implicitDirs: ["d", "d/e"], links: [{ path: "d/second", target: "d/file" }] },
        },
      ]);
      await snapshots.prepare("c1", last);
      const seen = await mounted(
        place,
        snapshots,
        (root) => {
          const [d, e] = ["d", "d/e"].map((path) => lstatSync(join(root, path), { bigint: true }));
          const [one, two] = ["d/file", "d/second"].map((path) => lstatSync(join(root, path)).ino);
          return [d?.mode, e?.uid, e?.gid, e?.mtimeNs, readdirSync(join(root, "d/e")), one === two];
        },
        "c1",
      );
      expect(seen).toEqual([0o40700n, 7n, 8n, 5_000_000_007n, ["new"], true]);
    });

    test("in a user namespace's root, files belong to its ids", async () => {
      using place = new Place();
      const snapshots = await open(place);
      const [first] = await commitImage(snapshots, [
        { write: (root) => (base.write(root), Bun.spawnSync(["chown", "3:4", join(root, "a")])) },
      ]);
      const range = [{ containerID: 0, hostID: 200_000, size: 65536 }];
      await snapshots.prepare("c1", first, { remap: { uids: range, gids: range } });
      const owners = (root: string) =>
        ["", "a"].map((path) => {
          const { uid, gid } = lstatSync(join(root, path));
          return [uid, gid];
        });
      expect(await mounted(place, snapshots, owners, "c1")).toEqual([
        [200_000, 200_000],
        [200_003, 200_004],
      ]);
      await snapshots.prepare("c2", first);
      expect(await mounted(place, snapshots, owners, "c2")).toEqual([
        [0, 0],
        [3, 4],
      ]);
    });

    test("nothing stays mounted", async () => {
      using place = new Place();
      const snapshots = await open(place);
      await commitImage(snapshots, [base, top]);
      expect(mountsBelow(place.root)).toEqual([]);
      expect(await snapshots.settleLayer(chain(2)[1] as never, nothingLeft).catch(String)).toContain(
        "cannot find",
      );
    });
  });
}

function rich(root: string): void {
  const at = (name: string) => join(root, name);
  writeFileSync(at("file"), "content");
  linkSync(at("file"), at("again"));
  Bun.spawnSync(["chown", "1:2", at("file")]);
  Bun.spawnSync(["chmod", "4755", at("file")]);
  setXattr(at("file"), "user.name", Buffer.from("value"));
  setTimes(at("file"), 1n, 1_234_567_890_123_456_789n);
  symlinkSync("target", at("link"));
  makeNode(at("device"), 0o20600, 0x103n);
  Bun.spawnSync(["truncate", "--size", "1G", at("sparse")]);
  Bun.spawnSync(["chmod", "711", root]);
  Bun.spawnSync(["chown", "5", root]);
}

function looks(root: string): unknown {
  const stat = (name: string) => lstatSync(join(root, name), { bigint: true });
  const { mode, uid, gid, mtimeNs } = stat("file");
  const sparse = stat("sparse");
  const top = lstatSync(root);
  return {
    root: { mode: top.mode, uid: top.uid },
    file: { mode: Number(mode), uid: Number(uid), gid: Number(gid), mtime: mtimeNs },
    xattr: new TextDecoder().decode(getXattr(join(root, "file"), "user.name")),
    link: Bun.spawnSync(["readlink", join(root, "link")])
      .stdout.toString()
      .trim(),
    device: stat("device").rdev,
    sparse: { size: Number(sparse.size), small: sparse.blocks < 100n },
    same: stat("file").ino === stat("again").ino,
  };
}
