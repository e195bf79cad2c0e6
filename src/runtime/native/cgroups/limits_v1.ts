/**
 * Limits on v1: linux.resources to writes, in an order that the kernel takes. Documentation/admin-guide/cgroup-v1/*.rst and
 * Documentation/scheduler/sched-bwc.rst. Pure; `files` is asked for what a cgroup that exists already has.
 */
import { invalid } from "../../../base/errors.ts";
import { errno } from "../../../kernel/errno.ts";
import type { OciBlockIo, OciCpu, OciMemory, OciResources } from "../../../spec/oci/config.ts";
import type { Operation } from "../plan/operations.ts";
import { checkShares, isSet, LimitWrites, ofDevice, rdmaText, throttles } from "./_limits.ts";
import type { CgroupFiles } from "./host.ts";

const { EINVAL, ENOENT } = errno;

/** Errors: naming the field: a value that cannot be, or one whose controller is not mounted. Device rules are not here. */
export function v1Limits(
  resources: OciResources,
  dirs: Readonly<Record<string, string>>,
  files: Pick<CgroupFiles, "read">,
): Operation[] {
  if (Object.keys(resources.unified ?? {}).length > 0) {
    throw invalid("cannot set linux.resources.unified: the host has cgroup v1, unified is for cgroup v2");
  }
  const list = new LimitWrites(dirs);
  if (resources.cpu !== undefined) addCpuset(list, resources.cpu);
  if (resources.memory !== undefined) addMemory(list, resources.memory, files);
  if (resources.cpu !== undefined) addCpu(list, resources.cpu, files);
  addPids(list, resources.pids?.limit);
  if (resources.blockIO !== undefined) addBlockIo(list, resources.blockIO);
  addOthers(list, resources);
  return list.operations;
}

function addCpuset(list: LimitWrites, { cpus, mems }: OciCpu): void {
  if (cpus) list.write("cpuset", "cpuset.cpus", cpus, "cpu.cpus");
  if (mems) list.write("cpuset", "cpuset.mems", mems, "cpu.mems");
}

function addMemory(list: LimitWrites, memory: OciMemory, files: Pick<CgroupFiles, "read">): void {
  // Before the cgroup has a limit: it cannot be set in one that has children or is limited, on the old kernels that have a choice.
  if (memory.useHierarchy === true) list.write("memory", "memory.use_hierarchy", 1, "memory.useHierarchy");
  addMemoryAndSwap(list, memory, files);
  if (isSet(memory.reservation)) {
    list.write("memory", "memory.soft_limit_in_bytes", memory.reservation, "memory.reservation");
  }
  if (memory.disableOOMKiller === true) {
    list.write("memory", "memory.oom_control", 1, "memory.disableOOMKiller");
  }
  if (memory.swappiness === undefined) return;
  if (memory.swappiness < 0 || memory.swappiness > 100) {
    throw invalid(`cannot set linux.resources.memory.swappiness ${memory.swappiness}: 0 to 100 was wanted`);
  }
  list.write("memory", "memory.swappiness", memory.swappiness, "memory.swappiness");
}

/**
 * The kernel keeps limit ≤ memory+swap at every moment. So swap goes first when it grows above what the limit is now, and last else.
 * A new cgroup is unlimited: there the limit goes first. An unlimited limit alone makes swap unlimited too.
 */
function addMemoryAndSwap(
  list: LimitWrites,
  { limit, swap }: OciMemory,
  files: Pick<CgroupFiles, "read">,
): void {
  const limitFile = "memory.limit_in_bytes";
  const swapFile = "memory.memsw.limit_in_bytes";
  const addLimit = (): void => {
    if (isSet(limit)) list.write("memory", limitFile, limit, "memory.limit");
  };
  if (!isSet(swap)) {
    if (isSet(limit) && Number(limit) === -1) {
      // Without swap accounting in the kernel there is no such file, and nothing to do.
      list.write("memory", swapFile, -1, "memory.limit", { errnos: [ENOENT] });
    }
    addLimit();
    return;
  }
  const swapFirst = isSet(limit) && (Number(swap) === -1 || isAbove(swap, currentLimit()));
  if (!swapFirst) addLimit();
  list.write("memory", swapFile, swap, "memory.swap");
  if (swapFirst) addLimit();

  function currentLimit(): string | undefined {
    return files.read(`${list.dir("memory", "memory.limit")}/${limitFile}`);
  }
}

function isAbove(swap: number | bigint, current: string | undefined): boolean {
  return current !== undefined && BigInt(current.trim()) < BigInt(swap);
}

