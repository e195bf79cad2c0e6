/** Mounts that somebody else has chosen for a container's root: what a snapshotter gave, put onto a folder and taken away again. */
import { lstatSync, mkdirSync, realpathSync } from "node:fs";
import { invalid, SampanError } from "../../base/errors.ts";
import { errno } from "../../kernel/errno.ts";
import { MNT_DETACH, MS } from "../../kernel/linux.ts";
import { isUnknownToKernel, mount, mountByParameters, unmount, type Parameter } from "../../kernel/mounts.ts";
import { launchBeside } from "./beside.ts";
import { op } from "./plan/operations.ts";
import { parseMountOptions } from "./plan/mount-options.ts";

export interface RootMount {
  readonly type: string;
  readonly source: string;
  /** Below the folder; "" is the folder itself. */
  readonly target: string;
  /** mount(8)'s words, and the file system's own. */
  readonly options: readonly string[];
}

/** All or none, one on the other. Errors: the kernel's; `invalid_argument` for a target outside, `unimplemented` for options that are no kernel's. */
export function mountRoot(mounts: readonly RootMount[], folder: string): void {
  if (mounts.length === 0) return;
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const done: string[] = [];
  try {
    for (const each of mounts) {
      const place = placeOf(each.target, folder);
      mountOne(each, place);
      done.push(place);
    }
  } catch (error) {
    for (const place of done.toReversed()) unmount(place);
    throw error;
  }
}

/** All that is mounted on the folder, however often, with what lies below it. One that is not there is no error. */
export function unmountRoot(folder: string): void {
  // A link there would be somebody else's place.
  if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return;
  while (unmount(folder));
}

/** The same for one that is in use by nobody, by a process of its own: overlayfs writes its files out when it goes, and nobody else shall wait for the disk. */
export async function unmountRootBeside(folder: string): Promise<void> {
  const why = `the root "${folder}"`;
  const gone = { errnos: [errno.EINVAL, errno.ENOENT] } as const;
  const umount = op("umount", { path: folder, flags: MNT_DETACH | noFollow }, why, gone);
  await launchBeside({ parent: [umount], middle: [], init: [] });
  unmountRoot(folder);
}

/** UMOUNT_NOFOLLOW of umount2(2). */
const noFollow = 8;

function placeOf(target: string, folder: string): string {
  if (target === "" || target === "/") return folder;
  const root = realpathSync(folder);
  const place = realpathSync(`${root}/${target}`);
  if (place.startsWith(`${root}/`)) return place;
  throw invalid(`cannot mount at "${target}": it lies outside of the container's root`);
}

const foreign = /^(?:loop|uidmap=|gidmap=|X-containerd\.)/;

function mountOne({ type, source, options }: RootMount, target: string): void {
  const strange = options.find((option) => foreign.test(option));
  if (strange !== undefined)
    throw new SampanError("unimplemented", `cannot mount a ${type} root with option "${strange}"`);
  const { flags, data } = parseMountOptions(options);
  if ((flags & MS.BIND) !== 0) return bind({ source, target, flags });
  const text = data.join(",");
  if (Buffer.byteLength(text) < 4096 || type !== "overlay")
    return mount({ type, source, target, flags, data: text });
  try {
    mountByParameters(type, parametersOf(data, flags), target);
  } catch (error) {
    if (!isUnknownToKernel(error)) throw error;
    mountShortened(data, { target, flags });
  }
}

function bind({ source, target, flags }: { source: string; target: string; flags: number }): void {
  mount({ type: "bind", source, target, flags: flags & (MS.BIND | MS.REC), data: "" });
  if ((flags & ~(MS.BIND | MS.REC)) === 0) return;
  try {
    mount({ type: "bind", source, target, flags: (flags & ~MS.REC) | MS.REMOUNT, data: "" });
  } catch (error) {
    unmount(target);
    throw error;
  }
}

/** One `lowerdir+` for each layer (Linux 6.5). */
function parametersOf(data: readonly string[], flags: number): Parameter[] {
  const parameters = data.flatMap((option): Parameter[] => {
    const at = option.indexOf("=");
    if (at < 0) return [[option]];
    const [key, value] = [option.slice(0, at), option.slice(at + 1)];
    return key === "lowerdir" ? value.split(":").map((path) => ["lowerdir+", path]) : [[key, value]];
  });
  return [["source", "overlay"], ...parameters, ...((flags & MS.RDONLY) === 0 ? [] : [["ro"] as const])];
}

/** Options are one page for mount(2): paths relative to the folder that all layers have in common. */
function mountShortened(data: readonly string[], { target, flags }: { target: string; flags: number }): void {
  const lowers = data.find((option) => option.startsWith("lowerdir="))?.slice("lowerdir=".length) ?? "";
  const from = sharedFolder(lowers.split(":"));
  const short = data.map((option) =>
    option.startsWith("lowerdir=") ? option.replaceAll(`${from}/`, "") : option,
  );
  mount({ type: "overlay", source: "overlay", target, flags, data: short.join(","), from });
}

/** The longest folder that all of the paths lie below. */
export function sharedFolder(paths: readonly string[]): string {
  const [first = "", ...others] = paths.map((path) => path.split("/"));
  if (typeof first === "string") return "";
  let depth = first.length - 1;
  for (const other of others) {
    let same = 0;
    while (same < depth && same < other.length - 1 && other[same] === first[same]) same++;
    depth = same;
  }
  return first.slice(0, depth).join("/");
}
