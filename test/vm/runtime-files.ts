/** What a guest needs for running our runtime, and runc beside it. */
import { existsSync } from "node:fs";
import { programFiles, type GuestFile } from "./image.ts";
import { busybox, executable } from "./place.ts";

/** Where the guest has the executable. */
export const sampan = "/usr/bin/sampan";

/** A bundle's root file system, made of busybox; tests put their config.json beside it. */
export const bundle = "/bundle";

/** The applets that tests call by name; the others are there as `busybox NAME`. */
const applets = [
  "cat",
  "echo",
  "find",
  "grep",
  "head",
  "id",
  "ls",
  "mkdir",
  "mknod",
  "mount",
  "setsid",
  "sh",
  "sleep",
  "tail",
  "true",
  "usleep",
] as const;

export function runtimeFiles(): GuestFile[] {
  return [...programFiles(executable, sampan), ...bundleFiles()];
}

/** Debian's runc, where the host has it. */
export function runcFiles(): GuestFile[] {
  const runc = Bun.which("runc");
  return runc === null || !existsSync(runc) ? [] : programFiles(runc, "/usr/bin/runc");
}

export function bundleFiles(): GuestFile[] {
  const folders = ["proc", "sys", "dev", "tmp", "etc"];
  return [
    { path: `${bundle}/rootfs/bin/busybox`, from: busybox },
    ...applets.map((name) => ({ path: `${bundle}/rootfs/bin/${name}`, link: "busybox" })),
    ...folders.map((name) => ({ path: `${bundle}/rootfs/${name}/.keep`, text: "", mode: 0o644 })),
  ];
}
