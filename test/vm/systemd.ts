/** A guest that Debian's systemd runs, for the systemd cgroup driver: process 1 is systemd, our agent one of its services. */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { obstacle, type Needs } from "../needs.ts";
import { diskImage, type GuestFile } from "./image.ts";
import { bootVm, type MachineOptions, type VirtualMachine } from "./machine.ts";
import { machineNeeds, vmFolder } from "./place.ts";
import { agentProgram, imageFolder, madeOnce } from "./prepare.ts";

const suite = "bookworm";
const base = join(vmFolder, `systemd-${suite}`);

/** Large, and of no use to a guest. */
const unwanted = ["usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists"];

/**
 * What the tests need. Where the base system is not there yet it is made first, which takes root, and half a minute of downloading: where
 * that fails, the base system is what is missing.
 */
export function systemdNeeds(): Needs {
  const needs: Needs = {
    root: true,
    programs: [...(machineNeeds.programs ?? []), "debootstrap"],
    files: machineNeeds.files ?? [],
  };
  if (obstacle(needs) === undefined) attempt(baseSystem);
  return { ...needs, files: [...(needs.files ?? []), base] };
}

function attempt(make: () => unknown): void {
  try {
    make();
  } catch (error) {
    console.error(String(error));
  }
}

const service = `[Unit]
Description=Runs commands for the host
[Service]
ExecStart=/sbin/agent
KillMode=process
Delegate=yes
[Install]
WantedBy=multi-user.target
`;

/** Boots it with these files added, and waits until all services are up. */
export async function bootSystemd(
  files: readonly GuestFile[],
  options: Omit<MachineOptions, "files" | "disk" | "boot"> = {},
): Promise<VirtualMachine> {
  const unit = "/etc/systemd/system/agent.service";
  const own: GuestFile[] = [
    { path: "/sbin/agent", from: agentProgram() },
    { path: unit, text: service, mode: 0o644 },
    { path: "/etc/systemd/system/multi-user.target.wants/agent.service", link: unit },
    { path: "/etc/machine-id", text: "0123456789abcdef0123456789abcdef\n", mode: 0o444 },
    { path: "/etc/fstab", text: "", mode: 0o644 },
  ];
  const disk = diskImage({ files: [...own, ...files], cacheFolder: imageFolder, base: baseSystem() });
  // A login on the console would wait for a device that only udev announces.
  const kernelArguments = ["systemd.getty_auto=no", ...(options.kernelArguments ?? [])];
  const boot = {
    memoryMiB: 768,
    bootSeconds: 300,
    ...options,
    disk,
    boot: "/lib/systemd/systemd",
    kernelArguments,
  };
  const vm = await bootVm(boot);
  await vm.run(["systemctl", "is-system-running", "--wait"], { seconds: 240 });
  return vm;
}

function baseSystem(): string {
  if (existsSync(base)) return base;
  return madeOnce(`systemd-${suite}`, (target) => {
    const include = "--include=systemd,systemd-sysv,dbus";
    const made = Bun.spawnSync(["debootstrap", "--variant=minbase", include, suite, target], {
      stdin: "ignore",
    });
    if (!made.success)
      throw new Error(`cannot make a Debian base system: ${made.stdout.toString().slice(-2000)}`);
    for (const folder of unwanted) {
      rmSync(join(target, folder), { recursive: true, force: true });
      mkdirSync(join(target, folder), { recursive: true });
    }
    // Device nodes and mount points: the guest mounts its own.
    for (const folder of ["dev", "proc", "sys", "run", "tmp"]) {
      rmSync(join(target, folder), { recursive: true, force: true });
      mkdirSync(join(target, folder));
    }
  });
}
