/** Makes what a machine boots from: the agent, the initial file system, the root disk, and the choice of accelerator. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cpioArchive, type CpioEntry } from "./cpio.ts";
import { driversFor } from "./drivers.ts";
import { diskImage, type GuestFile } from "./image.ts";
import { busybox, guestFolder, kernelModules, vmFolder } from "./place.ts";

/** The disk's driver, the agent's port, and what containers use. */
const drivers = ["virtio_mmio", "virtio_blk", "virtio_console", "overlay"] as const;

export const imageFolder = join(vmFolder, "images");

const emptyFolders = ["proc", "sys", "dev", "run", "tmp", "root", "var/tmp"] as const;

/** Compiles guest/agent.c, once for each text of it. */
export function agentProgram(): string {
  const source = join(guestFolder, "agent.c");
  return madeOnce(`agent-${digest(readFileSync(source))}`, (target) => {
    const flags = ["-std=gnu17", "-static", "-O2", "-Wall", "-Wextra", "-Werror"];
    const made = Bun.spawnSync(["gcc", ...flags, "-o", target, source]);
    if (!made.success) throw new Error(`cannot compile "${source}": ${made.stderr.toString()}`);
  });
}

/** The kernel's initial file system: busybox, the drivers and guest/init. */
export function initialFileSystem(): string {
  const loaded = driversFor(drivers, kernelModules);
  const entries: CpioEntry[] = [
    ...["bin", "proc", "dev", "disk", "drivers"].map(
      (name) => ({ name, type: "directory", mode: 0o755 }) as const,
    ),
    { name: "init", type: "file", mode: 0o755, contents: readFileSync(join(guestFolder, "init")) },
    { name: "bin/busybox", type: "file", mode: 0o755, contents: readFileSync(busybox) },
    {
      name: "modules",
      type: "file",
      mode: 0o644,
      contents: Buffer.from(loaded.map((one) => `${one.name}\n`).join("")),
    },
    ...loaded.map(
      ({ name, contents }) => ({ name: `drivers/${name}`, type: "file", mode: 0o644, contents }) as const,
    ),
  ];
  const archive = cpioArchive(entries);
  return madeOnce(`initramfs-${digest(archive)}`, (target) => writeFileSync(target, archive));
}

/** The root disk: busybox and the agent, and `files`. */
export function rootDisk(files: readonly GuestFile[]): string {
  const own: GuestFile[] = [
    { path: "/bin/busybox", from: busybox },
    { path: "/bin/sh", link: "busybox" },
    { path: "/sbin/agent", from: agentProgram() },
    { path: "/sbin/start", text: readFileSync(join(guestFolder, "start"), "utf8"), mode: 0o755 },
    {
      path: "/etc/passwd",
      text: "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\n",
      mode: 0o644,
    },
    { path: "/etc/group", text: "root:x:0:\nuser:x:1000:\n", mode: 0o644 },
    ...emptyFolders.map((folder) => ({ path: `/${folder}/.keep`, text: "", mode: 0o644 })),
  ];
  return diskImage({ files: [...own, ...files], cacheFolder: imageFolder });
}

/** build/vm/<name>, made under another name first, so that it is whole when it is there. */
export function madeOnce(name: string, make: (target: string) => void): string {
  const path = join(vmFolder, name);
  if (existsSync(path)) return path;
  mkdirSync(vmFolder, { recursive: true });
  const work = mkdtempSync(join(vmFolder, "making-"));
  try {
    make(join(work, "made"));
    renameSync(join(work, "made"), path);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return path;
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}
