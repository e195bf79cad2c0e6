/** GET /containers/{id}/stats. */
import { followStats, statsOf, type ContainerStats } from "../../../engine/containers/stats.ts";
import { memoryLimit } from "../../../engine/containers/stats-figures.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import type { Traffic } from "../../../engine/networks/networks.ts";
import { json } from "../answer.ts";
import type { Answer, Call } from "../route.ts";
import { findContainer } from "./find.ts";

type RuntimeStats = NonNullable<ContainerStats["used"]>;

const never = "0001-01-01T00:00:00Z";

/** Without a stream one sample with the one of a second before it; with one-shot, without. */
export async function containerStats(engine: LiveEngine, { param, query, signal }: Call): Promise<Answer> {
  const { id, state } = findContainer(engine, param("id"));
  if (query.bool("stream", true)) return stream(engine, id, signal);
  const runs = state === "running" || state === "paused";
  if (query.bool("one-shot") || !runs) return json(sampleOf(await statsOf(engine, id), undefined));
  let before: ContainerStats | undefined;
  for await (const now of followStats(engine, id, signal)) {
    if (before) return json(sampleOf(now, before));
    before = now;
  }
  return json(before ? sampleOf(before, undefined) : {});
}

function stream(engine: LiveEngine, id: string, signal: AbortSignal): Answer {
  return {
    kind: "stream",
    type: "application/json",
    write: async (out) => {
      out.begin();
      let before: ContainerStats | undefined;
      for await (const now of followStats(engine, id, signal)) {
        await out.write(`${JSON.stringify(sampleOf(now, before))}\n`);
        before = now;
      }
    },
  };
}

/** Docker's shape. Of one that does not run only what it is. */
export function sampleOf(now: ContainerStats, before: ContainerStats | undefined): Record<string, unknown> {
  const { used } = now;
  return {
    read: used ? now.time.toISOString() : never,
    preread: used && before?.used ? before.time.toISOString() : never,
    pids_stats: used ? pids(used) : {},
    blkio_stats: blockDevices(used),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: cpu(now),
    precpu_stats: cpu(before),
    memory_stats: used ? memory(used, now.host.memory) : {},
    name: `/${now.name}`,
    id: now.id,
    ...(Object.keys(now.networks).length > 0 ? { networks: networks(now.networks) } : {}),
  };
}

function pids({ pids: { current, limit } }: RuntimeStats): Record<string, number> {
  return limit === undefined ? { current } : { current, limit };
}

const noTime = { periods: 0, throttled_periods: 0, throttled_time: 0 };

function cpu(stats: ContainerStats | undefined): Record<string, unknown> {
  const used = stats?.used?.cpu;
  if (!stats || !used)
    return {
      cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
      throttling_data: noTime,
    };
  return {
    cpu_usage: {
      total_usage: used.total,
      ...(used.perCpu ? { percpu_usage: used.perCpu } : {}),
      usage_in_kernelmode: used.kernel,
      usage_in_usermode: used.user,
    },
    system_cpu_usage: stats.host.cpu,
    online_cpus: stats.host.processors,
    throttling_data: {
      periods: used.periods ?? 0,
      throttled_periods: used.throttledPeriods ?? 0,
      throttled_time: used.throttledTime ?? 0,
    },
  };
}

/** `stats` goes as it is: clients take the cache off themselves, `total_inactive_file` of cgroups version 1, `inactive_file` of version 2. */
function memory(used: RuntimeStats, host: number): Record<string, unknown> {
  const { usage, maxUsage, failures, stat } = used.memory;
  return {
    usage,
    ...(maxUsage === undefined ? {} : { max_usage: maxUsage }),
    stats: stat,
    ...(failures === undefined ? {} : { failcnt: failures }),
    limit: memoryLimit(used, host),
  };
}

function blockDevices(used: RuntimeStats | undefined): Record<string, unknown> {
  const rows = (of: (each: RuntimeStats["io"][number]) => number) =>
    used && used.io.length > 0
      ? used.io.map((each) => ({ major: each.major, minor: each.minor, op: each.op, value: of(each) }))
      : null;
  return {
    io_service_bytes_recursive: rows(({ bytes }) => bytes),
    io_serviced_recursive: rows(({ operations }) => operations),
    io_queue_recursive: null,
    io_service_time_recursive: null,
    io_wait_time_recursive: null,
    io_merged_recursive: null,
    io_time_recursive: null,
    sectors_recursive: null,
  };
}

function networks(all: Readonly<Record<string, Traffic>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(all).map(([device, traffic]) => [
      device,
      {
        rx_bytes: traffic.rxBytes,
        rx_packets: traffic.rxPackets,
        rx_errors: traffic.rxErrors,
        rx_dropped: traffic.rxDropped,
        tx_bytes: traffic.txBytes,
        tx_packets: traffic.txPackets,
        tx_errors: traffic.txErrors,
        tx_dropped: traffic.txDropped,
      },
    ]),
  );
}
