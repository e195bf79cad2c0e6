/** Counters of a container, as people read them; computed as docker's command line does. */
import type { ContainerInspect } from "../../spec/docker/containers.ts";
import type { StatsSample } from "../../spec/docker/stats.ts";
import type { Row } from "../format.ts";
import { shortId } from "../text/identifier.ts";
import { formatSize } from "../text/size.ts";

export const statsHeads = {
  Container: "CONTAINER",
  ID: "CONTAINER ID",
  Name: "NAME",
  CPUPerc: "CPU %",
  CPUHostPerc: "CPU % HOST",
  CPULimit: "CPU LIMIT",
  CPULimitPerc: "CPU % LIMIT",
  MemUsage: "MEM USAGE / LIMIT",
  MemPerc: "MEM %",
  NetIO: "NET I/O",
  BlockIO: "BLOCK I/O",
  PIDs: "PIDS",
} as const;

const none = "--";

const binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** `1.5MiB`: memory is counted in powers of two. */
export function formatBinary(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < binary.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${Number(size.toPrecision(4))}${binary[unit]}`;
}

const percent = (value: number) => `${value.toFixed(2)}%`;

/** Share of all processors of the host since the sample before. */
export function cpuPercentOfHost({ cpu_stats: now, precpu_stats: before }: StatsSample): number {
  const used = (now?.cpu_usage?.total_usage ?? 0) - (before?.cpu_usage?.total_usage ?? 0);
  const passed = (now?.system_cpu_usage ?? 0) - (before?.system_cpu_usage ?? 0);
  return used > 0 && passed > 0 ? (used / passed) * 100 : 0;
}

/** Share of one processor: two busy ones are 200. */
export function cpuPercent(sample: StatsSample): number {
  const { cpu_stats: now } = sample;
  const processors = now?.online_cpus || now?.cpu_usage?.percpu_usage?.length || 1;
  return cpuPercentOfHost(sample) * processors;
}

/** The kernel's own period, in microseconds. */
const usualPeriod = 100_000;

type Limits = Pick<ContainerInspect["HostConfig"], "NanoCpus" | "CpuQuota" | "CpuPeriod" | "CpusetCpus">;

/** Processors that it may use, `0.5` half a one: the least of what was asked for. Undefined without a limit. */
export function cpuLimit({
  NanoCpus,
  CpuQuota = 0,
  CpuPeriod = 0,
  CpusetCpus = "",
}: Limits): number | undefined {
  const limits = [NanoCpus / 1e9, CpuQuota / (CpuPeriod || usualPeriod), inSet(CpusetCpus)];
  const set = limits.filter((limit) => limit > 0);
  return set.length > 0 ? Math.min(...set) : undefined;
}

/** How many `0-2,4` are. */
function inSet(list: string): number {
  return list.split(",").reduce((sum, range) => {
    const [first = "", last = first] = range.split("-");
    return sum + (first === "" ? 0 : Number(last) - Number(first) + 1);
  }, 0);
}

/** Without the page cache that the kernel drops first. */
export function memoryUsed({ memory_stats: memory }: StatsSample): number {
  const { usage = 0, stats = {} } = memory ?? {};
  // cgroup v1 has the sum over the whole tree; v2 has no other.
  const cache = stats["total_inactive_file"] ?? stats["inactive_file"] ?? 0;
  return cache < usage ? usage - cache : usage;
}

function network({ networks = {} }: StatsSample): string {
  const sum = (key: "rx_bytes" | "tx_bytes") =>
    Object.values(networks).reduce((total, each) => total + each[key], 0);
  return `${formatSize(sum("rx_bytes"))} / ${formatSize(sum("tx_bytes"))}`;
}

function block({ blkio_stats: io }: StatsSample): string {
  const entries = io?.io_service_bytes_recursive ?? [];
  const sum = (word: string) =>
    entries.filter(({ op }) => op.toLowerCase() === word).reduce((total, { value }) => total + value, 0);
  return `${formatSize(sum("read"))} / ${formatSize(sum("write"))}`;
}

export interface StatsLook {
  /** Ids are not cut. */
  readonly full: boolean;
  /** Of the processor; undefined without one. */
  readonly cpus: number | undefined;
}

export function statsRow(container: string, sample: StatsSample, { full, cpus }: StatsLook): Row {
  const id = sample.id ?? container;
  const limit = sample.memory_stats?.limit ?? 0;
  const used = memoryUsed(sample);
  const lives = sample.cpu_stats !== undefined;
  const shown = (text: () => string) => (lives ? text() : none);
  return {
    Container: container,
    ID: full ? id : shortId(id),
    Name: (sample.name ?? none).replace(/^\//, ""),
    CPUPerc: shown(() => percent(cpuPercent(sample))),
    CPUHostPerc: shown(() => percent(cpuPercentOfHost(sample))),
    CPULimit: cpus === undefined ? none : String(cpus),
    CPULimitPerc: cpus === undefined ? none : shown(() => percent(cpuPercent(sample) / cpus)),
    MemUsage: lives ? `${formatBinary(used)} / ${formatBinary(limit)}` : `${none} / ${none}`,
    MemPerc: shown(() => percent(limit > 0 ? (used / limit) * 100 : 0)),
    NetIO: shown(() => network(sample)),
    BlockIO: shown(() => block(sample)),
    PIDs: shown(() => String(sample.pids_stats?.current ?? 0)),
  };
}
