/** The bundles: what `spec` writes, and a container as Docker makes one. Both run the program that is asked for. */
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { defaultConfig } from "../src/spec/oci/default.ts";
import seccomp from "../test/fixtures/seccomp-default.json";

/** Docker's default set. */
const capabilities =
  "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE"
    .split(" ")
    .map((name) => `CAP_${name}`);

export const bundleKinds = ["minimal", "docker-like"] as const;
export type BundleKind = (typeof bundleKinds)[number];

/** A folder with a static busybox as `true` and `sleep`, and `work`; the bundles share it. */
export function makeRootfs(folder: string, work: string): string {
  const rootfs = join(folder, "rootfs");
  for (const name of ["bin", "proc", "sys", "dev", "tmp"]) mkdirSync(join(rootfs, name), { recursive: true });
  cpSync(Bun.which("busybox") ?? "/bin/busybox", join(rootfs, "bin/busybox"));
  for (const name of ["true", "sleep", "sh"]) symlinkSync("busybox", join(rootfs, "bin", name));
  cpSync(work, join(rootfs, "bin/work"));
  return rootfs;
}

/** Writes a bundle and gives its folder. */
export function makeBundle(folder: string, kind: BundleKind, args: readonly string[]): string {
  const bundle = join(folder, `${kind}-${args.join("-").replaceAll("/", "_")}`);
  mkdirSync(bundle);
  writeFileSync(join(bundle, "config.json"), JSON.stringify(configOf(kind, join(folder, "rootfs"), args)));
  return bundle;
}

function configOf(kind: BundleKind, rootfs: string, args: readonly string[]): object {
  const base = defaultConfig();
  const process = { ...base.process, terminal: false, args };
  const root = { path: rootfs, readonly: true };
  const tmp = { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev"] };
  // The oldest version that all of the peers take.
  const config = { ...base, ociVersion: "1.0.2", process, root, mounts: [...(base.mounts ?? []), tmp] };
  if (kind === "minimal") return config;
  return {
    ...config,
    root: { path: rootfs },
    process: {
      ...process,
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      noNewPrivileges: false,
      oomScoreAdj: 0,
    },
    linux: {
      ...base.linux,
      seccomp,
      resources: {
        devices: [
          { allow: false, access: "rwm" },
          ...dockerDevices.map(([type, major, minor]) => ({
            allow: true,
            type,
            major,
            minor,
            access: "rwm",
          })),
        ],
        memory: { limit: 512 << 20 },
        cpu: { shares: 1024, quota: 200_000, period: 100_000 },
        pids: { limit: 1000 },
      },
    },
  };
}

/** null, zero, full, random, urandom, tty, ptmx, and the terminals of devpts. */
const dockerDevices = [
  ["c", 1, 3],
  ["c", 1, 5],
  ["c", 1, 7],
  ["c", 1, 8],
  ["c", 1, 9],
  ["c", 5, 0],
  ["c", 5, 2],
  ["c", 136, -1],
] as const;
