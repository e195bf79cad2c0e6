/** Limits: Docker's fields as linux.resources. Pure. */
import { invalid } from "../../../base/errors.ts";
import type { CreateBody, HostConfig, Resources } from "../../../spec/docker/create.ts";
import type { Int, OciBlockIo, OciCpu, OciMemory, OciResources } from "../../../spec/oci/config.ts";
import { parseNumberList } from "../../../spec/oci/number-list.ts";
import { hostConfig } from "../request.ts";
import type { HostFacts } from "./host.ts";

type Facts = Pick<HostFacts, "unifiedCgroups" | "swapLimit" | "processors" | "realtime" | "nodesAt">;

/** Microseconds. */
const period = 100_000;
const leastMemory = 6 << 20;
/** Beyond it a 64-bit integer of JSON has lost digits: it was the largest there is. */
const largest = 2 ** 63 - 2 ** 53;

/** All but devices. */
export function limits(asked: Resources, facts: Facts): OciResources {
  const [memory, cpu, blockIO] = [memoryOf(asked, facts), cpuOf(asked, facts), blockOf(asked, facts)];
  const { PidsLimit } = asked;
  return {
    ...(memory && { memory }),
    ...(cpu && { cpu }),
    ...(PidsLimit && { pids: { limit: Math.max(-1, PidsLimit) } }),
    ...(blockIO && { blockIO }),
  };
}

function memoryOf(asked: Resources, { swapLimit, unifiedCgroups }: Facts): OciMemory | undefined {
  const { Memory, MemoryReservation, MemorySwap, MemorySwappiness, OomKillDisable } = asked;
  const swap = MemorySwap || (Memory && Memory > 0 ? 2 * Memory : 0);
  return filled<OciMemory>({
    limit: Memory ? bytes(Memory) : undefined,
    reservation: MemoryReservation ? bytes(MemoryReservation) : undefined,
    swap: swapLimit && swap ? bytes(swap) : undefined,
    swappiness:
      !unifiedCgroups && typeof MemorySwappiness === "number" && MemorySwappiness >= 0
        ? MemorySwappiness
        : undefined,
    disableOOMKiller: !unifiedCgroups && OomKillDisable ? true : undefined,
  });
}

function bytes(value: number): Int {
  return value < 0 || value > largest ? -1 : value;
}

function cpuOf(asked: Resources, { realtime }: Facts): OciCpu | undefined {
  const { NanoCpus, CpuShares, CpuPeriod, CpuQuota, CpusetCpus, CpusetMems } = asked;
  return filled<OciCpu>({
    shares: CpuShares || undefined,
    period: NanoCpus ? period : CpuPeriod || undefined,
    quota: NanoCpus ? Math.round((NanoCpus / 1e9) * period) : CpuQuota || undefined,
    realtimePeriod: (realtime && asked.CpuRealtimePeriod) || undefined,
    realtimeRuntime: (realtime && asked.CpuRealtimeRuntime) || undefined,
    cpus: CpusetCpus || undefined,
    mems: CpusetMems || undefined,
  });
}

function blockOf(asked: Resources, facts: Facts): OciBlockIo | undefined {
  const device = (path: string) => {
    const [node, ...more] = nodes(facts, path);
    if (!node || more.length > 0)
      throw invalid(`cannot limit device "${path}": it is no node of a device, wanted one`);
    return { major: node.major ?? 0, minor: node.minor ?? 0 };
  };
  const throttles = (list: Resources["BlkioDeviceReadBps"]) =>
    list?.length ? list.map(({ Path, Rate }) => ({ ...device(Path), rate: Rate })) : undefined;
  const weights = asked.BlkioWeightDevice;
  return filled<OciBlockIo>({
    weight: asked.BlkioWeight || undefined,
    weightDevice: weights?.length
      ? weights.map(({ Path, Weight }) => ({ ...device(Path), weight: Weight }))
      : undefined,
    throttleReadBpsDevice: throttles(asked.BlkioDeviceReadBps),
    throttleWriteBpsDevice: throttles(asked.BlkioDeviceWriteBps),
    throttleReadIOPSDevice: throttles(asked.BlkioDeviceReadIOps),
    throttleWriteIOPSDevice: throttles(asked.BlkioDeviceWriteIOps),
  });
}

