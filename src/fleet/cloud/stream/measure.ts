/** Figures for `kubectl top`: while somebody asks, the nodes that have a tunnel, here or at another process of the cloud, are asked for their summary now and then. Nobody asks, nobody is asked. */
import { type Clock, pause } from "../../../base/clock.ts";
import { parseJson } from "../../link/json.ts";
import type { NodeUsage, PodUsage, ResourceMetrics, Usage } from "../apiserver/metrics.ts";
import { fetchPlain } from "./plain.ts";
import type { Tunnels } from "./tunnels.ts";
import type { Way } from "./way.ts";

export interface MeasureOptions {
  readonly clock: Clock;
  readonly tunnels: Tunnels;
  /** Whether the pod runs on that node: what an edge says of others' pods is dropped. */
  readonly owns: (node: string, namespace: string, name: string) => boolean;
}

/** Milliseconds. */
const times = { first: 1_000, every: 15_000, interest: 300_000, answer: 10_000, patience: 3_000 } as const;
const largest = 4 << 20;
const atOnce = 8;
const mostPods = 512;

interface Taken {
  readonly node: NodeUsage | undefined;
  readonly pods: readonly PodUsage[];
}

/** What a node said, as far as it is well formed. */
interface Sample {
  readonly at: number;
  /** Billionths of a processor, where the node says so itself. */
  readonly rate: number | undefined;
  /** Nanoseconds since it began. */
  readonly total: number;
  readonly memory: number;
}

export class Measure implements ResourceMetrics, Disposable {
  private readonly options: MeasureOptions;
  private readonly taken = new Map<string, Taken>();
  /** The last sample of each thing, by node. */
  private samples = new Map<string, Map<string, Sample>>();
  private asked = -Infinity;
  private running: Promise<void> | undefined;
  /** Of these rounds: when there are figures. */
  private measured = Promise.withResolvers<void>();
  private readonly stop = new AbortController();

  constructor(options: MeasureOptions) {
    this.options = options;
  }

  async ready(): Promise<void> {
    this.begin();
    const end = new AbortController();
    await Promise.race([this.measured.promise, pause(this.options.clock, times.patience, end.signal)]);
    end.abort();
  }

  nodes(): readonly NodeUsage[] {
    this.begin();
    return [...this.taken.values()].flatMap(({ node }) => node ?? []);
  }

  pods(namespace?: string): readonly PodUsage[] {
    this.begin();
    const all = [...this.taken.values()].flatMap(({ pods }) => pods);
    return namespace === undefined ? all : all.filter((pod) => pod.namespace === namespace);
  }

  [Symbol.dispose](): void {
    this.stop.abort();
  }

  private begin(): void {
    const { clock } = this.options;
    this.asked = clock.now();
    this.running ??= this.rounds().finally(() => {
      this.running = undefined;
      this.measured.resolve();
      this.measured = Promise.withResolvers<void>();
      this.taken.clear();
      this.samples.clear();
    });
  }

  private async rounds(): Promise<void> {
    const { clock } = this.options;
    const { signal } = this.stop;
    // A rate wants two looks: the second comes soon.
    for (let wait: number = times.first; ; wait = times.every) {
      await this.round();
      const isKnown = [...this.taken.values()].every(({ node }) => node !== undefined);
      if (isKnown || wait === times.every) this.measured.resolve();
      await pause(clock, wait, signal);
      if (signal.aborted || clock.now() - this.asked >= times.interest) return;
    }
  }

  private async round(): Promise<void> {
    const ways = await this.options.tunnels.everywhere(this.stop.signal);
    const present = new Set(ways.map(({ node }) => node));
    for (const node of this.taken.keys()) if (!present.has(node)) this.taken.delete(node);
    for (const node of this.samples.keys()) if (!present.has(node)) this.samples.delete(node);
    const work = async () => {
      for (let way = ways.pop(); way && !this.stop.signal.aborted; way = ways.pop()) await this.ask(way);
    };
    await Promise.all(Array.from({ length: atOnce }, work));
  }

  private async ask(way: Way): Promise<void> {
    try {
      const signal = AbortSignal.any([this.stop.signal, AbortSignal.timeout(times.answer)]);
      const target = { path: "/stats/summary", query: "" };
      const text = await fetchPlain(way, { type: "metrics", target, signal }, largest);
      this.take(way.node, parseJson(text, "the summary", 16));
    } catch {
      // A node that does not answer has no figures, which is what `kubectl top` then says.
      this.taken.delete(way.node);
    }
  }

  private take(node: string, summary: unknown): void {
    const before = this.samples.get(node) ?? new Map<string, Sample>();
    const now = new Map<string, Sample>();
    const usageOf = (
      key: string,
      value: unknown,
    ): { usage: Usage; at: number; window: number } | undefined => {
      const sample = readSample(value);
      if (!sample) return undefined;
      now.set(key, sample);
      return measured(sample, before.get(key));
    };
    const own = usageOf("", at(summary, "node"));
    const pods = entries(at(summary, "pods"))
      .slice(0, mostPods)
      .flatMap((pod): readonly PodUsage[] => {
        const name = words(at(pod, "podRef", "name"));
        const namespace = words(at(pod, "podRef", "namespace"));
        if (!this.options.owns(node, namespace, name)) return [];
        const containers = entries(at(pod, "containers"))
          .slice(0, 64)
          .flatMap((each) => {
            const container = words(at(each, "name"));
            const found = usageOf(`${namespace}/${name}/${container}`, each);
            return found ? [{ name: container, ...found }] : [];
          });
        const [first] = containers;
        if (!first) return [];
        const { at: end, window } = first;
        return [{ namespace, name, at: end, window, containers }];
      });
    this.samples.set(node, now);
    this.taken.set(node, { node: own && { name: node, ...own }, pods });
  }
}

function measured(sample: Sample, before: Sample | undefined) {
  const { at: end, memory } = sample;
  const passed = before ? end - before.at : 0;
  const own = before && passed > 0 && sample.total >= before.total;
  const cpu = own ? Math.round(((sample.total - before.total) / passed) * 1000) : sample.rate;
  if (cpu === undefined) return undefined;
  return { usage: { cpu, memory }, at: end, window: own ? passed / 1000 : times.every / 1000 };
}

function readSample(value: unknown): Sample | undefined {
  const time = Date.parse(words(at(value, "cpu", "time")));
  const total = natural(at(value, "cpu", "usageCoreNanoSeconds"));
  const memory = natural(at(value, "memory", "workingSetBytes"));
  if (Number.isNaN(time) || total === undefined || memory === undefined) return undefined;
  return { at: time, total, memory, rate: natural(at(value, "cpu", "usageNanoCores")) };
}

function at(value: unknown, ...names: readonly string[]): unknown {
  let found = value;
  for (const name of names) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return found;
}

function entries(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function words(value: unknown): string {
  return typeof value === "string" ? value.slice(0, 253) : "";
}

function natural(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;
}
