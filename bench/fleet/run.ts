/**
 * `bun bench/fleet/run.ts [--ours dist/sampan] [--edges 5000] [--pods 10] [--workers 4] [--quick] [--json]`: one `sampan cloud` with a fleet of simulated edges (edges.ts): connecting, memory, apply to delivery,
 * and a restart of the cloud. Writes a table into bench/results.md; --quick is 200 edges with 2 pods, to standard output.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { parseArgs } from "node:util";
import { output } from "../_command.ts";
import { machine } from "../_machine.ts";
import { formOf, publish, versionOf } from "../_publish.ts";
import { spreadOf, type Row } from "../_statistics.ts";
import { accessOf, Client } from "../cloud/_client.ts";
import { freePort } from "../cloud/_port.ts";
import { processorOf, pssOf } from "../docker/_measure.ts";

const { values: flags } = parseArgs({
  options: {
    ours: { type: "string", default: join(import.meta.dir, "../../dist/sampan") },
    edges: { type: "string" },
    pods: { type: "string" },
    workers: { type: "string", default: "4" },
    quick: { type: "boolean" },
    json: { type: "boolean" },
  },
});
const edges = Number(flags.edges ?? (flags.quick ? 200 : 5000));
const podsEach = Number(flags.pods ?? (flags.quick ? 2 : 10));
const workers = Number(flags.workers);
/** Milliseconds after a rush, in which the cloud gives back what it needed for that alone. */
const rest = 30_000;
const folder = mkdtempSync(join(tmpdir(), "sampan-bench-fleet-"));
const rows: Row[] = [];

function add(name: string, unit: string, values: readonly number[]): void {
  rows.push({ name, unit, spreads: { sampan: spreadOf([...values]) } });
  console.error(`${name}, ${unit}: ${spreadOf([...values]).median.toFixed(1)}`);
}

interface Counts {
  readonly joined: number;
  /** Joins that had to be tried again. */
  readonly refused: number;
  /** Connections that were begun. */
  readonly dials: number;
  readonly connected: number;
  readonly pods: number;
  readonly messages: number;
}

class Fleet implements AsyncDisposable {
  readonly delivered: number[] = [];
  private readonly children: Bun.Subprocess<"ignore", "pipe", "inherit">[] = [];
  private readonly counts: Counts[] = [];

  start(ports: { hub: number; joining: number }, token: string): void {
    const each = Math.ceil(edges / workers);
    for (let worker = 0; worker < workers; worker++) {
      const count = Math.min(each, edges - worker * each);
      const args = ["127.0.0.1", ports.hub, ports.joining, token, worker * each, count].map(String);
      const child = Bun.spawn([process.execPath, join(import.meta.dir, "edges.ts"), ...args], {
        stdin: "ignore",
        stdout: "pipe",
        stderr: "inherit",
      });
      this.children.push(child);
      void this.read(worker, child);
    }
  }

  sum(key: keyof Counts): number {
    return this.counts.reduce((sum, each) => sum + (each?.[key] ?? 0), 0);
  }

  async until(what: string, done: () => boolean, seconds = 3000): Promise<number> {
    const begin = performance.now();
    let shown = begin;
    while (!done()) {
      await Bun.sleep(100);
      if (performance.now() - begin > seconds * 1000) throw new Error(`${what}: not within ${seconds} s`);
      if (performance.now() - shown > 10_000) {
        shown = performance.now();
        console.error(
          `  ${what}: joined ${this.sum("joined")} (${this.sum("refused")} tried again), connected ${this.sum("connected")}, pods ${this.sum("pods")}`,
        );
      }
    }
    return (performance.now() - begin) / 1000;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.children) child.kill("SIGKILL");
    await Promise.all(this.children.map((child) => child.exited));
  }

  private async read(worker: number, child: Bun.Subprocess<"ignore", "pipe", "inherit">): Promise<void> {
    for await (const line of createInterface({ input: Readable.fromWeb(child.stdout as never) })) {
      const said = JSON.parse(line) as { counts?: Counts; delivered?: number };
      if (said.counts) this.counts[worker] = said.counts;
      if (said.delivered !== undefined) this.delivered.push(said.delivered);
    }
  }
}

const ports = { api: freePort(), hub: freePort(), joining: freePort() };
const log = join(folder, "cloud.log");

/** Resolves with the process when it serves edges. */
async function startCloud(): Promise<Bun.Subprocess> {
  const args = [
    "--data-root",
    join(folder, "cloud"),
    "--bind-address",
    "127.0.0.1",
    "--secure-port",
    `${ports.api}`,
  ];
  const own = ["--hub-port", `${ports.hub}`, "--join-port", `${ports.joining}`, "--node-limit", `${edges}`];
  const before = await Bun.file(log)
    .text()
    .catch(() => "");
  writeFileSync(`${log}.now`, "");
  const child = Bun.spawn([flags.ours, "cloud", ...args, ...own], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(`${log}.now`),
  });
  for (const end = performance.now() + 60_000; ; await Bun.sleep(20)) {
    const text = readFileSync(`${log}.now`, "utf8");
    if (text.includes("info ready")) {
      await Bun.write(log, before + text);
      return child;
    }
    if (child.exitCode !== null || performance.now() > end)
      throw new Error(`sampan cloud did not start: ${text}`);
  }
}

