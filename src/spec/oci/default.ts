import type { OciConfig, OciIdMapping, OciMount, OciNamespace } from "./config.ts";
import { ociVersion } from "./values.ts";

export interface DefaultOptions {
  /** A document that an ordinary user can run. */
  rootless?: boolean;
  /** The user's own ids on the host, for `rootless`; 0 when left out. */
  uid?: number;
  gid?: number;
  /** The host has cgroup v2 only: the container gets a cgroup namespace. */
  unifiedCgroups?: boolean;
}

/**
 * The starting document that `spec` writes, in runc's order and with its values (runc 1.3, `runc spec`): a shell in
 * "rootfs", read-only, with three capabilities.
 */
export function defaultConfig(options: DefaultOptions = {}): OciConfig {
  const config = rootfulConfig(options.unifiedCgroups ?? false);
  return options.rootless === true ? rootlessConfig(config, options) : config;
}

/**
 * The same container for an ordinary user: a user namespace with the user's own ids as 0, the host's network, no
 * cgroup limits, and the host's /sys bound, because sysfs needs a network namespace of its own. `config` stays as it is.
 */
export function rootlessConfig(config: OciConfig, ids: { uid?: number; gid?: number }): OciConfig {
  const { resources: _r, uidMappings: _u, gidMappings: _g, namespaces = [], ...rest } = config.linux ?? {};
  const kept = namespaces.filter(({ type }) => type !== "network" && type !== "user");
  return {
    ...config,
    mounts: (config.mounts ?? []).map(rootlessMount),
    linux: {
      uidMappings: [onlyRoot(ids.uid ?? 0)],
      gidMappings: [onlyRoot(ids.gid ?? 0)],
      namespaces: [...kept, { type: "user" }],
      ...rest,
    },
  };
}

function onlyRoot(hostID: number): OciIdMapping {
  return { containerID: 0, hostID, size: 1 };
}

function rootlessMount(mount: OciMount): OciMount {
  if (mount.destination.replace(/\/+$/, "") === "/sys") {
    return {
      destination: "/sys",
      type: "none",
      source: "/sys",
      options: ["rbind", "nosuid", "noexec", "nodev", "ro"],
    };
  }
  if (mount.options === undefined) return mount;
  return { ...mount, options: mount.options.filter((option) => !/^[ug]id=/.test(option)) };
}

const capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];

function rootfulConfig(unifiedCgroups: boolean): OciConfig {
  return {
    ociVersion,
    process: {
      terminal: true,
      user: { uid: 0, gid: 0 },
      args: ["sh"],
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
      cwd: "/",
      capabilities: {
        bounding: [...capabilities],
        effective: [...capabilities],
        permitted: [...capabilities],
      },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: "rootfs", readonly: true },
    hostname: "runc",
    mounts: defaultMounts(),
    linux: {
      resources: { devices: [{ allow: false, access: "rwm" }] },
      namespaces: defaultNamespaces(unifiedCgroups),
      maskedPaths: [
        "/proc/acpi",
        "/proc/asound",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/proc/sched_debug",
        "/sys/firmware",
        "/proc/scsi",
      ],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
  };
}

function defaultNamespaces(unifiedCgroups: boolean): OciNamespace[] {
  const types: OciNamespace["type"][] = ["pid", "network", "ipc", "uts", "mount"];
  if (unifiedCgroups) types.push("cgroup");
  return types.map((type) => ({ type }));
}

function defaultMounts(): OciMount[] {
  return [
    { destination: "/proc", type: "proc", source: "proc" },
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    {
      destination: "/dev/shm",
      type: "tmpfs",
      source: "shm",
      options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
    },
    {
      destination: "/dev/mqueue",
      type: "mqueue",
      source: "mqueue",
      options: ["nosuid", "noexec", "nodev"],
    },
    {
      destination: "/sys",
      type: "sysfs",
      source: "sysfs",
      options: ["nosuid", "noexec", "nodev", "ro"],
    },
    {
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: ["nosuid", "noexec", "nodev", "relatime", "ro"],
    },
  ];
}
