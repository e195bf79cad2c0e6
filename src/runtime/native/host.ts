/** The facts of this host that a plan depends on: read once a command, only those that the configuration asks for. */
import { exists, isExecutable, readText, readTextIfThere } from "../../kernel/files.ts";
import { effectiveUid } from "../../kernel/libc.ts";
import type { OciConfig } from "../../spec/oci/config.ts";
import { cgroupHost } from "./cgroups/host.ts";
import type { Host } from "./plan/compile/context.ts";

/** linux.netDevices are looked up by network.ts, since that takes netlink. */
export function readHost(config: OciConfig): Host {
  const euid = effectiveUid();
  const users = (config.linux?.namespaces ?? []).some(({ type }) => type === "user");
  return {
    arch: process.arch === "arm64" ? "arm64" : "x64",
    euid,
    egid: process.getegid?.() ?? 0,
    inUserNamespace: inUserNamespace(),
    cgroups: cgroupHost(),
    lastCapability: lastCapability(),
    appArmor: config.process?.apparmorProfile ? appArmorEnabled() : false,
    seLinux:
      config.process?.selinuxLabel || config.linux?.mountLabel ? exists("/sys/fs/selinux/enforce") : false,
    ...(users && euid !== 0 ? idHelpers() : {}),
  };
}

/** A map that is not the whole range belongs to a user namespace (user_namespaces(7)). */
function inUserNamespace(): boolean {
  const [line = ""] = readText("/proc/self/uid_map").split("\n");
  return !/^\s*0\s+0\s+4294967295\s*$/.test(line);
}

function lastCapability(): number {
  const number = Number(readText("/proc/sys/kernel/cap_last_cap"));
  return Number.isInteger(number) ? Math.min(number, 63) : 40;
}

function appArmorEnabled(): boolean {
  const enabled = readTextIfThere("/sys/module/apparmor/parameters/enabled") ?? "";
  return enabled.startsWith("Y") && exists("/sys/kernel/security/apparmor");
}

function idHelpers(): { newuidmap?: string; newgidmap?: string } {
  const newuidmap = findProgram("newuidmap");
  const newgidmap = findProgram("newgidmap");
  return { ...(newuidmap && { newuidmap }), ...(newgidmap && { newgidmap }) };
}

function findProgram(name: string): string | undefined {
  const path = process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin";
  return path
    .split(":")
    .map((dir) => `${dir}/${name}`)
    .find(isExecutable);
}

/** The mount point that a path lies on: the longest in mountinfo that leads to it. */
export function mountOf(path: string): string {
  let best = "/";
  for (const line of readText("/proc/self/mountinfo").split("\n")) {
    const point = line.split(" ")[4]?.replaceAll("\\040", " ");
    if (point === undefined || point.length < best.length) continue;
    if (path === point || path.startsWith(point === "/" ? "/" : `${point}/`)) best = point;
  }
  return best;
}