function addCpu(list: LimitWrites, cpu: OciCpu, files: Pick<CgroupFiles, "read">): void {
  // Real-time first: a process with a real-time policy cannot join a cgroup without real-time budget.
  if (isSet(cpu.realtimePeriod)) {
    list.write("cpu", "cpu.rt_period_us", cpu.realtimePeriod, "cpu.realtimePeriod");
  }
  if (isSet(cpu.realtimeRuntime)) {
    list.write("cpu", "cpu.rt_runtime_us", cpu.realtimeRuntime, "cpu.realtimeRuntime");
  }
  if (isSet(cpu.shares)) {
    checkShares(cpu.shares);
    list.write("cpu", "cpu.shares", cpu.shares, "cpu.shares");
  }
  addBandwidth(list, cpu, files);
  if (cpu.idle !== undefined) list.write("cpu", "cpu.idle", cpu.idle, "cpu.idle");
}

/**
 * quota/period may not pass the parent's, and burst not the quota, at any moment. Where there are old values, period and burst are
 * tried first and again behind the quota, since it depends on the values which order the kernel takes. A new cgroup has no quota.
 */
function addBandwidth(list: LimitWrites, cpu: OciCpu, files: Pick<CgroupFiles, "read">): void {
  const { quota, period, burst } = cpu;
  const before = isSet(quota) && (isSet(period) || burst !== undefined) ? exists() : false;
  const tried = before ? { errnos: [EINVAL] } : undefined;
  const addPeriod = (tolerate?: { errnos: number[] }): void => {
    if (isSet(period)) list.write("cpu", "cpu.cfs_period_us", period, "cpu.period", tolerate);
  };
  const addBurst = (errnos: number[]): void => {
    if (burst === undefined) return;
    // Linux 5.14 brought the file; 0 is what there is without it.
    const tolerated = burst === 0 ? [...errnos, ENOENT] : errnos;
    const tolerate = tolerated.length === 0 ? undefined : { errnos: tolerated };
    list.write("cpu", "cpu.cfs_burst_us", burst, "cpu.burst", tolerate);
  };
  addPeriod(tried);
  if (before) addBurst([EINVAL]);
  if (isSet(quota)) list.write("cpu", "cpu.cfs_quota_us", quota, "cpu.quota");
  if (before) addPeriod();
  addBurst([]);

  function exists(): boolean {
    return files.read(`${list.dir("cpu", "cpu.quota")}/cpu.cfs_quota_us`) !== undefined;
  }
}

function addPids(list: LimitWrites, limit: number | undefined): void {
  if (isSet(limit)) list.write("pids", "pids.max", limit > 0 ? limit : "max", "pids.limit");
}

function addBlockIo(list: LimitWrites, block: OciBlockIo): void {
  if (isSet(block.weight)) addWeight(list, "weight", block.weight, "blockIO.weight");
  if (isSet(block.leafWeight)) {
    list.write("blkio", "blkio.leaf_weight", block.leafWeight, "blockIO.leafWeight");
  }
  (block.weightDevice ?? []).forEach((device, index) => {
    const field = `blockIO.weightDevice[${index}]`;
    if (isSet(device.weight))
      addWeight(list, "weight_device", ofDevice(device, device.weight), `${field}.weight`);
    if (isSet(device.leafWeight)) {
      list.write(
        "blkio",
        "blkio.leaf_weight_device",
        ofDevice(device, device.leafWeight),
        `${field}.leafWeight`,
      );
    }
  });
  for (const { field, file } of throttles) {
    (block[field] ?? []).forEach((device, index) => {
      list.write("blkio", file, ofDevice(device, device.rate), `blockIO.${field}[${index}]`);
    });
  }
}

/** The CFQ scheduler's files are gone since Linux 5.0; BFQ has its own. */
function addWeight(list: LimitWrites, name: string, data: number | string, field: string): void {
  list.either("blkio", { file: `blkio.${name}`, data }, { file: `blkio.bfq.${name}`, data }, field);
}

function addOthers(list: LimitWrites, { hugepageLimits, network, rdma }: OciResources): void {
  (hugepageLimits ?? []).forEach(({ pageSize, limit }, index) => {
    const field = `hugepageLimits[${index}]`;
    list.write("hugetlb", `hugetlb.${pageSize}.limit_in_bytes`, limit, field);
    // Linux 5.7 brought the limit at the time of reservation.
    list.write("hugetlb", `hugetlb.${pageSize}.rsvd.limit_in_bytes`, limit, field, { errnos: [ENOENT] });
  });
  if (isSet(network?.classID)) list.write("net_cls", "net_cls.classid", network.classID, "network.classID");
  (network?.priorities ?? []).forEach(({ name, priority }, index) => {
    list.write("net_prio", "net_prio.ifpriomap", `${name} ${priority}`, `network.priorities[${index}]`);
  });
  for (const [device, limit] of Object.entries(rdma ?? {})) {
    list.write("rdma", "rdma.max", rdmaText(device, limit), `rdma.${device}`);
  }
}
