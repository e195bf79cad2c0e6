/** Limits of a container: as the engine takes them, and as they are told. Pure. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { invalid } from "../../../base/errors.ts";
import type { ContainerInfo } from "../../../engine/containers/containers.ts";
import type { ContainerExtras } from "../../../engine/containers/extras.ts";
import type { Resources } from "../../../spec/docker/create.ts";
import type { LinuxContainerResources, LinuxContainerResourcesSchema } from "../../../wire/cri/cri_pb.ts";
import { limitOf } from "../numbers.ts";

type Limits = Pick<ContainerExtras, "hugepages" | "unified">;

const most = 1000;

/** Memory that is limited is not swapped, unless it is asked for. */
export function limitsOf(resources: LinuxContainerResources | undefined): Resources {
  if (!resources) return {};
  const { cpuPeriod, cpuQuota, cpuShares, cpusetCpus, cpusetMems } = resources;
  const memory = limitOf(resources.memoryLimitInBytes);
  const swap = limitOf(resources.memorySwapLimitInBytes);
  return {
    ...(cpuPeriod !== 0n && { CpuPeriod: limitOf(cpuPeriod) }),
    ...(cpuQuota !== 0n && { CpuQuota: limitOf(cpuQuota) }),
    ...(cpuShares !== 0n && { CpuShares: limitOf(cpuShares) }),
    ...(memory > 0 && { Memory: memory, MemorySwap: swap === 0 ? memory : swap }),
    ...(cpusetCpus !== "" && { CpusetCpus: cpusetCpus }),
    ...(cpusetMems !== "" && { CpusetMems: cpusetMems }),
  };
}

/** Errors: `invalid_argument`. */
export function extraLimitsOf(resources: LinuxContainerResources | undefined): Limits {
  const { hugepageLimits = [], unified = {} } = resources ?? {};
  if (hugepageLimits.length > most || Object.keys(unified).length > most)
    throw invalid(`cannot use so many limits: wanted at most ${most}`);
  return {
    ...(hugepageLimits.length > 0 && {
      hugepages: hugepageLimits.map(({ pageSize, limit }) => ({ pageSize, limit: Number(limit) })),
    }),
    ...(Object.keys(unified).length > 0 && { unified }),
  };
}

/** As they are now, after updates too. */
export function resourcesOf({
  body,
  extras,
}: Pick<ContainerInfo, "body" | "extras">): MessageInitShape<typeof LinuxContainerResourcesSchema> {
  const { CpuPeriod, CpuQuota, CpuShares, Memory, MemorySwap, OomScoreAdj, CpusetCpus, CpusetMems } =
    body.HostConfig ?? {};
  return {
    cpuPeriod: BigInt(CpuPeriod ?? 0),
    cpuQuota: BigInt(CpuQuota ?? 0),
    cpuShares: BigInt(CpuShares ?? 0),
    memoryLimitInBytes: BigInt(Memory ?? 0),
    memorySwapLimitInBytes: BigInt(MemorySwap ?? 0),
    oomScoreAdj: BigInt(OomScoreAdj ?? 0),
    cpusetCpus: CpusetCpus ?? "",
    cpusetMems: CpusetMems ?? "",
    hugepageLimits: (extras.hugepages ?? []).map(({ pageSize, limit }) => ({
      pageSize,
      limit: BigInt(limit),
    })),
    unified: { ...extras.unified },
  };
}
