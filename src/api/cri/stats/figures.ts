/** From the kernel's counters to the CRI's messages. Pure. What the kernel does not count is absent, not 0. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ContainerStats } from "../../../engine/containers/stats.ts";
import type {
  CpuUsageSchema,
  IoUsageSchema,
  MemoryUsageSchema,
  PsiStatsSchema,
  SwapUsageSchema,
} from "../../../wire/cri/cri_pb.ts";

/** The runtime's, as the engine gives them. */
export type Counters = NonNullable<ContainerStats["used"]>;

type Pressure = NonNullable<NonNullable<Counters["pressure"]>["cpu"]>;
type Share = Pressure["some"];

/** Counters that were read at one moment. */
export interface Sample {
  /** Nanoseconds since 1970. */
  readonly at: bigint;
  readonly used: Counters;
}

export const number = (value: number): { value: bigint } => ({
  value: BigInt(Math.max(0, Math.round(value))),
});

/** `nanoCores`: nanoseconds of processors in a second, lately. */
export function cpuUsage(
  { at, used }: Sample,
  nanoCores: number | undefined,
): MessageInitShape<typeof CpuUsageSchema> {
  return {
    timestamp: at,
    usageCoreNanoSeconds: number(used.cpu.total),
    ...(nanoCores !== undefined && { usageNanoCores: number(nanoCores) }),
    ...psi(used.pressure?.cpu),
  };
}

export function memoryUsage({ at, used }: Sample): MessageInitShape<typeof MemoryUsageSchema> {
  const { memory } = used;
  const workingSet = workingSetOf(used);
  return {
    timestamp: at,
    workingSetBytes: number(workingSet),
    ...(memory.limit !== undefined && { availableBytes: number(memory.limit - workingSet) }),
    usageBytes: number(memory.usage),
    rssBytes: number(statOf(used, "rss", "anon")),
    pageFaults: number(statOf(used, "pgfault")),
    majorPageFaults: number(statOf(used, "pgmajfault")),
    ...psi(used.pressure?.memory),
  };
}

export function swapUsage({ at, used }: Sample): { swap?: MessageInitShape<typeof SwapUsageSchema> } {
  const { swap } = used.memory;
  if (!swap) return {};
  const available = swap.limit !== undefined && { swapAvailableBytes: number(swap.limit - swap.usage) };
  return { swap: { timestamp: at, swapUsageBytes: number(swap.usage), ...available } };
}

export function ioUsage({ at, used }: Sample): { io?: MessageInitShape<typeof IoUsageSchema> } {
  const io = used.pressure?.io;
  return io ? { io: { timestamp: at, ...psi(io) } } : {};
}

/** What the kernel could not simply drop. */
export function workingSetOf(used: Counters): number {
  return Math.max(0, used.memory.usage - statOf(used, "inactive_file"));
}

/** Of memory.stat: with those of groups below it, which version 1 keeps apart as `total_…`; `second` is version 2's word for it. */
export function statOf({ version, memory: { stat } }: Counters, name: string, second = name): number {
  return (version === 1 ? (stat[`total_${name}`] ?? stat[name]) : stat[second]) ?? 0;
}

function psi(pressure: Pressure | undefined): { psi?: MessageInitShape<typeof PsiStatsSchema> } {
  return pressure ? { psi: { Full: share(pressure.full), Some: share(pressure.some) } } : {};
}

/** The kernel counts microseconds, the CRI nanoseconds. */
function share({ total, avg10, avg60, avg300 }: Share) {
  return { Total: BigInt(total) * 1000n, Avg10: avg10, Avg60: avg60, Avg300: avg300 };
}
