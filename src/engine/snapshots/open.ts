/** Chooses and opens the driver of a data root. */
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { getXattr, setXattr } from "../../kernel/metadata.ts";
import { unmount } from "../../kernel/mounts.ts";
import type { EngineSettings } from "../settings.ts";
import type { Store } from "../store/store.ts";
import { Copies } from "./copy.ts";
import type { TreeWork } from "./_driver.ts";
import { mountAll } from "./mount.ts";
import { Overlayfs } from "./overlayfs.ts";
import type { Snapshotter } from "./snapshotter.ts";

/**
 * A root keeps the driver that its snapshots were made with. Errors: `failed_precondition` when another is asked for, or overlayfs where the root's file system
 * cannot carry it.
 */
export async function openSnapshotter(
  choice: EngineSettings["snapshotter"],
  store: Store,
  unpacker: TreeWork,
): Promise<Snapshotter> {
  const used = driverInUse(store);
  if (used !== undefined && choice !== "auto" && used !== choice)
    throw new SampanError(
      "failed_precondition",
      `cannot open the snapshots of "${store.root}": they are of driver ${used}, wanted ${choice}; remove all images and containers first`,
    );
  const wanted = used ?? choice;
  if (wanted === "copy") return new Copies(store, unpacker);
  if (await answer(store, "overlayfs", () => carriesOverlay(store.root)))
    return new Overlayfs(store, unpacker, {
      mapsIds: await answer(store, "idmapped-layers", () => mapsIds(store.root)),
    });
  if (wanted === "auto") return new Copies(store, unpacker);
  throw new SampanError(
    "failed_precondition",
    `cannot use overlayfs below "${store.root}": its file system cannot carry it; use snapshotter "copy"`,
  );
}

function driverInUse(store: Store): "overlayfs" | "copy" | undefined {
  const row = store.db
    .query<{ driver: "overlayfs" | "copy" }, []>("SELECT driver FROM snapshots LIMIT 1")
    .get();
  return row?.driver;
}

/** Probed once an epoch: the kernel may be another after a boot. */
async function answer(store: Store, question: string, probe: () => Promise<boolean>): Promise<boolean> {
  const key = `probe.${question}`;
  const known = store.db.query<{ value: string }, [string]>("SELECT value FROM meta WHERE key = ?").get(key);
  const [epoch, value] = (known?.value ?? "").split(" ");
  if (Number(epoch) === store.epoch && epoch !== "") return value === "yes";
  const found = await probe();
  store.transaction(() => {
    store.db
      .query("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)")
      .run(key, `${store.epoch} ${found ? "yes" : "no"}`);
  });
  return found;
}

/** Whether an upper folder here takes writes, whiteouts and attributes. */
async function carriesOverlay(root: string): Promise<boolean> {
  return await inProbe(root, async (place, merged) => {
    writeFileSync(join(place, "lower/file"), "");
    await mountAll([overlay(place, [])], merged);
    rmSync(join(merged, "file"));
    setXattr(join(place, "upper"), "trusted.overlay.probe", new Uint8Array([0x79]));
    return getXattr(join(place, "upper"), "trusted.overlay.probe") !== undefined;
  });
}

async function mapsIds(root: string): Promise<boolean> {
  return await inProbe(root, async (place, merged) => {
    await mountAll([overlay(place, ["uidmap=0:1000:1", "gidmap=0:1000:1"])], merged);
    return true;
  });
}

function overlay(place: string, more: readonly string[]) {
  const at = (name: string) => join(place, name);
  const options = [`lowerdir=${at("lower")}`, `upperdir=${at("upper")}`, `workdir=${at("work")}`, ...more];
  return { type: "overlay", source: "overlay", target: "", options };
}

async function inProbe(
  root: string,
  probe: (place: string, merged: string) => Promise<boolean>,
): Promise<boolean> {
  const parent = join(root, "tmp");
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  const place = mkdtempSync(join(parent, "probe-"));
  const merged = join(place, "merged");
  try {
    for (const name of ["lower", "upper", "work", "merged"]) mkdirSync(join(place, name));
    return await probe(place, merged);
  } catch {
    return false;
  } finally {
    unmount(merged);
    rmSync(place, { recursive: true, force: true });
  }
}
