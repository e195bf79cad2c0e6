/** Facts that only the host knows, for the pure functions of this folder. */
import { existsSync, lstatSync, readFileSync, readdirSync, statSync } from "node:fs";
import { cpus, release } from "node:os";
import { join } from "node:path";
import { readTextIfThere } from "../../../kernel/files.ts";
import type { OciDevice } from "../../../spec/oci/config.ts";
import { parseContexts, selinuxLabels, type SelinuxContexts, type SelinuxOptions } from "./selinux.ts";

export interface HostFacts {
  readonly unifiedCgroups: boolean;
  /** Whether memory and swap together can be limited. */
  readonly swapLimit: boolean;
  /** Capabilities that can be given, a bit each. */
  readonly bounding: bigint;
  /** Nodes below /dev, for a privileged container. */
  readonly devices: readonly OciDevice[];
  /** Processors that are there. */
  readonly processors: number;
  /** cgroup v1's cpu.rt_runtime_us. */
  readonly realtime: boolean;
  readonly appArmor: boolean;
  /** What SELinux' policy has for containers; undefined where it is off. */
  readonly seLinux?: SelinuxContexts;
  /** Of cgroup v2. */
  readonly controllers: readonly string[];
  /** Whether huge pages can be limited. */
  readonly hugepages: boolean;
  /** `5.12`. */
  readonly kernel: string;
  /** A node of the host; a folder gives all below it. Errors: ENOENT and the like. */
  readonly nodesAt: (path: string) => readonly OciDevice[];
  /** Hard limits of this process by their OCI names; Infinity for none. */
  readonly limits: Readonly<Record<string, number>>;
}

/** `privileged`: with all nodes below /dev. */
export function hostFacts({ privileged }: { readonly privileged: boolean }): HostFacts {
  const unified = readTextIfThere("/sys/fs/cgroup/cgroup.controllers");
  const unifiedCgroups = unified !== undefined;
  const controllers = unified?.trim().split(" ") ?? [];
  const seLinux = selinuxOfHost();
  return {
    unifiedCgroups,
    swapLimit: unifiedCgroups || existsSync("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"),
    bounding: boundingSet(),
    devices: privileged ? devicesBelow("/dev") : [],
    processors: cpus().length,
    realtime: existsSync("/sys/fs/cgroup/cpu/cpu.rt_runtime_us"),
    appArmor: readTextIfThere("/sys/module/apparmor/parameters/enabled")?.startsWith("Y") === true,
    ...(seLinux && { seLinux }),
    controllers,
    hugepages: controllers.includes("hugetlb") || existsSync("/sys/fs/cgroup/hugetlb"),
    kernel: release(),
    nodesAt,
    limits: ownLimits(readFileSync("/proc/self/limits", "utf8")),
  };
}

/** Of the policy that is loaded; what containers have wherever it says nothing of them. */
function selinuxContexts(): SelinuxContexts {
  const policy = /^SELINUXTYPE=(\w+)/m.exec(readTextIfThere("/etc/selinux/config") ?? "")?.[1] ?? "targeted";
  const text = readTextIfThere(`/etc/selinux/${policy}/contexts/lxc_contexts`) ?? "";
  return (
    parseContexts(text) ?? {
      process: "system_u:system_r:container_t:s0",
      file: "system_u:object_r:container_file_t:s0",
    }
  );
}

/** Of the root file system of a container with these options; undefined where the host has no SELinux. */
export function mountLabel(asked: SelinuxOptions | undefined): string | undefined {
  return asked && selinuxLabels(asked, selinuxOfHost())?.mount;
}

const selinuxOfHost = () => (existsSync("/sys/fs/selinux/enforce") ? selinuxContexts() : undefined);

function boundingSet(): bigint {
  const digits = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return BigInt(`0x${digits ?? "0"}`);
}

/** /proc/self/limits, by the words that proc(5) has for them. */
const limitNames = {
  RLIMIT_AS: "address space",
  RLIMIT_CORE: "core file size",
  RLIMIT_CPU: "cpu time",
  RLIMIT_DATA: "data size",
  RLIMIT_FSIZE: "file size",
  RLIMIT_LOCKS: "file locks",
  RLIMIT_MEMLOCK: "locked memory",
  RLIMIT_MSGQUEUE: "msgqueue size",
  RLIMIT_NICE: "nice priority",
  RLIMIT_NOFILE: "open files",
  RLIMIT_NPROC: "processes",
  RLIMIT_RSS: "resident set",
  RLIMIT_RTPRIO: "realtime priority",
  RLIMIT_RTTIME: "realtime timeout",
  RLIMIT_SIGPENDING: "pending signals",
  RLIMIT_STACK: "stack size",
} as const;

export function ownLimits(text: string): Record<string, number> {
  return Object.fromEntries(
    Object.entries(limitNames).flatMap(([name, words]) => {
      const hard = new RegExp(`^Max ${words}\\s+\\S+\\s+(\\S+)`, "m").exec(text)?.[1];
      return hard === undefined ? [] : [[name, hard === "unlimited" ? Infinity : Number(hard)]];
    }),
  );
}

/** What a container has of its own, or what is a terminal of somebody. */
const ownNodes = new Set(["console", "fd", "mqueue", "ptmx", "pts", "shm", "stderr", "stdin", "stdout"]);

function devicesBelow(folder: string, without: ReadonlySet<string> = ownNodes): OciDevice[] {
  return readdirSync(folder).flatMap((name): OciDevice[] => {
    const path = join(folder, name);
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (!stat || without.has(name)) return [];
    return stat.isDirectory() ? devicesBelow(path, without) : nodeOf(path, stat);
  });
}

type Stat = NonNullable<ReturnType<typeof lstatSync>>;

function nodeOf(path: string, stat: Stat): OciDevice[] {
  if (!stat.isCharacterDevice() && !stat.isBlockDevice()) return [];
  const number = BigInt(stat.rdev);
  return [
    {
      path,
      type: stat.isBlockDevice() ? "b" : "c",
      major: Number((number >> 8n) & 0xfffn),
      minor: Number((number & 0xffn) | ((number >> 12n) & 0xfff00n)),
      fileMode: Number(stat.mode) & 0o777,
      uid: Number(stat.uid),
      gid: Number(stat.gid),
    },
  ];
}

/** Links are followed, as /dev/disk/by-id wants it. */
function nodesAt(path: string): OciDevice[] {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) throw new Error("no such file or directory");
  return stat.isDirectory() ? devicesBelow(path, new Set()) : nodeOf(path, stat);
}
