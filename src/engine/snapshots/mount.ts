/** Puts what Snapshotter.mounts gave to a place, and takes it away. */
import { closeSync, openSync, rmSync } from "node:fs";
import { release } from "node:os";
import { dirname, join } from "node:path";
import { SampanError, invalid } from "../../base/errors.ts";
import { systemError } from "../../kernel/errno.ts";
import { openFile } from "../../kernel/libc.ts";
import { MS, O } from "../../kernel/linux.ts";
import { makeReadOnly, putTree } from "../../kernel/mount-trees.ts";
import {
  bindMount,
  idmappedTree,
  isUnknownToKernel,
  mount,
  mountByParameters,
  unmount,
  type Parameter,
} from "../../kernel/mounts.ts";
import { isAtLeast } from "../../kernel/release.ts";
import type { IdRange, Mount } from "./snapshotter.ts";
import { withUserNamespace } from "./_user-namespace.ts";

/** All or none. `namespace`: where a user namespace with just the maps that they ask for is mounted; one is made where that is not there. Errors: `unimplemented` when the kernel cannot map ids. */
export async function mountAll(mounts: readonly Mount[], target: string, namespace?: string): Promise<void> {
  const done: string[] = [];
  try {
    for (const each of mounts) {
      const place = each.target === "" ? target : `${target}/${each.target}`;
      await mountOne(each, place, namespace);
      done.push(place);
    }
  } catch (error) {
    for (const place of done.toReversed()) unmount(place);
    throw error;
  }
}

/** Idempotent. */
export function unmountAll(mounts: readonly Mount[], target: string): void {
  for (const each of mounts.toReversed()) unmount(each.target === "" ? target : `${target}/${each.target}`);
}

/**
 * For files that go when their container ends: nobody waits for the disk, neither who calls fsync(2) nor who unmounts, which else writes out all of the file system that
 * the layer lies on (Linux 5.10). After a power cut they may be anything, so that what has them must then be gone.
 */
export function forgetful(mounts: readonly Mount[]): readonly Mount[] {
  if (!isAtLeast(release(), "5.10")) return mounts;
  return mounts.map((each) =>
    each.options.some((option) => option.startsWith("upperdir="))
      ? { ...each, options: [...each.options, "volatile"] }
      : each,
  );
}

/** With SELinux every file of a container has its label (mount(8), context); what is bound keeps those that it has. */
export function withContext(mounts: readonly Mount[], label: string | undefined): readonly Mount[] {
  if (label === undefined) return mounts;
  return mounts.map((each) =>
    each.type === "overlay" ? { ...each, options: [...each.options, `context="${label}"`] } : each,
  );
}

/** The kernel refuses a layer that was mounted so before, since it cannot know that the machine has run on. */
function allowAgain(options: readonly string[]): void {
  const work = options.find((option) => option.startsWith("workdir="))?.slice("workdir=".length);
  if (work !== undefined) rmSync(join(work, "work/incompat/volatile"), { recursive: true, force: true });
}

async function mountOne(each: Mount, target: string, path: string | undefined): Promise<void> {
  const maps = each.options.filter(isMap);
  if (each.type === "bind") {
    const readOnly = each.options.includes("ro");
    if (maps.length === 0) return bindMount(each.source, target, readOnly);
    return await inNamespace({ maps, path }, (namespace) =>
      bindMapped(each.source, { target, readOnly, namespace }),
    );
  }
  if (each.type !== "overlay")
    throw invalid(`cannot mount "${target}": a snapshot has no mount of type "${each.type}"`);
  allowAgain(each.options);
  const options = each.options.filter((option) => !isMap(option));
  if (maps.length === 0) return mountOverlay(options, target);
  await inNamespace({ maps, path }, (namespace) => mountMapped(options, namespace, target));
}

interface Wanted {
  readonly maps: readonly string[];
  readonly path: string | undefined;
}

async function inNamespace({ maps, path }: Wanted, use: (namespace: number) => void): Promise<void> {
  if (path !== undefined) {
    const namespace = openSync(path, "r");
    try {
      return use(namespace);
    } finally {
      closeSync(namespace);
    }
  }
  const ranges = (name: string) => parseRanges(maps.find((option) => option.startsWith(`${name}=`)));
  await withUserNamespace({ uids: ranges("uidmap"), gids: ranges("gidmap") }, use);
}