function nodes({ nodesAt }: Facts, path: string) {
  try {
    return nodesAt(path);
  } catch (error) {
    throw invalid(`cannot limit device "${path}": ${(error as Error).message}`);
  }
}

type Loose<T> = { readonly [K in keyof T]: T[K] | undefined };

/** Undefined when nothing is asked for. */
function filled<T extends object>(fields: Loose<T>): T | undefined {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as T);
}

/** What Docker's daemon refuses, in the words of this house. Returns warnings, for what is taken and does nothing here. Errors: `invalid_argument`. */
export function checkResources(asked: Resources, facts: Facts): string[] {
  checkMemory(asked);
  checkCpu(asked, facts);
  checkBlock(asked);
  const warnings: string[] = [];
  const { Memory, MemorySwap, MemorySwappiness, OomKillDisable } = asked;
  if ((MemorySwap || Memory) && !facts.swapLimit)
    warnings.push(
      "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.",
    );
  if (facts.unifiedCgroups && OomKillDisable)
    warnings.push("Your kernel does not support OomKillDisable. OomKillDisable discarded.");
  else if (OomKillDisable && !Memory)
    warnings.push(
      "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.",
    );
  if (facts.unifiedCgroups && typeof MemorySwappiness === "number" && MemorySwappiness >= 0)
    warnings.push(
      "Your kernel does not support memory swappiness capabilities. Memory swappiness discarded.",
    );
  return warnings;
}

function refuse(field: string, value: unknown, wanted: string): Error {
  return invalid(`cannot set ${field} to ${String(value)}: wanted ${wanted}`);
}

function checkMemory(asked: Resources): void {
  const { Memory = 0, MemoryReservation = 0, MemorySwap = 0, MemorySwappiness } = asked;
  if (Memory !== 0 && Memory < leastMemory) throw refuse("Memory", Memory, "at least 6 MiB");
  if (MemoryReservation !== 0 && MemoryReservation < leastMemory)
    throw refuse("MemoryReservation", MemoryReservation, "at least 6 MiB");
  if (MemorySwap < -1) throw refuse("MemorySwap", MemorySwap, "-1, 0 or more");
  if (MemorySwap > 0 && Memory === 0) throw refuse("MemorySwap", MemorySwap, "Memory beside it");
  if (MemorySwap > 0 && MemorySwap < Memory)
    throw refuse("MemorySwap", MemorySwap, `at least Memory, which is ${Memory}: it counts both together`);
  if (Memory > 0 && MemoryReservation > Memory)
    throw refuse("MemoryReservation", MemoryReservation, `at most Memory, which is ${Memory}`);
  if (typeof MemorySwappiness === "number" && (MemorySwappiness < -1 || MemorySwappiness > 100))
    throw refuse("MemorySwappiness", MemorySwappiness, "0 to 100");
}

