/** PodSandboxStats, ListPodSandboxStats, StreamPodSandboxStats. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { PodSandboxStatsFilter, PodSandboxStatsSchema } from "../../../wire/cri/cri_pb.ts";
import { containersIn, type KnownContainer, type KnownSandbox, sandboxes } from "../known.ts";
import { hasLabels } from "../pieces.ts";
import { nanoseconds } from "../time.ts";
import { oneContainer } from "./containers.ts";
import { each, isAlive, podSample, sampleOf } from "./counters.ts";
import { cpuUsage, ioUsage, memoryUsage, number, type Sample } from "./figures.ts";
import { type Device, devicesOf } from "./network.ts";
import type { StatsParts } from "./parts.ts";

export type SandboxShape = MessageInitShape<typeof PodSandboxStatsSchema>;

/** Of those that are ready and fit. */
export async function listSandboxes(
  parts: StatsParts,
  filter: PodSandboxStatsFilter | undefined,
): Promise<SandboxShape[]> {
  const all = sandboxes(parts);
  parts.podRates.keep(new Set(all.map(({ info }) => info.id)));
  const wanted = all.filter(
    ({ info, config }) =>
      info.state === "ready" &&
      info.id.startsWith(filter?.id ?? "") &&
      hasLabels(config.labels, filter?.labelSelector),
  );
  return await each(wanted, (sandbox) => oneSandbox(parts, sandbox));
}

/** One that is not ready has no figures. */
export async function oneSandbox(parts: StatsParts, sandbox: KnownSandbox): Promise<SandboxShape> {
  const { info, config } = sandbox;
  const { metadata, labels, annotations } = config;
  const attributes = { id: info.id, labels, annotations, ...(metadata && { metadata }) };
  if (info.state !== "ready") return { attributes };
  const alive = containersIn(parts, info.id).filter(isAlive);
  const [containers, devices] = await Promise.all([
    each(alive, (container) => oneContainer(parts, container)),
    devicesOf(parts.engine, sandbox, alive),
  ]);
  const now = nanoseconds(parts.clock.now());
  const sample = podSample(parts.engine, sandbox) ?? (await sumOf(parts, alive));
  return {
    attributes,
    linux: {
      containers,
      ...(sample && { ...figures(parts, sandbox, sample) }),
      ...networkUsage(devices, now),
    },
  };
}

function figures({ podRates }: StatsParts, { info }: KnownSandbox, sample: Sample) {
  const { at, used } = sample;
  const rate = podRates.rate(info.id, { at, total: used.cpu.total }, nanoseconds(info.created));
  return {
    cpu: cpuUsage(sample, rate),
    memory: memoryUsage(sample),
    ...ioUsage(sample),
    process: { timestamp: at, processCount: number(used.pids.current) },
  };
}

/** Of a pod without a cgroup of its own: what its containers use together. */
async function sumOf({ engine }: StatsParts, alive: readonly KnownContainer[]): Promise<Sample | undefined> {
  const samples = await each(alive, (container) => sampleOf(engine, container));
  const [first] = samples;
  if (!first) return undefined;
  const sum = (of: (used: Sample["used"]) => number) =>
    samples.reduce((total, { used }) => total + of(used), 0);
  const usage = sum(({ memory }) => memory.usage);
  const stat = (name: string) => sum(({ memory }) => memory.stat[name] ?? 0);
  const names = new Set(samples.flatMap(({ used }) => Object.keys(used.memory.stat)));
  const { version } = first.used;
  return {
    at: first.at,
    used: {
      version,
      cpu: {
        total: sum(({ cpu }) => cpu.total),
        user: sum(({ cpu }) => cpu.user),
        kernel: sum(({ cpu }) => cpu.kernel),
      },
      memory: {
        usage,
        stat: Object.fromEntries([...names].map((name) => [name, stat(name)])),
        oomKills: sum(({ memory }) => memory.oomKills),
      },
      pids: { current: sum(({ pids }) => pids.current) },
      io: [],
    },
  };
}

function networkUsage(devices: readonly Device[], timestamp: bigint) {
  const interfaces = devices.map((device) => ({
    name: device.name,
    rxBytes: number(device.rxBytes),
    rxErrors: number(device.rxErrors),
    txBytes: number(device.txBytes),
    txErrors: number(device.txErrors),
  }));
  const [defaultInterface, ...others] = interfaces;
  return defaultInterface ? { network: { timestamp, defaultInterface, interfaces: others } } : {};
}
