/** ListMetricDescriptors, ListPodSandboxMetrics, StreamPodSandboxMetrics. */
import { readlinkSync } from "node:fs";
import { basename } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { SampanError } from "../../../base/errors.ts";
import type {
  ContainerMetricsSchema,
  MetricDescriptorSchema,
  MetricSchema,
  PodSandboxMetricsSchema,
} from "../../../wire/cri/cri_pb.ts";
import { containersIn, type KnownContainer, type KnownSandbox, sandboxes } from "../known.ts";
import { each, isAlive, sampleOf } from "./counters.ts";
import { number } from "./figures.ts";
import { baseLabels, containerMetrics, type MetricRow, podMetrics } from "./metric-table.ts";
import { devicesOf } from "./network.ts";
import type { StatsParts } from "./parts.ts";

export type PodMetricsShape = MessageInitShape<typeof PodSandboxMetricsSchema>;

/** The same as long as the program runs. */
export const descriptors: readonly MessageInitShape<typeof MetricDescriptorSchema>[] = [
  ...containerMetrics,
  ...podMetrics,
].map(({ name, help, labels }) => ({ name, help, labelKeys: [...baseLabels, ...labels] }));

/** Of the sandboxes that are ready, and their containers that run. */
export async function listMetrics(parts: StatsParts): Promise<PodMetricsShape[]> {
  const deviceName = deviceNames();
  return await each(
    sandboxes(parts).filter(({ info }) => info.state === "ready"),
    (sandbox) => metricsOf(parts, sandbox, deviceName),
  );
}

async function metricsOf(
  parts: StatsParts,
  sandbox: KnownSandbox,
  deviceName: (major: number, minor: number) => string,
): Promise<PodMetricsShape> {
  const { info, config } = sandbox;
  const { name = "", namespace = "" } = config.metadata ?? {};
  const pod = { name, namespace, deviceName };
  const alive = containersIn(parts, info.id).filter(isAlive);
  const [devices, containers] = await Promise.all([
    devicesOf(parts.engine, sandbox, alive),
    each(alive, (container) => ofContainer(parts, container, pod)),
  ]);
  const labels = ["", info.id, "", info.id, namespace, name];
  return {
    podSandboxId: info.id,
    metrics: shapesOf(podMetrics, devices, labels),
    containerMetrics: containers,
  };
}

interface Pod {
  readonly name: string;
  readonly namespace: string;
  readonly deviceName: (major: number, minor: number) => string;
}

async function ofContainer(
  { engine, layers, signal, clock }: StatsParts,
  container: KnownContainer,
  { name, namespace, deviceName }: Pod,
): Promise<MessageInitShape<typeof ContainerMetricsSchema> | undefined> {
  const { info, config } = container;
  const sample = await sampleOf(engine, container);
  if (!sample) return undefined;
  const [layer, processes] = await Promise.all([
    layers.of(info.snapshot, signal),
    processesOf(engine, container),
  ]);
  const facts = { used: sample.used, info, layer, processes, now: clock.now(), deviceName };
  const image = config.image?.userSpecifiedImage || config.image?.image || info.image;
  const labels = [config.metadata?.name ?? "", info.id, image, info.id, namespace, name];
  return { containerId: info.id, metrics: shapesOf(containerMetrics, facts, labels) };
}

async function processesOf({ runtimes }: StatsParts["engine"], { info }: KnownContainer): Promise<number> {
  try {
    return (await runtimes.get(info.body.HostConfig?.Runtime || undefined).processes(info.id)).length;
  } catch (error) {
    const { code } = SampanError.from(error);
    if (code === "not_found" || code === "failed_precondition") return 0;
    throw error;
  }
}

/** Read live, so that the time is 0. */
function shapesOf<Facts>(
  rows: readonly MetricRow<Facts>[],
  facts: Facts,
  base: readonly string[],
): MessageInitShape<typeof MetricSchema>[] {
  return rows.flatMap(({ name, type, values }) =>
    values(facts).map(({ value, labels = [] }) => ({
      name,
      timestamp: 0n,
      metricType: type,
      labelValues: [...base, ...labels],
      value: number(value),
    })),
  );
}

/** The names of block devices, each looked up once. */
function deviceNames(): (major: number, minor: number) => string {
  const known = new Map<string, string>();
  return (major, minor) => {
    const id = `${major}:${minor}`;
    const name = known.get(id) ?? nameOf(id);
    known.set(id, name);
    return name;
  };
}

function nameOf(id: string): string {
  try {
    return `/dev/${basename(readlinkSync(`/sys/dev/block/${id}`))}`;
  } catch {
    return id;
  }
}
