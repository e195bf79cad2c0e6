/** What all kinds of mounts share: making one detached, and attaching it to a descriptor of its destination. */
import { FSCONFIG, MS, RESOLVE } from "../../../../kernel/linux.ts";
import type { OciMount } from "../../../../spec/oci/config.ts";
import { attributesOf, type MountOptions } from "../mount-options.ts";
import { slot } from "../operations.ts";
import type { Builder, CreateOptions } from "./context.ts";

export interface MountContext {
  readonly builder: Builder;
  readonly options: CreateOptions;
  /** A new user namespace: then sources are opened, and id-mapped, by the parent. */
  readonly userns: boolean;
  readonly cgroupns: boolean;
}

export function cleanDestination(destination: string): string {
  const parts: string[] = [];
  for (const part of destination.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return `/${parts.join("/")}`;
}

export function isBind({ type, options = [] }: OciMount): boolean {
  return type === "bind" || options.includes("bind") || options.includes("rbind");
}

/** Attaches the detached mount in `from` at the destination. */
export function attach(
  { builder }: MountContext,
  from: number,
  destination: string,
  why: string,
  how: { file?: boolean; source?: boolean; resolve?: number; denied?: number; copyMode?: boolean } = {},
): void {
  const to = slot.target;
  builder.add(
    builder.init,
    "mount_point",
    {
      dir: slot.root,
      path: destination,
      resolve: RESOLVE.IN_ROOT | (how.resolve ?? 0),
      out: to,
      denied: how.denied ?? 0,
      ...(how.source ? { source: from } : { file: how.file ? 1 : 0 }),
    },
    `${why}.destination`,
  );
  if (how.copyMode) builder.add(builder.init, "copy_mode", { from: to, to: from }, why);
  builder.add(builder.init, "move_mount", { from, to }, why);
}

/** Recursive attributes of a detached mount or one that was opened. */
export function recursive(builder: Builder, options: MountOptions, tree: number, field: string): void {
  if (options.recursive)
    builder.add(builder.init, "mount_setattr", { slot: tree, ...options.recursive, recursive: 1 }, field);
}

/** The propagation of a mount, once it is in its place: an unbindable one could not be attached to a shared one. */
export function propagate(builder: Builder, options: MountOptions, tree: number, field: string): void {
  for (const { flag, recursive: all } of options.propagation) {
    builder.add(
      builder.init,
      "mount_setattr",
      { slot: tree, propagation: flag, recursive: all ? 1 : 0 },
      field,
    );
  }
}

export interface Detached {
  readonly type: string;
  readonly source: string;
  readonly options: MountOptions;
  readonly data: readonly string[];
  readonly why: string;
}

/** fsopen, fsconfig …, fsmount; gives the slot of the detached mount. */
export function mountDetached(
  { builder }: MountContext,
  { type, source, options, data, why }: Detached,
): number {
  const { fs, tree } = slot;
  const list = builder.init;
  builder.add(list, "fsopen", { type, out: fs }, `${why}.type`);
  if (source !== "")
    builder.add(
      list,
      "fsconfig",
      { slot: fs, command: FSCONFIG.SET_STRING, key: "source", value: source },
      `${why}.source`,
    );
  const superFlags: [number, string][] = [
    [MS.RDONLY, "ro"],
    [MS.SYNCHRONOUS, "sync"],
    [MS.DIRSYNC, "dirsync"],
    [MS.MANDLOCK, "mand"],
    [MS.LAZYTIME, "lazytime"],
  ];
  for (const [flag, key] of superFlags) {
    if (options.flags & flag)
      builder.add(list, "fsconfig", { slot: fs, command: FSCONFIG.SET_FLAG, key }, `${why}.options`);
  }
  for (const word of data) {
    const equals = word.indexOf("=");
    const args =
      equals < 0
        ? { command: FSCONFIG.SET_FLAG, key: word }
        : { command: FSCONFIG.SET_STRING, key: word.slice(0, equals), value: word.slice(equals + 1) };
    builder.add(list, "fsconfig", { slot: fs, ...args }, `${why}.options`);
  }
  builder.add(list, "fsconfig", { slot: fs, command: FSCONFIG.CREATE }, why);
  builder.add(list, "fsmount", { slot: fs, attributes: attributesOf(options.flags), out: tree }, why);
  return tree;
}
