/** KVM or QEMU's own translator. */
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { vmFolder } from "./place.ts";
import type { Accelerator } from "./qemu.ts";

/**
 * Which of the two works here. A /dev/kvm that opens may still run no guest, so `kvmRunsGuests` has to start one; it is asked once for each boot
 * of the host, and the answer is kept in build/vm.
 */
export async function chooseAccelerator(kvmRunsGuests: () => Promise<boolean>): Promise<Accelerator> {
  if (!opens("/dev/kvm")) return "tcg";
  const hostBoot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  const answer = join(vmFolder, `accelerator-${hostBoot}`);
  const known = readIfThere(answer);
  if (known === "kvm" || known === "tcg") return known;
  const found = (await kvmRunsGuests()) ? "kvm" : "tcg";
  mkdirSync(vmFolder, { recursive: true });
  writeFileSync(answer, found);
  return found;
}

function opens(device: string): boolean {
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
