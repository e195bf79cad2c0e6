/** What the VM rung needs of the host, and where it keeps what it makes. */
import { join } from "node:path";
import { obstacle, type Needs } from "../needs.ts";

const root = join(import.meta.dir, "../..");

/** Everything that is made or fetched for virtual machines; `make setup` puts the kernel here. */
export const vmFolder = join(root, "build/vm");

export const kernel = join(vmFolder, "vmlinuz");
export const kernelModules = join(vmFolder, "modules");
/** SAMPAN_TEST_EXECUTABLE names another one than `make dist` makes. */
export const executable = process.env["SAMPAN_TEST_EXECUTABLE"] ?? join(root, "dist/sampan");
export const busybox = "/bin/busybox";
export const guestFolder = join(import.meta.dir, "guest");

/** For tests that boot a machine. No root: QEMU and mke2fs do without. */
export const machineNeeds: Needs = {
  programs: ["qemu-system-x86_64", "mke2fs", "gcc", "ldd", "setpriv"],
  files: [busybox, kernel, kernelModules],
};

/** For tests of the executable that `make dist` makes. */
export const runtimeNeeds: Needs = { ...machineNeeds, files: [...(machineNeeds.files ?? []), executable] };

/** Why no virtual machine can be started here; undefined where one can. */
export function whyNoMachine(): string | undefined {
  return obstacle(machineNeeds);
}
