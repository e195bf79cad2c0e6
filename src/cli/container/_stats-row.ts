/** Counters of a container, as people read them; computed as docker's command line does. */
import type { StatsSample } from "../../spec/docker/stats.ts";
import type { Row } from "../format.ts";
import { shortId } from "../text/identifier.ts";
import { formatSize } from "../text/size.ts";

export const statsHeads = {
  Container: "CONTAINER",
  ID: "CONTAINER ID",
  Name: "NAME",
  CPUPerc: "CPU %",
  MemUsage: "MEM USAGE / LIMIT",
  MemPerc: "MEM %",
  NetIO: "NET I/O",
  BlockIO: "BLOCK I/O",
  PIDs: "PIDS",
} as const;

const none = "--";

const binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** `1.5MiB`: memory is counted in powers of two. */
function formatBinary(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < binary.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${Number(size.toPrecision(4))}${binary[unit]}`;
}

const percent = (value: number) => `${value.toFixed(2)}%`;

/** Share of one processor since the sample before: two busy ones are 200. */
export function cpuPercent({ cpu_stats: now, precpu_stats: before }: StatsSample): number {
  const used = (now?.cpu_usage?.total_usage ?? 0) - (before?.cpu_usage?.total_usage ?? 0);
  const passed = (now?.system_cpu_usage ?? 0) - (before?.system_cpu_usage ?? 0);
  const processors = now?.online_cpus || now?.cpu_usage?.percpu_usage?.length || 1;
  return used > 0 && passed > 0 ? (used / passed) * processors * 100 : 0;
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

export function statsRow(container: string, sample: StatsSample, full: boolean): Row {
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
    MemUsage: lives ? `${formatBinary(used)} / ${formatBinary(limit)}` : `${none} / ${none}`,
    MemPerc: shown(() => percent(limit > 0 ? (used / limit) * 100 : 0)),
    NetIO: shown(() => network(sample)),
    BlockIO: shown(() => block(sample)),
    PIDs: shown(() => String(sample.pids_stats?.current ?? 0)),
  };
}