/** `isTimed`: it says when it was sent. */
const pod = (index: number, isTimed: boolean) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    name: `pod-${index}`,
    ...(isTimed ? { annotations: { "bench/sent": String(Date.now()) } } : {}),
  },
  spec: {
    nodeName: `edge-${index % edges}`,
    automountServiceAccountToken: false,
    containers: [{ name: "main", image: "busybox", command: ["sleep", "1d"] }],
  },
});

interface Creating {
  readonly lanes: number;
  readonly isTimed?: boolean;
}

async function createPods(
  client: Client,
  [from, to]: readonly [from: number, to: number],
  { lanes, isTimed = false }: Creating,
): Promise<void> {
  let next = from;
  const lane = async () => {
    for (let index = next++; index < to; index = next++)
      await client.send("POST", "/api/v1/namespaces/default/pods", pod(index, isTimed));
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

async function main(): Promise<void> {
  let cloud = await startCloud();
  try {
    await using fleet = new Fleet();
    const idle = pssOf([cloud.pid]);
    const token = (await output([flags.ours, "cloud", "token", "--data-root", join(folder, "cloud")])).trim();
    fleet.start(ports, token);
    const took = await fleet.until("connect", () => fleet.sum("connected") === edges);
    add(`${edges} edges join and connect (${workers} processes on the same cores)`, "s", [took]);
    add("processor time of the cloud for each join and connection", "ms", [processorOf([cloud.pid]) / edges]);
    await Bun.sleep(rest);
    const connected = pssOf([cloud.pid]);
    add("memory of the cloud for each connected edge, its Node and lease", "KiB", [
      ((connected - idle) * 1024) / edges,
    ]);
    const used = processorOf([cloud.pid]);
    await Bun.sleep(15_000);
    add("processor time of the cloud for the idle fleet, of one core", "%", [
      (processorOf([cloud.pid]) - used) / 150,
    ]);
    using client = new Client(
      accessOf(await output([flags.ours, "cloud", "kubeconfig", "--data-root", join(folder, "cloud")])),
      16,
    );
    const total = edges * podsEach;
    const begin = performance.now();
    await createPods(client, [0, total], { lanes: 16 });
    await fleet.until("deliver", () => fleet.sum("pods") === total);
    add(`${total} pods made and delivered`, "s", [(performance.now() - begin) / 1000]);
    await Bun.sleep(rest);
    add(`memory of the cloud for each edge with ${podsEach} pods`, "KiB", [
      ((pssOf([cloud.pid]) - idle) * 1024) / edges,
    ]);
    fleet.delivered.length = 0;
    const single = flags.quick ? 50 : 300;
    for (let index = 0; index < single; index++) {
      await createPods(client, [total + index, total + index + 1], { lanes: 1, isTimed: true });
      await Bun.sleep(20);
    }
    await fleet.until("deliver single pods", () => fleet.delivered.length === single);
    add("create of one pod to its arrival at the edge, with the fleet connected", "ms", fleet.delivered);
    const sorted = fleet.delivered.toSorted((a, b) => a - b);
    add("the same, 99th of 100", "ms", [sorted[Math.floor(sorted.length * 0.99)] ?? NaN]);
    cloud.kill("SIGTERM");
    await cloud.exited;
    await fleet.until("lose", () => fleet.sum("connected") === 0, 60);
    const dials = fleet.sum("dials");
    const again = performance.now();
    cloud = await startCloud();
    add("restart of the cloud to its first word", "s", [(performance.now() - again) / 1000]);
    await fleet.until("return", () => fleet.sum("connected") === edges);
    add("restart of the cloud to all edges back", "s", [(performance.now() - again) / 1000]);
    add("connections begun meanwhile", "an edge", [(fleet.sum("dials") - dials) / edges]);
    await Bun.sleep(rest);
    add("memory of the cloud for each edge after the restart", "KiB", [
      ((pssOf([cloud.pid]) - idle) * 1024) / edges,
    ]);
  } finally {
    cloud.kill("SIGKILL");
    await cloud.exited;
  }
}

const about = async () => {
  const version = await versionOf(flags.ours, "--version");
  return [
    ...machine({ runtimes: [{ name: "sampan", version, words: [], every: 1 }], missing: [] }),
    `- One \`sampan cloud\` and ${edges} simulated edges in ${workers} processes of the same machine: real joins, certificates, TLS and messages; no pod is run. Goal of the project: below 50 KiB for each edge.`,
  ];
};

try {
  // Before: it says how busy the machine was.
  const lines = await about();
  await main();
  publish({ title: "A fleet of simulated edges", about: lines, rows, as: formOf(flags) });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
