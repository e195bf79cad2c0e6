/**
 * Limits on v2: linux.resources, which is written in the terms of v1, to writes. Documentation/admin-guide/cgroup-v2.rst. Pure; `files`
 * is asked for what a cgroup that exists already has.
 */
import { invalid, SampanError } from "../../../base/errors.ts";
import { errno } from "../../../kernel/errno.ts";
import type { Int, OciBlockIo, OciCpu, OciMemory, OciResources } from "../../../spec/oci/config.ts";
import type { Operation } from "../plan/operations.ts";
import { checkShares, isSet, LimitWrites, ofDevice, rdmaText, throttles } from "./_limits.ts";
import type { CgroupFiles } from "./host.ts";

const { EINVAL, ENOENT } = errno;

export interface V2Place {
  readonly dir: string;
  /** What the cgroup has or will have; undefined: not known, and the kernel's answer to each write tells. */
  readonly controllers?: readonly string[] | undefined;
}

/** Errors: naming the field: a value that cannot be, a field that only v1 has, or one whose controller the host lacks. */
export function v2Limits(
  resources: OciResources,
  { dir, controllers }: V2Place,
  files: Pick<CgroupFiles, "read">,
): Operation[] {
  const list = new LimitWrites(v2Dirs(dir, controllers));
  refuseV1Only(resources);
  if (isSet(resources.pids?.limit)) {
    list.write("pids", "pids.max", resources.pids.limit > 0 ? resources.pids.limit : "max", "pids.limit");
  }
  if (resources.memory !== undefined) addMemory(list, resources.memory);
  if (resources.blockIO !== undefined) addBlockIo(list, resources.blockIO);
  if (resources.cpu !== undefined) addCpu(list, resources.cpu, (file) => files.read(`${dir}/${file}`));
  addOthers(list, resources);
  addUnified(list, resources.unified ?? {}, controllers);
  return list.operations;
}

/** The resources' controllers that are there, all with the same directory. */
function v2Dirs(dir: string, controllers: readonly string[] | undefined): Record<string, string> {
  const names = controllers ?? ["cpu", "cpuset", "io", "memory", "pids", "hugetlb", "rdma"];
  return Object.fromEntries([...names, ""].map((name) => [name, dir]));
}

/** Whether a domain controller is asked for: those cannot be in a threaded cgroup (cgroup-v2.rst, "Threads"). As runc counts them. */
export function needsDomain({ memory, blockIO, cpu, hugepageLimits }: OciResources): boolean {
  const inMemory = isSet(memory?.limit) || isSet(memory?.swap) || isSet(memory?.reservation);
  const inIo =
    isSet(blockIO?.weight) ||
    [blockIO?.weightDevice, ...throttles.map((t) => blockIO?.[t.field])].some(isFilled);
  const inCpu =
    isSet(cpu?.shares) ||
    isSet(cpu?.quota) ||
    isSet(cpu?.period) ||
    cpu?.idle !== undefined ||
    isSet(cpu?.burst);
  return inMemory || inIo || inCpu || isFilled(hugepageLimits);
}

/** Whether any limit is asked for. */
export function needsControllers(resources: OciResources): boolean {
  const { cpu, pids, unified } = resources;
  if (needsDomain(resources) || isSet(pids?.limit)) return true;
  return Boolean(cpu?.cpus) || Boolean(cpu?.mems) || Object.keys(unified ?? {}).length > 0;
}

function isFilled(list: readonly unknown[] | undefined): boolean {
  return list !== undefined && list.length > 0;
}

/** What has no counterpart on v2. To pass it over would leave the container without what was asked for. */
function refuseV1Only({ memory, cpu, blockIO, network }: OciResources): void {
  const fields: Record<string, boolean> = {
    "memory.swappiness": memory?.swappiness !== undefined,
    "memory.disableOOMKiller": memory?.disableOOMKiller === true,
    "cpu.realtimePeriod": isSet(cpu?.realtimePeriod),
    "cpu.realtimeRuntime": isSet(cpu?.realtimeRuntime),
    "blockIO.leafWeight": isSet(blockIO?.leafWeight),
    "blockIO.weightDevice.leafWeight": (blockIO?.weightDevice ?? []).some((d) => isSet(d.leafWeight)),
    "network.classID": isSet(network?.classID),
    "network.priorities": isFilled(network?.priorities),
  };
  for (const field in fields) {
    if (fields[field] !== true) continue;
    throw new SampanError(
      "failed_precondition",
      `cannot set linux.resources.${field}: the host has cgroup v2, only cgroup v1 has it`,
    );
  }
}

function addMemory(list: LimitWrites, { limit, swap, reservation }: OciMemory): void {
  const swapMax = swapOnly(swap ?? 0, limit ?? 0);
  if (swapMax !== undefined) {
    // Without swap accounting in the kernel there is no such file; none and unlimited are then what there is.
    const tolerate = swapMax === "max" || swapMax === "0" ? { errnos: [ENOENT] } : undefined;
    list.write("memory", "memory.swap.max", swapMax, isSet(swap) ? "memory.swap" : "memory.limit", tolerate);
  }
  if (isSet(limit)) list.write("memory", "memory.max", orMax(limit), "memory.limit");
  if (isSet(reservation)) list.write("memory", "memory.low", orMax(reservation), "memory.reservation");
}