function checkCpu(asked: Resources, { processors, realtime }: Facts): void {
  const { NanoCpus = 0, CpuPeriod = 0, CpuQuota = 0, CpuShares = 0 } = asked;
  if (NanoCpus > 0 && (CpuPeriod > 0 || CpuQuota > 0))
    throw refuse("NanoCpus", NanoCpus, "either it or CpuPeriod and CpuQuota");
  if (NanoCpus < 0 || NanoCpus > processors * 1e9 || (NanoCpus > 0 && NanoCpus < 1e7))
    throw refuse("NanoCpus", NanoCpus, `0.01 to ${processors} processors, as many as there are`);
  if (CpuPeriod !== 0 && (CpuPeriod < 1000 || CpuPeriod > 1e6))
    throw refuse("CpuPeriod", CpuPeriod, "1000 to 1000000 microseconds");
  if (CpuQuota > 0 && CpuQuota < 1000) throw refuse("CpuQuota", CpuQuota, "at least 1000 microseconds");
  if (CpuShares < 0) throw refuse("CpuShares", CpuShares, "0 or more");
  if (!realtime && (asked.CpuRealtimePeriod || asked.CpuRealtimeRuntime))
    throw invalid(
      "cannot set CpuRealtimePeriod and CpuRealtimeRuntime: this kernel's cgroups have no real-time limits",
    );
  if ((asked.CpuRealtimeRuntime ?? 0) > (asked.CpuRealtimePeriod || 1e6))
    throw refuse("CpuRealtimeRuntime", asked.CpuRealtimeRuntime, "at most CpuRealtimePeriod");
  const { CpusetCpus } = asked;
  if (!CpusetCpus) return;
  const wanted = parseNumberList(CpusetCpus);
  const missing = wanted?.find((cpu) => cpu >= processors);
  if (wanted === undefined || missing !== undefined)
    throw refuse("CpusetCpus", JSON.stringify(CpusetCpus), `some of 0-${processors - 1}, which are there`);
}

function checkBlock(asked: Resources): void {
  const weights = [asked.BlkioWeight ?? 0, ...(asked.BlkioWeightDevice ?? []).map(({ Weight }) => Weight)];
  for (const weight of weights)
    if (weight !== 0 && (weight < 10 || weight > 1000)) throw refuse("a block weight", weight, "10 to 1000");
}

/** What `update` may change; what the kernel takes only of a new container is not among it. */
const changeable = [
  "CpuShares",
  "Memory",
  "NanoCpus",
  "BlkioWeight",
  "BlkioWeightDevice",
  "BlkioDeviceReadBps",
  "BlkioDeviceWriteBps",
  "BlkioDeviceReadIOps",
  "BlkioDeviceWriteIOps",
  "CpuPeriod",
  "CpuQuota",
  "CpuRealtimePeriod",
  "CpuRealtimeRuntime",
  "CpusetCpus",
  "CpusetMems",
  "MemoryReservation",
  "MemorySwap",
  "PidsLimit",
] as const satisfies readonly (keyof Resources)[];

export interface Updated {
  /** With all that is set afterwards, so that a runtime may set it as a whole. */
  readonly resources: OciResources;
  readonly body: CreateBody;
  readonly warnings: readonly string[];
}

/**
 * What a container has when these limits are changed. 0 and absent leave a limit as it is. A new share of processors takes period and quota away, and the other way
 * round. Errors: `invalid_argument`.
 */
export function updateResources(body: CreateBody, changes: Resources, facts: Facts): Updated {
  const old = hostConfig(body);
  const given = Object.fromEntries(
    changeable.flatMap((name) => {
      const value = changes[name];
      const empty = value === undefined || value === null || value === 0 || value === "";
      // 0 is how one says "no limit" of processes.
      return empty && !(name === "PidsLimit" && value === 0) ? [] : [[name, value]];
    }),
  ) as Partial<HostConfig>;
  if (given.NanoCpus && (given.CpuPeriod || given.CpuQuota))
    throw refuse("NanoCpus", given.NanoCpus, "either it or CpuPeriod and CpuQuota");
  const host: HostConfig = {
    ...old,
    ...(given.NanoCpus && { CpuPeriod: 0, CpuQuota: 0 }),
    ...((given.CpuPeriod || given.CpuQuota) && { NanoCpus: 0 }),
    ...given,
  };
  if (
    given.Memory &&
    !given.MemorySwap &&
    old.MemorySwap &&
    old.MemorySwap > 0 &&
    given.Memory > old.MemorySwap
  )
    throw refuse(
      "Memory",
      given.Memory,
      `at most MemorySwap, which is ${old.MemorySwap}: update it at the same time`,
    );
  const warnings = checkResources(host, facts);
  return { resources: limits(host, facts), body: { ...body, HostConfig: host }, warnings };
}