interface MappedBind {
  readonly target: string;
  readonly readOnly: boolean;
  readonly namespace: number;
}

function bindMapped(source: string, { target, readOnly, namespace }: MappedBind): void {
  const tree = idmappedTree(source, namespace);
  try {
    const onto = openFile(target, O.PATH | O.CLOEXEC);
    if (onto < 0) throw systemError(`open "${target}"`, -onto);
    try {
      if (readOnly) makeReadOnly(tree);
      putTree(tree, onto);
    } finally {
      closeSync(onto);
    }
  } finally {
    closeSync(tree);
  }
}

const isMap = (option: string) => /^[ug]idmap=/.test(option);

/** `uidmap=0:100000:65536,…`: containerd's form, in the container, on the host, how many. */
function parseRanges(option = ""): IdRange[] {
  return option
    .slice(option.indexOf("=") + 1)
    .split("+")
    .map((range) => {
      const [containerID = 0, hostID = 0, size = 0] = range.split(":").map(Number);
      return { containerID, hostID, size };
    });
}

/**
 * Three ways, because mount(2) takes one page of options: absolute paths while they fit; else one `lowerdir+` for each layer (Linux 6.5); else
 * paths relative to the folder that all layers lie in.
 */
function mountOverlay(options: readonly string[], target: string): void {
  const data = options.filter((option) => option !== "ro").join(",");
  const flags = options.includes("ro") ? MS.RDONLY : 0;
  if (Buffer.byteLength(data) < 4096)
    return mount({ type: "overlay", source: "overlay", target, flags, data });
  try {
    mountByParameters("overlay", parametersOf(options), target);
  } catch (error) {
    if (!isUnknownToKernel(error)) throw error;
    mountRelative(options, target);
  }
}

function parametersOf(options: readonly string[]): Parameter[] {
  const parameters = options.flatMap((option): Parameter[] => {
    const [key, value] = splitOption(option);
    // Marks keep the commas of a label in one piece, where there is one text for all.
    if (key === "context" && value !== undefined) return [[key, value.replaceAll('"', "")]];
    if (key !== "lowerdir" || value === undefined) return [value === undefined ? [key] : [key, value]];
    return value.split(":").map((path) => ["lowerdir+", path]);
  });
  return [["source", "overlay"], ...parameters];
}

function splitOption(option: string): [string, string?] {
  const at = option.indexOf("=");
  return at < 0 ? [option] : [option.slice(0, at), option.slice(at + 1)];
}

export function mountRelative(options: readonly string[], target: string): void {
  const lowers = options.find((option) => option.startsWith("lowerdir="))?.slice("lowerdir=".length) ?? "";
  // <driver>/<number>/fs
  const from = dirname(dirname(lowers.split(":")[0] ?? ""));
  const data = options
    .filter((option) => option !== "ro")
    .map((option) => option.replaceAll(`${from}/`, ""))
    .join(",");
  const flags = options.includes("ro") ? MS.RDONLY : 0;
  mount({ type: "overlay", source: "overlay", target, flags, data, from });
}

/** Each lower layer through a copy of its mount with shifted ids (overlayfs takes such since Linux 5.19). The upper's files have the outer ids as they are. */
function mountMapped(options: readonly string[], namespace: number, target: string): void {
  const trees: number[] = [];
  try {
    const changed = options.map((option) => {
      if (!option.startsWith("lowerdir=")) return option;
      const paths = option.slice("lowerdir=".length).split(":");
      for (const path of paths) trees.push(idmappedTree(path, namespace));
      return `lowerdir=${trees.map((tree) => `/proc/self/fd/${tree}`).join(":")}`;
    });
    mountOverlay(changed, target);
  } catch (error) {
    const inner = SampanError.from(error);
    if (!isUnknownToKernel(error)) throw error;
    throw new SampanError("unimplemented", inner.message, { cause: error });
  } finally {
    for (const tree of trees) closeSync(tree);
  }
}
