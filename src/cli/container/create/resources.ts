/** Flags of resources, as create and update have them. */
import { invalid } from "../../../base/errors.ts";
import type { Resources } from "../../../spec/docker/create.ts";
import { given } from "../../flags/shared.ts";
import { parseBytes } from "../../text/size.ts";

export interface ResourceFlags {
  readonly memory: number | undefined;
  readonly "memory-swap": string | undefined;
  readonly "memory-reservation": number | undefined;
  readonly cpus: number | undefined;
  readonly "cpu-shares": number | undefined;
  readonly "cpu-period": number | undefined;
  readonly "cpu-quota": number | undefined;
  readonly "cpu-rt-period": number | undefined;
  readonly "cpu-rt-runtime": number | undefined;
  readonly "cpuset-cpus": string | undefined;
  readonly "cpuset-mems": string | undefined;
  readonly "pids-limit": number | undefined;
  readonly "blkio-weight": number | undefined;
}

function swap(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytes = text === "-1" ? -1 : parseBytes(text);
  if (bytes === undefined)
    throw invalid(`invalid argument "${text}" for --memory-swap: wanted a size, as 1g, or -1`);
  return bytes;
}

/** Errors: `invalid_argument`. */
export function resourcesOf(flags: ResourceFlags): Resources {
  if (flags.cpus !== undefined && flags.cpus < 0)
    throw invalid(`cannot use --cpus ${flags.cpus}: wanted 0 or more`);
  return {
    ...given("Memory", flags.memory),
    ...given("MemorySwap", swap(flags["memory-swap"])),
    ...given("MemoryReservation", flags["memory-reservation"]),
    ...given("NanoCpus", flags.cpus === undefined ? undefined : Math.round(flags.cpus * 1e9)),
    ...given("CpuShares", flags["cpu-shares"]),
    ...given("CpuPeriod", flags["cpu-period"]),
    ...given("CpuQuota", flags["cpu-quota"]),
    ...given("CpuRealtimePeriod", flags["cpu-rt-period"]),
    ...given("CpuRealtimeRuntime", flags["cpu-rt-runtime"]),
    ...given("CpusetCpus", flags["cpuset-cpus"]),
    ...given("CpusetMems", flags["cpuset-mems"]),
    ...given("PidsLimit", flags["pids-limit"]),
    ...given("BlkioWeight", flags["blkio-weight"]),
  };
}
