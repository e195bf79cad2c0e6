/**
 * The metrics of containers and pods by the names that cadvisor gave them, so that what was built on a kubelet's /metrics/cadvisor goes on. Each row: name, help, kind, further
 * labels, and its values. A container that has none of something has no line of it.
 */
import type { ContainerInfo } from "../../../engine/containers/containers.ts";
import { MetricType } from "../../../wire/cri/cri_pb.ts";
import { type Counters, statOf, workingSetOf } from "./figures.ts";
import type { LayerUse } from "./layer-usage.ts";
import type { Device } from "./network.ts";

/** Labels that all have, in this order. */
export const baseLabels = ["container", "id", "image", "name", "namespace", "pod"] as const;

export interface Value {
  readonly value: number;
  /** Of the row's own labels, in their order. */
  readonly labels?: readonly string[];
}

export interface MetricRow<Facts> {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly labels: readonly string[];
  readonly values: (facts: Facts) => readonly Value[];
}

export interface ContainerFacts {
  readonly used: Counters;
  readonly info: ContainerInfo;
  readonly layer: LayerUse | undefined;
  readonly processes: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** `8:0` → `/dev/sda`. */
  readonly deviceName: (major: number, minor: number) => string;
}

const { COUNTER, GAUGE } = MetricType;

type One<Facts> = (facts: Facts) => number | undefined;

function plain<Facts>(type: MetricType, name: string, help: string, of: One<Facts>): MetricRow<Facts> {
  const values = (facts: Facts) => {
    const value = of(facts);
    return value === undefined ? [] : [{ value }];
  };
  return { name, help, type, labels: [], values };
}

const counter = (name: string, help: string, of: One<ContainerFacts>) => plain(COUNTER, name, help, of);
const gauge = (name: string, help: string, of: One<ContainerFacts>) => plain(GAUGE, name, help, of);

/** Whole seconds, which is what a Metric can carry. */
const seconds = (nanoseconds: number | undefined) =>
  nanoseconds === undefined ? undefined : Math.floor(nanoseconds / 1e9);
const fromMicroseconds = (value: number | undefined) =>
  value === undefined ? undefined : Math.floor(value / 1e6);

const cpu: readonly MetricRow<ContainerFacts>[] = [
  counter("container_cpu_user_seconds_total", "Seconds of processors in user mode", ({ used }) =>
    seconds(used.cpu.user),
  ),
  counter("container_cpu_system_seconds_total", "Seconds of processors in the kernel", ({ used }) =>
    seconds(used.cpu.kernel),
  ),
  {
    name: "container_cpu_usage_seconds_total",
    help: "Seconds of processors",
    type: COUNTER,
    labels: ["cpu"],
    values: ({ used }) => [{ value: seconds(used.cpu.total) ?? 0, labels: ["total"] }],
  },
  counter(
    "container_cpu_cfs_periods_total",
    "Periods of the processor limit that have passed",
    ({ used }) => used.cpu.periods,
  ),
  counter(
    "container_cpu_cfs_throttled_periods_total",
    "Periods in which it was held back",
    ({ used }) => used.cpu.throttledPeriods,
  ),
  counter("container_cpu_cfs_throttled_seconds_total", "Seconds for which it was held back", ({ used }) =>
    seconds(used.cpu.throttledTime),
  ),
];

const memory: readonly MetricRow<ContainerFacts>[] = [
  gauge(
    "container_memory_usage_bytes",
    "Bytes of memory, used lately or not",
    ({ used }) => used.memory.usage,
  ),
  gauge(
    "container_memory_working_set_bytes",
    "Bytes of memory that could not simply be dropped",
    ({ used }) => workingSetOf(used),
  ),
  gauge(
    "container_memory_max_usage_bytes",
    "The most bytes of memory so far",
    ({ used }) => used.memory.maxUsage,
  ),
  gauge("container_memory_rss", "Bytes of anonymous memory", ({ used }) => statOf(used, "rss", "anon")),
  gauge("container_memory_cache", "Bytes of the page cache", ({ used }) => statOf(used, "cache", "file")),
  gauge("container_memory_mapped_file", "Bytes of files that are mapped", ({ used }) =>
    statOf(used, "mapped_file", "file_mapped"),
  ),
  gauge(
    "container_memory_kernel_usage",
    "Bytes of the kernel's own memory",
    ({ used }) => used.memory.stat["kernel"],
  ),
  gauge("container_memory_swap", "Bytes of swap", ({ used }) => used.memory.swap?.usage),
  gauge(
    "container_memory_total_active_file_bytes",
    "Bytes of the page cache that were used lately",
    ({ used }) => statOf(used, "active_file"),
  ),
  gauge(
    "container_memory_total_inactive_file_bytes",
    "Bytes of the page cache that were not used lately",
    ({ used }) => statOf(used, "inactive_file"),
  ),
  counter(
    "container_memory_failcnt",
    "How often the limit of memory was reached",
    ({ used }) => used.memory.failures,
  ),
  {
    name: "container_memory_failures_total",
    help: "Page faults",
    type: COUNTER,
    labels: ["failure_type", "scope"],
    values: ({ used }) =>
      (["pgfault", "pgmajfault"] as const).flatMap((type) => [
        { value: used.memory.stat[type] ?? 0, labels: [type, "container"] },
        { value: statOf(used, type), labels: [type, "hierarchy"] },
      ]),
  },
  counter(
    "container_oom_events_total",
    "How often the kernel killed a process of it for memory",
    ({ used }) => used.memory.oomKills,
  ),
];

