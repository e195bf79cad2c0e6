/** What a layer that was unpacked by itself takes from the layers below it (Snapshotter.settleLayer), in overlayfs's form of whiteouts. */
import { linkSync, lstatSync, mkdirSync, rmSync, type BigIntStats } from "node:fs";
import { posix } from "node:path";
import { SampanError, invalid } from "../../base/errors.ts";
import { byteString, type ByteString } from "../../kernel/fs.ts";
import { getXattr, setTimes } from "../../kernel/metadata.ts";
import { copyEntry, copyMetadata } from "./copy-tree.ts";
import type { Unsettled } from "./snapshotter.ts";

/** Where a path leads in a stack of layers: to an entry, to nothing, or over something that is no folder, which only a mount can follow. */
type Found = { readonly path: ByteString; readonly stat: BigIntStats } | "nothing" | "unclear";

/** Settles the layer at `own` on those below, topmost first. False: it needs the mounted tree. */
export async function settle(own: string, lowers: readonly string[], unsettled: Unsettled): Promise<boolean> {
  const stack = [own, ...lowers].map(byteString);
  const sources: { readonly to: ByteString; readonly found: Exclude<Found, string> }[] = [];
  for (const path of unsettled.implicitDirs.map(clean)) {
    const found = find(stack, path, 1);
    if (found === "unclear") return false;
    if (found === "nothing") continue;
    if (!found.stat.isDirectory()) return false;
    sources.push({ to: `${stack[0]}/${path}`, found });
  }
  for (const { path, target } of unsettled.links)
    if (!(await link({ stack, path: clean(path), target: clean(target) }))) return false;
  // Children before parents matters to nobody: setting times changes no other folder's.
  for (const { to, found } of sources) copyMetadata({ from: raw(found.path), to: raw(to), stat: found.stat });
  return true;
}

/** What a call on files takes: names are bytes. */
const raw = (path: ByteString) => Buffer.from(path, "latin1");

/** Relative, without `.` and `..`: what comes from an archive was resolved already, and is checked here again. */
function clean(path: ByteString): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || path.includes("\0"))
    throw invalid(`cannot settle "${path}": it leads out of the layer`);
  return parts.join("/");
}

/**
 * Looks for `path` from layer number `from` of the stack down. The layers above still hide: by a whiteout, by an opaque folder, and by what is no folder.
 * In the topmost one, folders that nobody named hide nothing.
 */
function find(stack: readonly ByteString[], path: ByteString, from: number): Found {
  const parts = path.split("/");
  // So many of the parts are folders in a layer further up, where what has the same name below is hidden.
  let folders = 0;
  for (const [level, layer] of stack.entries()) {
    let opaque = false;
    let at = layer;
    for (const [index, part] of parts.entries()) {
      at = `${at}/${part}`;
      const stat = lstatSync(raw(at), { bigint: true, throwIfNoEntry: false });
      const last = index === parts.length - 1;
      if (!stat) break;
      if (isWhiteout(stat)) return "nothing";
      if (last && level >= from) return { path: at, stat };
      if (!stat.isDirectory()) return stat.isSymbolicLink() && index >= folders ? "unclear" : "nothing";
      folders = Math.max(folders, index + 1);
      opaque ||= isOpaque(raw(at));
    }
    if (opaque) return "nothing";
  }
  return "nothing";
}

function isWhiteout(stat: BigIntStats): boolean {
  return stat.isCharacterDevice() && stat.rdev === 0n;
}

function isOpaque(path: Buffer): boolean {
  return ["trusted.overlay.opaque", "user.overlay.opaque"].some((name) => getXattr(path, name)?.[0] === 0x79);
}

interface Link {
  readonly stack: readonly ByteString[];
  readonly path: ByteString;
  readonly target: ByteString;
}

/** Copies the target up, with the folders it lies in, and gives it its second name. False: only the mounted tree shows where it lies. */
async function link({ stack, path, target }: Link): Promise<boolean> {
  const own = stack[0] as string;
  const found = find(stack, target, 0);
  if (found === "unclear") return false;
  if (found === "nothing" || found.stat.isDirectory())
    throw new SampanError(
      "data_loss",
      `cannot make the hard link "${path}": its target "${target}" is ${found === "nothing" ? "in no layer" : "a folder"}`,
    );
  const upper = posix.join(own, target);
  if (found.path !== upper) {
    await copyFoldersUp(stack, posix.dirname(target));
    await keepingTimes(posix.dirname(upper), () => copyEntry(raw(found.path), raw(upper)));
  }
  const name = posix.join(own, path);
  await keepingTimes(posix.dirname(name), () => {
    rmSync(raw(name), { force: true });
    linkSync(raw(upper), raw(name));
  });
  return true;
}

async function copyFoldersUp(stack: readonly ByteString[], folder: ByteString): Promise<void> {
  if (folder === "." || folder === "") return;
  await copyFoldersUp(stack, posix.dirname(folder));
  const upper = posix.join(stack[0] as string, folder);
  if (lstatSync(raw(upper), { throwIfNoEntry: false })) return;
  const found = find(stack, folder, 1);
  if (typeof found === "string") mkdirSync(raw(upper), { mode: 0o755 });
  else await keepingTimes(posix.dirname(upper), () => copyEntry(raw(found.path), raw(upper)));
}

/** A name that is added to a folder does not change the folder's times. */
async function keepingTimes(folder: ByteString, act: () => unknown): Promise<void> {
  const { atimeNs, mtimeNs } = lstatSync(raw(folder), { bigint: true });
  await act();
  setTimes(raw(folder), atimeNs, mtimeNs);
}
