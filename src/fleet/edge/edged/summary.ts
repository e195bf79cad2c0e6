/** What pods and the node use: counters, for metrics and `kubectl top`. */
import { readFileSync } from "node:fs";
import type { ContainerStats } from "../../../engine/containers/stats.ts";
import { statsOf } from "../../../engine/containers/stats.ts";
import type { PodUsage, Summary, Usage } from "./access.ts";
import { observe } from "./observe.ts";
import type { AccessParts } from "./pod-access.ts";
import { isRunning } from "./view.ts";
import type { Worker } from "./worker.ts";

export async function summaryOf(parts: AccessParts): Promise<Summary> {
  const pods = await Promise.all(parts.workers.all().map((worker) => podUsage(parts, worker)));
  return { node: nodeUsage(parts), pods: pods.filter((each) => each !== undefined) };
}

async function podUsage({ engine }: AccessParts, worker: Worker): Promise<PodUsage | undefined> {
  const { sandbox, pod, uid } = worker;
  const seen = sandbox === undefined ? [] : (observe(engine, sandbox)?.seen ?? []);
  const running = seen.filter(isRunning);
  if (sandbox === undefined || running.length === 0) return undefined;
  const containers = await Promise.all(
    running.map(async ({ id, name, started = 0 }) => {
      const usage = usageOf(await statsOf(engine, id).catch(() => undefined));
      return usage ? [{ name, started, usage }] : [];
    }),
  );
  const traffic = Object.values(await engine.networks.traffic(sandbox).catch(() => ({})));
  const sum = (of: (each: (typeof traffic)[number]) => number) =>
    traffic.reduce((all, each) => all + of(each), 0);
  return {
    namespace: pod.metadata.namespace ?? "default",
    name: pod.metadata.name ?? "",
    uid,
    started: engine.pods.get(sandbox).created.getTime(),
    containers: containers.flat(),
    ...(traffic.length > 0 && {
      network: { rxBytes: sum(({ rxBytes }) => rxBytes), txBytes: sum(({ txBytes }) => txBytes) },
    }),
  };
}

/** The working set: what the kernel could not simply drop. */
function usageOf(stats: ContainerStats | undefined): Usage | undefined {
  if (!stats?.used) return undefined;
  const { cpu, memory } = stats.used;
  const inactive = memory.stat["total_inactive_file"] ?? memory.stat["inactive_file"] ?? 0;
  return { at: stats.time.getTime(), cpu: cpu.total, memory: Math.max(0, memory.usage - inactive) };
}

function nodeUsage({ node, clock }: AccessParts): Summary["node"] {
  const now = clock.now();
  const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
  return {
    name: node,
    started: now - Math.round(uptime * 1000),
    usage: { at: now, cpu: busyTime(readFileSync("/proc/stat", "utf8")), memory: usedMemory() },
  };
}

/** Nanoseconds in which processors did something; a tick of USER_HZ is 10 ms on Linux. */
function busyTime(stat: string): number {
  const [user = 0, nice = 0, system = 0, _idle, _wait, irq = 0, soft = 0, steal = 0] = (
    /^cpu +(.*)$/m.exec(stat)?.[1] ?? ""
  )
    .split(" ")
    .map(Number);
  return (user + nice + system + irq + soft + steal) * 10_000_000;
}

/** Bytes. */
function usedMemory(): number {
  const text = readFileSync("/proc/meminfo", "utf8");
  const of = (name: string) => Number(new RegExp(`^${name}: +(\\d+) kB`, "m").exec(text)?.[1] ?? 0) * 1024;
  return of("MemTotal") - of("MemAvailable");
}
