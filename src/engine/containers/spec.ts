/** The OCI configuration of a container, from its image's configuration, what was asked, and facts about the host. Pure; Docker's defaults. */
import { posix } from "node:path";
import { invalid } from "../../base/errors.ts";
import type { CreateBody, HostConfig } from "../../spec/docker/create.ts";
import type {
  OciConfig,
  OciDevice,
  OciLinux,
  OciMount,
  OciNamespace,
  OciResources,
} from "../../spec/oci/config.ts";
import { capabilitySets, containerCapabilities, defaultSeccomp } from "./capabilities.ts";
import { processArguments, processEnvironment } from "./process.ts";
import { hostConfig, sharesHostNetwork, type StoredContainer } from "./request.ts";
import { cgroupOf } from "./states.ts";
import type { ResolvedUser } from "./user.ts";
import type { VolumeMount } from "./volumes.ts";

/** Facts that only the host knows. */
export interface HostFacts {
  readonly unifiedCgroups: boolean;
  /** Whether memory and swap together can be limited. */
  readonly swapLimit: boolean;
  /** Capabilities that can be given, a bit each. */
  readonly bounding: bigint;
  /** Nodes below /dev, for a privileged container. */
  readonly devices: readonly OciDevice[];
}

export interface SpecInput {
  readonly id: string;
  readonly rootfs: string;
  readonly stored: StoredContainer;
  readonly user: ResolvedUser;
  readonly host: HostFacts;
  readonly hostname: string;
  /** Files of ours that are bound over the image's, by their place in the container. */
  readonly files: Readonly<Record<string, string>>;
  /** Where a volume or bind lies on the host. */
  readonly sourceOf: (volume: VolumeMount) => string;
}

export function containerSpec(input: SpecInput): OciConfig {
  const { stored, user, hostname, rootfs } = input;
  const { body, image } = stored;
  const names = containerCapabilities(hostConfig(body), input.host.bounding);
  return {
    // The oldest that has all of what stands here, for runtimes of other people.
    ociVersion: "1.0.2",
    process: {
      terminal: body.Tty === true,
      user: { uid: user.uid, gid: user.gid, additionalGids: [...user.additionalGids] },
      args: processArguments(body, image),
      env: processEnvironment({ body, image, hostname, home: user.home }),
      cwd: workingDirectory(body.WorkingDir || image.WorkingDir),
      capabilities: capabilitySets(names, user.uid),
      noNewPrivileges: false,
    },
    root: { path: rootfs, readonly: hostConfig(body).ReadonlyRootfs === true },
    hostname,
    mounts: mounts(input),
    linux: linux(input, names),
  };
}

function workingDirectory(path: string | undefined): string {
  if (path?.includes("\0")) throw invalid("cannot use the working directory: it holds a NUL byte");
  return posix.join("/", path ?? "").replace(/(?<=.)\/$/, "");
}

function linux({ id, stored, host }: SpecInput, capabilities: readonly string[]): OciLinux {
  const { body, remap } = stored;
  return {
    namespaces: namespaces(stored, host),
    ...(remap && {
      uidMappings: remap.uids.map((range) => ({ ...range })),
      gidMappings: remap.gids.map((range) => ({ ...range })),
    }),
    cgroupsPath: `/${cgroupOf(id)}`,
    resources: resources(hostConfig(body), host),
    rootfsPropagation: "rprivate",
    ...(!sharesHostNetwork(body) && !remap && { sysctl: { ...sysctls } }),
    ...(hostConfig(body).Privileged
      ? { devices: host.devices.map((device) => ({ ...device })) }
      : {
          seccomp: defaultSeccomp(capabilities),
          maskedPaths: [...maskedPaths],
          readonlyPaths: [...readonlyPaths],
        }),
  };
}

/** As Docker sets them: ping and low ports without capabilities, inside a network of its own. */
const sysctls = { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647" };

/** With /sys/devices/virtual/powercap: its counters tell what the processor computes (CVE-2020-8694, GHSA-jq35-85cj-fj4p). */
const maskedPaths = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
] as const;

const readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"] as const;

function namespaces({ body, remap }: StoredContainer, host: HostFacts): OciNamespace[] {
  const types: OciNamespace["type"][] = ["mount", "uts", "pid", "ipc"];
  if (!sharesHostNetwork(body)) types.push("network");
  // Where the old and the new tree are both there, Docker leaves the host's.
  if (host.unifiedCgroups && !hostConfig(body).Privileged) types.push("cgroup");
  if (remap) types.push("user");
  return types.map((type) => ({ type }));
}

function resources(asked: HostConfig, host: HostFacts): OciResources {
  const { Memory, NanoCpus, PidsLimit, Privileged } = asked;
  const period = 100_000;
  return {
    devices: [{ allow: Privileged === true, access: "rwm" }],
    ...(Memory && { memory: { limit: Memory, ...(host.swapLimit && { swap: 2 * Memory }) } }),
    ...(NanoCpus && { cpu: { quota: Math.round((NanoCpus / 1e9) * period), period } }),
    ...(PidsLimit && PidsLimit > 0 && { pids: { limit: PidsLimit } }),
  };
}

/** Files of ours that are bound over the image's. */
export const ownFiles = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"] as const;

/** Where something is mounted into a container. */
export function mountTargets({ body, remap, volumes }: StoredContainer): string[] {
  const kernel = kernelMounts(body, remap !== undefined).map(({ destination }) => destination);
  return [...kernel, ...ownFiles, ...volumes.map(({ destination }) => destination)];
}

function mounts({ stored, files, sourceOf }: SpecInput): OciMount[] {
  const { body, remap, volumes } = stored;
  const taken = new Set(volumes.map(({ destination }) => destination));
  const kernel = kernelMounts(body, remap !== undefined);
  const own = Object.entries(files).map(([destination, source]): OciMount => ({
    destination,
    type: "bind",
    source,
    options: ["rbind", "rprivate", ...(hostConfig(body).ReadonlyRootfs ? ["ro"] : [])],
  }));
  return [
    ...[...kernel, ...own].filter(({ destination }) => !taken.has(destination)),
    ...volumes.map((volume): OciMount => ({
      destination: volume.destination,
      type: "bind",
      source: sourceOf(volume),
      options: ["rbind", volume.propagation, ...(volume.readonly ? ["ro"] : [])],
    })),
  ];
}

function kernelMounts(body: CreateBody, ownIds: boolean): OciMount[] {
  const quiet = ["nosuid", "noexec", "nodev"];
  const access = hostConfig(body).Privileged ? "rw" : "ro";
  const mount = (type: string, destination: string, options: string[], source = type): OciMount => ({
    destination,
    type,
    source,
    options,
  });
  // sysfs can be mounted only by who owns the network namespace.
  const sys =
    ownIds && sharesHostNetwork(body)
      ? mount("bind", "/sys", ["rbind", ...quiet, access], "/sys")
      : mount("sysfs", "/sys", [...quiet, access]);
  return [
    mount("proc", "/proc", quiet),
    mount("tmpfs", "/dev", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    mount("devpts", "/dev/pts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    sys,
    mount("cgroup", "/sys/fs/cgroup", [...quiet, "relatime", access]),
    mount("mqueue", "/dev/mqueue", quiet),
    mount("tmpfs", "/dev/shm", [...quiet, "mode=1777", "size=65536k"], "shm"),
  ];
}
