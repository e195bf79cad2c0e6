/** linux.resources, field by field, and the files of cgroup v2 that they become. */
import type { OciResources } from "../../../src/spec/oci/config.ts";
import type { Runtime } from "../container.ts";

const MiB = 2 ** 20;

export interface LimitRow {
  readonly field: string;
  readonly resources: OciResources;
  readonly files: Readonly<Record<string, string>>;
  /** Debian's runc 1.1 does not know the field. */
  readonly newerThanRunc11?: boolean;
}

/** The disk of the guest. */
const disk = { major: 254, minor: 0 };

/** What each field becomes: config-linux.md names the v1 files, Documentation/admin-guide/cgroup-v2.rst those of v2. */
const rows: readonly LimitRow[] = [
  {
    field: "memory.limit",
    resources: { memory: { limit: 64 * MiB } },
    files: { "memory.max": `${64 * MiB}` },
  },
  {
    field: "memory.limit -1",
    resources: { memory: { limit: -1 } },
    files: { "memory.max": "max", "memory.swap.max": "max" },
  },
  {
    field: "memory.reservation",
    resources: { memory: { reservation: 16 * MiB } },
    files: { "memory.low": `${16 * MiB}` },
  },
  {
    field: "memory.swap: memory and swap together",
    resources: { memory: { limit: 64 * MiB, swap: 96 * MiB } },
    files: { "memory.max": `${64 * MiB}`, "memory.swap.max": `${32 * MiB}` },
  },
  {
    field: "memory.swap equal to the limit",
    resources: { memory: { limit: 64 * MiB, swap: 64 * MiB } },
    files: { "memory.swap.max": "0" },
  },
  {
    field: "memory.swap -1",
    resources: { memory: { limit: 64 * MiB, swap: -1 } },
    files: { "memory.max": `${64 * MiB}`, "memory.swap.max": "max" },
  },
  { field: "cpu.shares", resources: { cpu: { shares: 1024 } }, files: { "cpu.weight": "39" } },
  { field: "cpu.shares, the least", resources: { cpu: { shares: 2 } }, files: { "cpu.weight": "1" } },
  { field: "cpu.shares, the most", resources: { cpu: { shares: 262144 } }, files: { "cpu.weight": "10000" } },
  { field: "cpu.quota", resources: { cpu: { quota: 50000 } }, files: { "cpu.max": "50000 100000" } },
  {
    field: "cpu.quota and period",
    resources: { cpu: { quota: 30000, period: 60000 } },
    files: { "cpu.max": "30000 60000" },
  },
  { field: "cpu.period", resources: { cpu: { period: 50000 } }, files: { "cpu.max": "max 50000" } },
  {
    field: "cpu.quota -1",
    resources: { cpu: { quota: -1, period: 20000 } },
    files: { "cpu.max": "max 20000" },
  },
  {
    field: "cpu.burst",
    resources: { cpu: { quota: 50000, burst: 20000 } },
    files: { "cpu.max": "50000 100000", "cpu.max.burst": "20000" },
    newerThanRunc11: true,
  },
  { field: "cpu.idle", resources: { cpu: { idle: 1 } }, files: { "cpu.idle": "1" }, newerThanRunc11: true },
  {
    field: "cpu.cpus and mems",
    resources: { cpu: { cpus: "1", mems: "0" } },
    files: { "cpuset.cpus": "1", "cpuset.cpus.effective": "1", "cpuset.mems": "0" },
  },
  { field: "pids.limit", resources: { pids: { limit: 20 } }, files: { "pids.max": "20" } },
  { field: "pids.limit -1", resources: { pids: { limit: -1 } }, files: { "pids.max": "max" } },
  {
    field: "blockIO.weight",
    resources: { blockIO: { weight: 10 } },
    files: { "io.weight": "default 1" },
  },
  {
    field: "blockIO.weight, the most",
    resources: { blockIO: { weight: 1000 } },
    files: { "io.weight": "default 10000" },
  },
  {
    field: "blockIO throttles",
    resources: {
      blockIO: {
        throttleReadBpsDevice: [{ ...disk, rate: MiB }],
        throttleWriteBpsDevice: [{ ...disk, rate: 2 * MiB }],
        throttleReadIOPSDevice: [{ ...disk, rate: 300 }],
        throttleWriteIOPSDevice: [{ ...disk, rate: 400 }],
      },
    },
    files: { "io.max": `254:0 rbps=${MiB} wbps=${2 * MiB} riops=300 wiops=400` },
  },
  {
    field: "hugepageLimits",
    resources: { hugepageLimits: [{ pageSize: "2MB", limit: 4 * MiB }] },
    files: { "hugetlb.2MB.max": `${4 * MiB}` },
  },
  {
    field: "unified",
    resources: {
      unified: {
        "memory.high": `${48 * MiB}`,
        "pids.max": "33",
        "cpu.weight": "200",
        "memory.oom.group": "1",
      },
    },
    files: { "memory.high": `${48 * MiB}`, "pids.max": "33", "cpu.weight": "200", "memory.oom.group": "1" },
  },
  {
    field: "unified, which wins over the field it repeats",
    resources: { pids: { limit: 5 }, unified: { "pids.max": "77" } },
    files: { "pids.max": "77" },
  },
  {
    field: "unified with several lines",
    resources: { unified: { "io.max": "254:0 rbps=1000000\n254:0 wiops=20\n" } },
    files: { "io.max": "254:0 rbps=1000000 wbps=max riops=max wiops=20" },
    newerThanRunc11: true,
  },
];

/** Those that the runtime knows. */
export function rowsFor(runtime: Runtime): readonly LimitRow[] {
  return rows.filter((row) => runtime.name === "sampan" || !row.newerThanRunc11);
}
