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
 * cannot carry it; `permission_denied` when overlayfs is asked for by a user who may not mount. `auto` is copies for such a user.
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
  const carries = await answer(store, "overlayfs", () => carriesOverlay(store.root));
  if (carries === "yes")
    return new Overlayfs(store, unpacker, {
      mapsIds: (await answer(store, "idmapped-layers", () => mapsIds(store.root))) === "yes",
    });
  if (wanted === "auto") return new Copies(store, unpacker);
  if (carries === "forbidden")
    throw new SampanError(
      "permission_denied",
      `cannot use overlayfs below "${store.root}": this user may not mount (CAP_SYS_ADMIN)`,
    );
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

/** `forbidden`: this user may not try, so nothing is known. */
type Answer = "yes" | "no" | "forbidden";

/** Probed once an epoch: the kernel may be another after a boot. */
async function answer(store: Store, question: string, probe: () => Promise<Answer>): Promise<Answer> {
  const key = `probe.${question}`;
  const known = store.db.query<{ value: string }, [string]>("SELECT value FROM meta WHERE key = ?").get(key);
  const [epoch, value] = (known?.value ?? "").split(" ");
  if (Number(epoch) === store.epoch && epoch !== "") return value === "yes" ? "yes" : "no";
  const found = await probe();
  if (found === "forbidden") return found;
  store.transaction(() => {
    store.db
      .query("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)")
      .run(key, `${store.epoch} ${found}`);
  });
  return found;
}

/** Whether an upper folder here takes writes, whiteouts and attributes. */
async function carriesOverlay(root: string): Promise<Answer> {
  return await inProbe(root, [], (place) => {
    rmSync(join(place, "merged/file"));
    setXattr(join(place, "upper"), "trusted.overlay.probe", new Uint8Array([0x79]));
    return getXattr(join(place, "upper"), "trusted.overlay.probe") !== undefined;
  });
}

async function mapsIds(root: string): Promise<Answer> {
  return await inProbe(root, ["uidmap=0:1000:1", "gidmap=0:1000:1"], () => true);
}

function overlay(place: string, more: readonly string[]) {
  const at = (name: string) => join(place, name);
  const options = [`lowerdir=${at("lower")}`, `upperdir=${at("upper")}`, `workdir=${at("work")}`, ...more];
  return { type: "overlay", source: "overlay", target: "", options };
}

async function inProbe(
  root: string,
  options: readonly string[],
  look: (place: string) => boolean,
): Promise<Answer> {
  const parent = join(root, "tmp");
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  const place = mkdtempSync(join(parent, "probe-"));
  try {
    for (const name of ["lower", "upper", "work", "merged"]) mkdirSync(join(place, name));
    writeFileSync(join(place, "lower/file"), "");
    return await tryMount(place, options, look);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

async function tryMount(
  place: string,
  options: readonly string[],
  look: (place: string) => boolean,
): Promise<Answer> {
  const merged = join(place, "merged");
  try {
    await mountAll([overlay(place, options)], merged);
  } catch (error) {
    return process.geteuid?.() !== 0 && SampanError.from(error).code === "permission_denied"
      ? "forbidden"
      : "no";
  }
  try {
    return look(place) ? "yes" : "no";
  } catch {
    return "no";
  } finally {
    unmount(merged);
  }
}
