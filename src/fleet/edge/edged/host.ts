/** What this machine is: read from its own files, as a node says it of itself. */
import { readFileSync, statfsSync } from "node:fs";
import { arch, cpus, networkInterfaces, release, totalmem } from "node:os";
import { leastOomScore } from "../../../engine/host-abilities.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { parseResolv } from "./dns.ts";
import type { NodeFacts } from "./translate.ts";

function text(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}

/** Of the device that leads out, IPv4 first; of any other that is no loopback where none leads out. */
export function hostAddresses(
  interfaces = networkInterfaces(),
  routes: { readonly four: string; readonly six: string } = {
    four: text("/proc/net/route"),
    six: text("/proc/net/ipv6_route"),
  },
): string[] {
  const lines = routes.four.split("\n").map((line) => line.split(/\s+/));
  const four = lines
    .filter(([, destination, , , , , , mask]) => destination === "00000000" && mask === "00000000")
    .toSorted((a, b) => Number(a[6]) - Number(b[6]))[0]?.[0];
  const six = routes.six
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find(
      ([destination, prefix, , , via]) =>
        /^0+$/.test(destination ?? "") && prefix === "00" && !/^0*$/.test(via ?? ""),
    )
    ?.at(-1);
  const of = (name: string | undefined, family: string) =>
    (name === undefined ? [] : (interfaces[name] ?? []))
      .filter((each) => each.family === family && !each.internal && !/^fe80:/i.test(each.address))
      .map(({ address }) => address)
      .slice(0, 1);
  const found = [...of(four, "IPv4"), ...of(six, "IPv6")];
  if (found.length > 0) return found;
  return Object.keys(interfaces)
    .flatMap((name) => of(name, "IPv4"))
    .slice(0, 1);
}

export interface FactsOptions {
  readonly name: string;
  /** In the place of what the machine says. */
  readonly ips?: readonly string[];
  readonly clusterDns?: readonly string[];
  readonly clusterDomain?: string;
  readonly apiAuthority?: () => string | undefined;
  readonly node: () => KubeObject | undefined;
}

export function nodeFacts({
  name,
  ips,
  clusterDns = [],
  clusterDomain = "cluster.local",
  apiAuthority,
  node,
}: FactsOptions): NodeFacts {
  return {
    name,
    // They may change while this runs.
    get ips() {
      return ips ?? hostAddresses();
    },
    memory: totalmem(),
    processors: cpus().length,
    clusterDns,
    clusterDomain,
    ...(apiAuthority && { apiAuthority }),
    node,
    resolver: () => parseResolv(text("/etc/resolv.conf")),
    leastOomScore: leastOomScore(),
  };
}

/** As Go names them. */
const architectures: Readonly<Record<string, string>> = {
  x64: "amd64",
  arm64: "arm64",
  arm: "arm",
  riscv64: "riscv64",
};

/** status.nodeInfo. `runtime` is the engine's version. */
export function nodeInfo({ runtime, kubelet }: { readonly runtime: string; readonly kubelet: string }) {
  const machine = text("/etc/machine-id");
  return {
    machineID: machine,
    systemUUID: text("/sys/class/dmi/id/product_uuid") || machine,
    bootID: text("/proc/sys/kernel/random/boot_id"),
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text("/etc/os-release"))?.[1] ?? "Linux",
    containerRuntimeVersion: `sampan://${runtime}`,
    kubeletVersion: kubelet,
    kubeProxyVersion: "",
    operatingSystem: "linux",
    architecture: architectures[arch()] ?? arch(),
  };
}

export interface Space {
  /** Bytes. */
  readonly total: number;
  readonly available: number;
  readonly inodes: number;
  readonly inodesFree: number;
}

/** Of the file system that holds a folder. */
export function spaceOf(folder: string): Space {
  const { bsize, blocks, bavail, files, ffree } = statfsSync(folder);
  return { total: bsize * blocks, available: bsize * bavail, inodes: files, inodesFree: ffree };
}

/** Bytes. */
export function availableMemory(meminfo = text("/proc/meminfo")): number {
  return Number(/^MemAvailable: +(\d+) kB/m.exec(meminfo)?.[1] ?? 0) * 1024;
}

/** Of the whole machine, in threads: proc_loadavg(5). */
export function processCount(): { readonly most: number; readonly used: number } {
  const limits = ["pid_max", "threads-max"].map((name) => Number(text(`/proc/sys/kernel/${name}`)));
  const used = Number(/ \d+\/(\d+) /.exec(text("/proc/loadavg"))?.[1] ?? 0);
  return { most: Math.min(...limits.filter((limit) => limit > 0), 2 ** 22), used };
}