/** memory.swap is memory and swap together, as on v1; memory.swap.max is swap alone. Undefined: nothing to set. */
export function swapOnly(swap: Int, limit: Int): string | undefined {
  if (Number(swap) === 0) return Number(limit) === -1 ? "max" : undefined;
  if (Number(swap) === -1) return "max";
  if (Number(limit) === -1) return String(swap);
  if (Number(limit) === 0) {
    throw invalid(
      `cannot set linux.resources.memory.swap ${swap}: memory.limit is not set, on cgroup v2 it is needed with swap`,
    );
  }
  if (BigInt(swap) < BigInt(limit)) {
    throw invalid(
      `cannot set linux.resources.memory.swap ${swap}: it is memory and swap together, so at least memory.limit ${limit} was wanted`,
    );
  }
  return String(BigInt(swap) - BigInt(limit));
}

function orMax(value: Int): string {
  return Number(value) === -1 ? "max" : String(value);
}

function addBlockIo(list: LimitWrites, block: OciBlockIo): void {
  if (isSet(block.weight)) addWeight(list, block.weight, (weight) => String(weight), "blockIO.weight");
  (block.weightDevice ?? []).forEach((device, index) => {
    if (!isSet(device.weight)) return;
    const field = `blockIO.weightDevice[${index}].weight`;
    addWeight(list, device.weight, (weight) => ofDevice(device, weight), field);
  });
  for (const { field, key } of throttles) {
    (block[field] ?? []).forEach((device, index) => {
      list.write("io", "io.max", ofDevice(device, `${key}=${device.rate}`), `blockIO.${field}[${index}]`);
    });
  }
}

/** The BFQ scheduler's file, where it is; else that of the cost model, whose weights are 1 to 10000 for blkio's 10 to 1000. */
function addWeight(list: LimitWrites, weight: number, text: (weight: number) => string, field: string): void {
  const converted = 1 + Math.trunc(((weight - 10) * 9999) / 990);
  list.either(
    "io",
    { file: "io.bfq.weight", data: text(weight) },
    { file: "io.weight", data: text(converted) },
    field,
  );
}

/**
 * Shares 2 to 262144 to a weight from 1 to 10000, on a straight line: the formula of runc up to 1.3 (opencontainers/cgroups before
 * 0.0.5, and KEP-2254). 1024 shares are weight 39.
 */
export function sharesToWeight(shares: number): number {
  return 1 + Math.trunc(((shares - 2) * 9999) / 262142);
}

function addCpu(list: LimitWrites, cpu: OciCpu, current: (file: string) => string | undefined): void {
  if (cpu.idle !== undefined) list.write("cpu", "cpu.idle", cpu.idle, "cpu.idle");
  if (isSet(cpu.shares)) {
    checkShares(cpu.shares);
    list.write("cpu", "cpu.weight", sharesToWeight(cpu.shares), "cpu.shares");
  }
  addBandwidth(list, cpu, current);
  if (cpu.cpus) list.write("cpuset", "cpuset.cpus", cpu.cpus, "cpu.cpus");
  if (cpu.mems) list.write("cpuset", "cpuset.mems", cpu.mems, "cpu.mems");
}

/** Burst may not pass the quota: where there is an old quota it is tried first, and again behind the new quota. */
function addBandwidth(
  list: LimitWrites,
  { quota, period, burst }: OciCpu,
  current: (file: string) => string | undefined,
): void {
  const old = isSet(quota) || isSet(period) ? current("cpu.max") : undefined;
  const addBurst = (errnos: number[]): void => {
    if (burst === undefined) return;
    // Linux 5.14 brought the file; 0 is what there is without it.
    const tolerated = burst === 0 ? [...errnos, ENOENT] : errnos;
    const tolerate = tolerated.length === 0 ? undefined : { errnos: tolerated };
    list.write("cpu", "cpu.max.burst", burst, "cpu.burst", tolerate);
  };
  if (old !== undefined) addBurst([EINVAL]);
  if (isSet(quota) || isSet(period)) {
    const [oldQuota = "max", oldPeriod = "100000"] = old?.trim().split(" ") ?? [];
    const newQuota = isSet(quota) ? (quota > 0 ? quota : "max") : oldQuota;
    const field = isSet(quota) ? "cpu.quota" : "cpu.period";
    list.write("cpu", "cpu.max", `${newQuota} ${isSet(period) ? period : oldPeriod}`, field);
  }
  addBurst([]);
}

function addOthers(list: LimitWrites, { hugepageLimits, rdma }: OciResources): void {
  (hugepageLimits ?? []).forEach(({ pageSize, limit }, index) => {
    const field = `hugepageLimits[${index}]`;
    list.write("hugetlb", `hugetlb.${pageSize}.max`, limit, field);
    // Linux 5.7 brought the limit at the time of reservation.
    list.write("hugetlb", `hugetlb.${pageSize}.rsvd.max`, limit, field, { errnos: [ENOENT] });
  });
  for (const [device, limit] of Object.entries(rdma ?? {})) {
    list.write("rdma", "rdma.max", rdmaText(device, limit), `rdma.${device}`);
  }
}

/** File name to content, as it is, a write for each line: that is how the kernel takes files like io.max. */
function addUnified(
  list: LimitWrites,
  unified: Readonly<Record<string, string>>,
  controllers: readonly string[] | undefined,
): void {
  for (const [file, text] of Object.entries(unified)) {
    const field = `unified["${file}"]`;
    const dot = file.indexOf(".");
    if (file.includes("/") || dot <= 0 || dot === file.length - 1) {
      throw invalid(
        `cannot set linux.resources.${field}: a file's name like memory.high was wanted, without a path`,
      );
    }
    const controller = file.slice(0, dot);
    if (controller !== "cgroup" && controllers !== undefined && !controllers.includes(controller)) {
      throw new SampanError(
        "failed_precondition",
        `cannot set linux.resources.${field}: the host has no controller "${controller}", it has ${controllers.join(" ") || "none"}`,
      );
    }
    for (const line of text.split("\n")) if (line !== "") list.write("", file, line, field);
  }
}
