/** The command line of QEMU's microvm machine: no firmware devices, virtio over MMIO, described to the kernel by ACPI. */

export type Accelerator = "kvm" | "tcg";

/** What the guest mounts: one hierarchy; one for each controller; or those, and one without controllers beside them. */
export type Cgroups = "v2" | "v1" | "hybrid";

export interface Hardware {
  readonly accelerator: Accelerator;
  readonly memoryMiB: number;
  readonly cpus: number;
  readonly kernel: string;
  readonly initramfs: string;
  readonly disk: string;
  /** The file that the kernel's console is written to. */
  readonly console: string;
  /** The rate of the host's time-stamp counter, which is the guest's too. */
  readonly clockKhz: number;
  /** What the guest becomes once its disk is mounted. */
  readonly boot: string;
  readonly cgroups: Cgroups;
  /** More words for the kernel's command line. */
  readonly kernelArguments: readonly string[];
}

/**
 * The agent's port is QEMU's own stdin and stdout, so it needs no socket and closes with whoever started QEMU. Writes to the disk go to a
 * temporary file. `-no-reboot` and `panic=-1` turn a restart and a panic of the guest into the end of QEMU.
 *
 * microvm has none of the timers that the kernel measures the time-stamp counter with. Left to itself it goes by timer interrupts, and one start in
 * twelve hangs there (QEMU 7.2, Linux 6.1); told the rate, it has not hung in a hundred.
 *
 * Software emulation runs all processors in one thread. With a thread for each, one guest in some twenty came to a stop in its first commands, both processors
 * for ever at the same compare-and-swap of 16 bytes in the kernel's allocator; in one thread none did in a hundred, and they are no slower on two cores.
 *
 * KVM: without arch-capabilities, because a nested host refuses to set that register.
 */
export function qemuArguments(hardware: Hardware): string[] {
  const cpu = hardware.accelerator === "kvm" ? "max,-arch-capabilities" : "max";
  const accelerator = hardware.accelerator === "kvm" ? "kvm" : "tcg,thread=single";
  const kernelLine = [
    ["console=ttyS0", "quiet", "panic=-1", `cgroups=${hardware.cgroups}`],
    hardware.cgroups === "v2" ? ["cgroup_no_v1=all"] : [],
    [`tsc_early_khz=${hardware.clockKhz}`, "tsc=reliable", `boot=${hardware.boot}`],
    hardware.kernelArguments,
  ];
  return [
    ["-machine", "microvm,acpi=on", "-accel", accelerator, "-cpu", cpu],
    ["-m", `${hardware.memoryMiB}M`, "-smp", String(hardware.cpus)],
    ["-nodefaults", "-no-user-config", "-nographic", "-no-reboot"],
    ["-kernel", hardware.kernel, "-initrd", hardware.initramfs],
    ["-append", kernelLine.flat().join(" ")],
    ["-serial", `file:${hardware.console}`],
    ["-drive", `file=${hardware.disk},format=raw,if=none,id=disk,snapshot=on,cache=unsafe`],
    ["-device", "virtio-blk-device,drive=disk"],
    ["-chardev", "stdio,id=agent,signal=off", "-device", "virtio-serial-device"],
    ["-device", "virtserialport,chardev=agent,name=agent"],
  ].flat();
}
