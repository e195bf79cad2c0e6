/**
 * Figures of the node and its pods in the forms in which kubelets give them: /stats/summary (https://kubernetes.io/docs/reference/instrumentation/node-metrics/) and the text of
 * /metrics/resource and /metrics/cadvisor (https://prometheus.io/docs/instrumenting/exposition_formats/).
 */
import type { Summary, Usage } from "../edged/access.ts";

/** Processor time per second, from one look to the next. */
export class Rates {
  private last = new Map<string, Usage>();
  private next = new Map<string, Usage>();

  /** Billionths of a processor; undefined at the first look. */
  of(key: string, usage: Usage): number | undefined {
    const before = this.last.get(key);
    this.next.set(key, usage);
    if (!before || usage.at <= before.at || usage.cpu < before.cpu) return undefined;
    return Math.round(((usage.cpu - before.cpu) / (usage.at - before.at)) * 1000);
  }

  /** What was not asked for since the last turn is forgotten. */
  turn(): void {
    this.last = this.next;
    this.next = new Map();
  }
}

const time = (at: number) => new Date(at).toISOString();

function figures(usage: Usage, rate: number | undefined) {
  return {
    cpu: {
      time: time(usage.at),
      ...(rate === undefined ? {} : { usageNanoCores: rate }),
      usageCoreNanoSeconds: Math.round(usage.cpu),
    },
    memory: { time: time(usage.at), workingSetBytes: usage.memory },
  };
}

export function summaryBody({ node, pods }: Summary, rates: Rates): string {
  const body = {
    node: {
      nodeName: node.name,
      startTime: time(node.started),
      ...figures(node.usage, rates.of("", node.usage)),
    },
    pods: pods.map((pod) => {
      const total = sum(pod.containers.map(({ usage }) => usage));
      return {
        podRef: { name: pod.name, namespace: pod.namespace, uid: pod.uid },
        startTime: time(pod.started),
        containers: pod.containers.map(({ name, started, usage }) => ({
          name,
          startTime: time(started),
          ...figures(usage, rates.of(`${pod.uid}/${name}`, usage)),
        })),
        ...(total ? figures(total, rates.of(pod.uid, total)) : {}),
        ...(pod.network ? { network: { name: "eth0", ...pod.network } } : {}),
      };
    }),
  };
  rates.turn();
  return JSON.stringify(body);
}

function sum(usages: readonly Usage[]): Usage | undefined {
  if (usages.length === 0) return undefined;
  return {
    at: Math.max(...usages.map(({ at }) => at)),
    cpu: usages.reduce((total, { cpu }) => total + cpu, 0),
    memory: usages.reduce((total, { memory }) => total + memory, 0),
  };
}

type Labels = Readonly<Record<string, string>>;
type Row = readonly [labels: Labels, value: number, at?: number];

function family(name: string, type: "counter" | "gauge", rows: readonly Row[]): string {
  if (rows.length === 0) return "";
  const lines = rows.map(([labels, value, at]) => {
    const inside = Object.entries(labels).map(([label, text]) => `${label}=${quoted(text)}`);
    const braces = inside.length > 0 ? `{${inside.join(",")}}` : "";
    return `${name}${braces} ${value}${at === undefined ? "" : ` ${at}`}\n`;
  });
  return `# TYPE ${name} ${type}\n${lines.join("")}`;
}

const quoted = (text: string) =>
  `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;

interface Each {
  readonly labels: Labels;
  readonly started: number;
  readonly usage: Usage;
}

function containersOf({ pods }: Summary): readonly Each[] {
  return pods.flatMap((pod) =>
    pod.containers.map(({ name, started, usage }) => ({
      labels: { container: name, namespace: pod.namespace, pod: pod.name },
      started,
      usage,
    })),
  );
}

const seconds = (usage: Usage) => usage.cpu / 1e9;

export function resourceText(summary: Summary): string {
  const { node, pods } = summary;
  const containers = containersOf(summary);
  const totals = pods.flatMap(({ name, namespace, containers: all }) => {
    const usage = sum(all.map((each) => each.usage));
    return usage ? [{ labels: { namespace, pod: name }, usage }] : [];
  });
  return [
    family("container_cpu_usage_seconds_total", "counter", containers.map(cpuRow)),
    family("container_memory_working_set_bytes", "gauge", containers.map(memoryRow)),
    family(
      "container_start_time_seconds",
      "gauge",
      containers.map(({ labels, started }): Row => [labels, started / 1000]),
    ),
    family("node_cpu_usage_seconds_total", "counter", [[{}, seconds(node.usage), node.usage.at]]),
    family("node_memory_working_set_bytes", "gauge", [[{}, node.usage.memory, node.usage.at]]),
    family("pod_cpu_usage_seconds_total", "counter", totals.map(cpuRow)),
    family("pod_memory_working_set_bytes", "gauge", totals.map(memoryRow)),
    family("scrape_error", "gauge", [[{}, 0]]),
  ].join("");
}

function cpuRow({ labels, usage }: Pick<Each, "labels" | "usage">): Row {
  return [labels, seconds(usage), usage.at];
}

function memoryRow({ labels, usage }: Pick<Each, "labels" | "usage">): Row {
  return [labels, usage.memory, usage.at];
}

export function cadvisorText(summary: Summary): string {
  const containers = containersOf(summary);
  const networks = summary.pods.flatMap(({ name, namespace, network }) =>
    network ? [{ labels: { interface: "eth0", namespace, pod: name }, network }] : [],
  );
  return [
    family("container_cpu_usage_seconds_total", "counter", containers.map(cpuRow)),
    family("container_memory_working_set_bytes", "gauge", containers.map(memoryRow)),
    family(
      "container_network_receive_bytes_total",
      "counter",
      networks.map(({ labels, network }): Row => [labels, network.rxBytes]),
    ),
    family(
      "container_network_transmit_bytes_total",
      "counter",
      networks.map(({ labels, network }): Row => [labels, network.txBytes]),
    ),
  ].join("");
}
