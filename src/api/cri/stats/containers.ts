/** ContainerStats, ListContainerStats, StreamContainerStats. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type ContainerStatsFilter, type ContainerStatsSchema } from "../../../wire/cri/cri_pb.ts";
import { containers, type KnownContainer } from "../known.ts";
import { hasLabels } from "../pieces.ts";
import { nanoseconds } from "../time.ts";
import { each, isAlive, sampleOf } from "./counters.ts";
import { cpuUsage, ioUsage, memoryUsage, number, swapUsage, type Sample } from "./figures.ts";
import type { StatsParts } from "./parts.ts";

export type ContainerShape = MessageInitShape<typeof ContainerStatsSchema>;

/** Of those that run and fit; one that ends meanwhile is left out. */
export async function listContainers(
  parts: StatsParts,
  filter: ContainerStatsFilter | undefined,
): Promise<ContainerShape[]> {
  const all = containers(parts);
  forget(parts, all);
  return await each(
    all.filter((container) => isAlive(container) && fits(container, filter)),
    async (container) => {
      const sample = await sampleOf(parts.engine, container);
      return sample && (await containerShape(parts, container, sample));
    },
  );
}

/** Without counters for one that does not run. */
export async function oneContainer(parts: StatsParts, container: KnownContainer): Promise<ContainerShape> {
  return await containerShape(parts, container, await sampleOf(parts.engine, container));
}

async function containerShape(
  parts: StatsParts,
  container: KnownContainer,
  sample: Sample | undefined,
): Promise<ContainerShape> {
  const { info, config } = container;
  const { metadata, labels, annotations } = config;
  const attributes = { id: info.id, labels, annotations, ...(metadata && { metadata }) };
  return {
    attributes,
    ...(sample && {
      cpu: cpuUsage(sample, rateOf(parts, container, sample)),
      memory: memoryUsage(sample),
      ...swapUsage(sample),
      ...ioUsage(sample),
    }),
    ...(await writableLayer(parts, info.snapshot)),
  };
}

function rateOf({ rates }: StatsParts, { info }: KnownContainer, { at, used }: Sample): number | undefined {
  const began = info.started && nanoseconds(info.started);
  return rates.rate(info.id, { at, total: used.cpu.total }, began);
}

/** Absent while it is being counted for the first time. */
async function writableLayer({ engine, layers, signal }: StatsParts, snapshot: string) {
  const use = await layers.of(snapshot, signal);
  if (!use) return {};
  return {
    writableLayer: {
      timestamp: nanoseconds(use.at),
      fsId: { mountpoint: engine.store.root },
      usedBytes: number(use.bytes),
      inodesUsed: number(use.inodes),
    },
  };
}

function fits({ info, pod, config }: KnownContainer, filter: ContainerStatsFilter | undefined): boolean {
  if (!filter) return true;
  const { id, podSandboxId, labelSelector } = filter;
  return info.id.startsWith(id) && pod.startsWith(podSandboxId) && hasLabels(config.labels, labelSelector);
}

function forget({ layers, rates }: StatsParts, all: readonly KnownContainer[]): void {
  layers.keep(new Set(all.map(({ info }) => info.snapshot)));
  rates.keep(new Set(all.map(({ info }) => info.id)));
}