const processes: readonly MetricRow<ContainerFacts>[] = [
  gauge("container_processes", "Processes", (facts) => facts.processes),
  gauge("container_threads", "Threads", ({ used }) => used.pids.current),
  gauge(
    "container_threads_max",
    "The most threads that it may have; 0 is no limit",
    ({ used }) => used.pids.limit ?? 0,
  ),
];

function disk(operation: "read" | "write", unit: "bytes" | "operations"): MetricRow<ContainerFacts> {
  const what = unit === "bytes" ? "_bytes" : "";
  return {
    name: `container_fs_${operation}s${what}_total`,
    help:
      unit === "bytes"
        ? `Bytes of ${operation}s of disks`
        : `${operation === "read" ? "Reads" : "Writes"} of disks`,
    type: COUNTER,
    labels: ["device"],
    values: ({ used, deviceName }) =>
      used.io
        .filter(({ op }) => op === operation)
        .map((each) => ({ value: each[unit], labels: [deviceName(each.major, each.minor)] })),
  };
}

const disks: readonly MetricRow<ContainerFacts>[] = [
  disk("read", "bytes"),
  disk("read", "operations"),
  disk("write", "bytes"),
  disk("write", "operations"),
  gauge("container_fs_usage_bytes", "Bytes that it has written to its layer", ({ layer }) => layer?.bytes),
  gauge("container_fs_inodes_used", "Inodes of its layer", ({ layer }) => layer?.inodes),
  {
    name: "container_hugetlb_usage_bytes",
    help: "Bytes of huge pages",
    type: GAUGE,
    labels: ["pagesize"],
    values: ({ used }) =>
      Object.entries(used.hugepages ?? {}).map(([size, { usage }]) => ({ value: usage, labels: [size] })),
  },
];

function pressure(kind: "cpu" | "memory" | "io"): readonly MetricRow<ContainerFacts>[] {
  const name = kind === "io" ? "disks" : kind === "cpu" ? "processors" : kind;
  return [
    counter(
      `container_pressure_${kind}_stalled_seconds_total`,
      `Seconds in which all its tasks waited for ${name}`,
      ({ used }) => fromMicroseconds(used.pressure?.[kind]?.full.total),
    ),
    counter(
      `container_pressure_${kind}_waiting_seconds_total`,
      `Seconds in which a task of it waited for ${name}`,
      ({ used }) => fromMicroseconds(used.pressure?.[kind]?.some.total),
    ),
  ];
}

const specification: readonly MetricRow<ContainerFacts>[] = [
  gauge(
    "container_start_time_seconds",
    "When it was started: seconds since 1970",
    ({ info }) => info.started && Math.floor(info.started.getTime() / 1000),
  ),
  gauge("container_last_seen", "When it was seen last: seconds since 1970", ({ now }) =>
    Math.floor(now / 1000),
  ),
  gauge("container_spec_cpu_period", "Microseconds of a period of its processor limit", ({ info }) =>
    positive(info.body.HostConfig?.CpuPeriod),
  ),
  gauge("container_spec_cpu_quota", "Microseconds of processors that it may use in a period", ({ info }) =>
    positive(info.body.HostConfig?.CpuQuota),
  ),
  gauge("container_spec_cpu_shares", "Its share of processors where they are scarce", ({ info }) =>
    positive(info.body.HostConfig?.CpuShares),
  ),
  gauge(
    "container_spec_memory_limit_bytes",
    "Bytes of memory that it may use; 0 is no limit",
    ({ used }) => used.memory.limit ?? 0,
  ),
  gauge(
    "container_spec_memory_swap_limit_bytes",
    "Bytes of swap that it may use; 0 is no limit",
    ({ used }) => used.memory.swap?.limit ?? 0,
  ),
];

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}

export const containerMetrics: readonly MetricRow<ContainerFacts>[] = [
  ...cpu,
  ...memory,
  ...processes,
  ...disks,
  ...pressure("cpu"),
  ...pressure("memory"),
  ...pressure("io"),
  ...specification,
];

function traffic(
  direction: "receive" | "transmit",
  what: string,
  key: keyof Omit<Device, "name">,
): MetricRow<readonly Device[]> {
  const verb = direction === "receive" ? "came" : "went";
  return {
    name: `container_network_${direction}_${what}_total`,
    help: `${what.replaceAll("_", " ")} that ${verb} through a device`.replace(/^./, (first) =>
      first.toUpperCase(),
    ),
    type: COUNTER,
    labels: ["interface"],
    values: (devices) => devices.map((device) => ({ value: device[key], labels: [device.name] })),
  };
}

/** Of a pod as a whole. */
export const podMetrics: readonly MetricRow<readonly Device[]>[] = [
  traffic("receive", "bytes", "rxBytes"),
  traffic("receive", "packets", "rxPackets"),
  traffic("receive", "packets_dropped", "rxDropped"),
  traffic("receive", "errors", "rxErrors"),
  traffic("transmit", "bytes", "txBytes"),
  traffic("transmit", "packets", "txPackets"),
  traffic("transmit", "packets_dropped", "txDropped"),
  traffic("transmit", "errors", "txErrors"),
];
