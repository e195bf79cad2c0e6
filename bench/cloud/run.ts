/**
 * `bun bench/cloud/run.ts [--ours dist/sampan] [--json] [--quick]`: the embedded Kubernetes API, started by `sampan cloud`. No kube-apiserver is in Debian's archive; beside it stands
 * Debian's etcd where it is installed, the store alone, which a kube-apiserver writes to. Writes a table into bench/results.md; with --json all numbers, with --quick the table to standard output.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { machine } from "../_machine.ts";
import { output } from "../_command.ts";
import { formOf, publish, versionOf } from "../_publish.ts";
import { spreadOf, type Row } from "../_statistics.ts";
import { pssOf } from "../docker/_measure.ts";
import { accessOf, Client, type Access } from "./_client.ts";
import { Etcd } from "./_etcd.ts";
import { freePort } from "./_port.ts";

const { values: flags } = parseArgs({
  options: {
    ours: { type: "string", default: join(import.meta.dir, "../../dist/sampan") },
    json: { type: "boolean" },
    quick: { type: "boolean" },
  },
});
const count = (number: number) => (flags.quick ? Math.ceil(number / 10) : number);
const rows: Row[] = [];

function add(name: string, unit: string, samples: Readonly<Record<string, readonly number[]>>): void {
  const there = Object.entries(samples).filter(([, values]) => values.length > 0);
  rows.push({
    name,
    unit,
    spreads: Object.fromEntries(there.map(([key, values]) => [key, spreadOf(values)])),
  });
  console.error(
    `${name}, ${unit}: ${there.map(([key, values]) => `${key} ${spreadOf(values).median.toFixed(2)}`).join("  ")}`,
  );
}

class Cloud implements AsyncDisposable {
  readonly #process: Bun.Subprocess;
  readonly #folder: string;
  /** From its start to the first answer that says ready, milliseconds. */
  readyAfter = NaN;

  private constructor(process: Bun.Subprocess, folder: string) {
    this.#process = process;
    this.#folder = folder;
  }

  static async start(folder: string): Promise<Cloud> {
    const port = freePort();
    const begin = performance.now();
    const process = Bun.spawn(
      [flags.ours, "cloud", "--data-root", folder, "--bind-address", "127.0.0.1", "--secure-port", `${port}`],
      { stdin: "ignore", stdout: "ignore", stderr: "ignore" },
    );
    const cloud = new Cloud(process, folder);
    try {
      await ready(`https://127.0.0.1:${port}/readyz`);
      cloud.readyAfter = performance.now() - begin;
      return cloud;
    } catch (error) {
      await cloud[Symbol.asyncDispose]();
      throw error;
    }
  }

  async access(): Promise<Access> {
    return accessOf(await output([flags.ours, "cloud", "kubeconfig", "--data-root", this.#folder]));
  }

  get pid(): number {
    return this.#process.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.exited;
  }
}

async function ready(url: string): Promise<void> {
  for (const end = performance.now() + 20_000; ; await Bun.sleep(2)) {
    const answer = await fetch(url, { tls: { rejectUnauthorized: false } }).catch(() => undefined);
    if (answer?.ok) return;
    if (performance.now() > end) throw new Error("sampan cloud is not ready within 20 s");
  }
}

const pod = (name: string) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, labels: { app: "bench" } },
  // Of a scheduler that is not there: what is measured is the API.
  spec: {
    schedulerName: "nobody",
    containers: [{ name: "main", image: "busybox", command: ["sleep", "1d"] }],
  },
});
const configMap = (name: string) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name },
  data: { value: "x".repeat(512) },
});

async function timed(action: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await action();
  return performance.now() - begin;
}

/** Creations a second, `lanes` of them side by side. */
async function rate(
  total: number,
  lanes: number,
  create: (index: number) => Promise<unknown>,
): Promise<number> {
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < total; index = next++) await create(index);
  };
  const took = await timed(() => Promise.all(Array.from({ length: lanes }, lane)));
  return total / (took / 1000);
}

async function starts(folder: string): Promise<void> {
  const first: number[] = [];
  const again: number[] = [];
  for (let round = 0; round < count(10); round++) {
    const root = join(folder, `start-${round}`);
    for (const list of [first, again]) {
      await using cloud = await Cloud.start(root);
      list.push(cloud.readyAfter);
    }
  }
  add("start to ready, an empty folder (certificates are made)", "ms", { sampan: first });
  add("start to ready, again", "ms", { sampan: again });
}

async function writes(access: Access, etcd: Etcd | undefined): Promise<void> {
  const path = "/api/v1/namespaces/default/configmaps";
  const value = JSON.stringify(configMap("x"));
  using one = new Client(access);
  using many = new Client(access, 50);
  const latency: Record<string, number[]> = { sampan: [], etcd: [] };
  for (let index = 0; index < count(300); index++) {
    latency["sampan"]?.push(await timed(() => one.send("POST", path, configMap(`a-${index}`))));
    if (etcd) latency["etcd"]?.push(await timed(() => etcd.put(`a-${index}`, value)));
  }
  add("one creation after the other", "ms", latency);
  const rates: Record<string, number[]> = { sampan: [], etcd: [] };
  for (let round = 0; round < 5; round++) {
    const total = count(1000);
    rates["sampan"]?.push(
      await rate(total, 50, (index) => many.send("POST", path, configMap(`b-${round}-${index}`))),
    );
    if (etcd) rates["etcd"]?.push(await rate(total, 50, (index) => etcd.put(`b-${round}-${index}`, value)));
  }
  add("creations, 50 side by side", "a second", rates);
}

async function lists(client: Client): Promise<void> {
  const path = "/api/v1/namespaces/default/pods";
  for (let index = 0; index < 1000; index++) await client.send("POST", path, pod(`pod-${index}`));
  const times: number[] = [];
  for (let round = 0; round < count(50); round++) times.push(await timed(() => client.send("GET", path)));
  add("list of 1,000 pods, parsed", "ms", { sampan: times });
  const pages: number[] = [];
  for (let round = 0; round < count(50); round++)
    pages.push(await timed(() => client.send("GET", `${path}?limit=100`)));
  add("a page of 100 of 1,000 pods", "ms", { sampan: pages });
  const one: number[] = [];
  for (let round = 0; round < count(300); round++)
    one.push(await timed(() => client.send("GET", `${path}/pod-${round}`)));
  add("one pod", "ms", { sampan: one });
}

/** From the request that changes an object until the last of many watchers has the event. */
async function watches(access: Access, watchers: number): Promise<void> {
  using client = new Client(access);
  const path = "/api/v1/namespaces/default/configmaps";
  const { metadata } = (await client.send("GET", `${path}?limit=1`)) as {
    metadata: { resourceVersion: string };
  };
  let seen: (() => void) | undefined;
  const ends: (() => void)[] = [];
  for (let index = 0; index < watchers; index++)
    ends.push(
      await client.watch(`${path}?watch=1&resourceVersion=${metadata.resourceVersion}`, (line) => {
        if (line.includes('"watched-')) seen?.();
      }),
    );
  const first: number[] = [];
  const last: number[] = [];
  for (let round = 0; round < count(50); round++) {
    let left = watchers;
    const all = Promise.withResolvers<void>();
    const begin = performance.now();
    seen = () => {
      if (left === watchers) first.push(performance.now() - begin);
      if (--left === 0) all.resolve();
    };
    await client.send("POST", path, configMap(`watched-${round}`));
    await all.promise;
    last.push(performance.now() - begin);
  }
  for (const end of ends) end();
  add(`${watchers} watchers: from a creation to the first event`, "ms", { sampan: first });
  add(`${watchers} watchers: from a creation to the last event`, "ms", { sampan: last });
}

async function measure(stack: AsyncDisposableStack): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sampan-bench-cloud-"));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  await starts(folder);
  const cloud = stack.use(await Cloud.start(join(folder, "cloud")));
  const etcd = Bun.which("etcd") ? stack.use(await Etcd.start(folder)) : undefined;
  const memory = (name: string) =>
    add(name, "MiB PSS", { sampan: [pssOf([cloud.pid])], etcd: etcd ? [pssOf([etcd.pid])] : [] });
  // It rests ten seconds after its start.
  await Bun.sleep(15_000);
  memory("memory when idle");
  const access = await cloud.access();
  await writes(access, etcd);
  using client = new Client(access);
  await lists(client);
  await watches(access, 500);
  memory("memory after all that");
  await Bun.sleep(30_000);
  memory("memory after all that, and 30 s of rest");
}

/** Told to end: servers are ended, and what is under way fails. */
let ending: Promise<void> | undefined;

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      ending ??= stack.disposeAsync();
      void ending.finally(() => process.exit(1));
    });
  const versions = await versionsOf();
  const about = [...machine(versions), ...notes];
  await measure(stack);
  publish({ title: "The embedded Kubernetes API", about, rows, as: formOf(flags) });
}

async function versionsOf(): Promise<Parameters<typeof machine>[0]> {
  const runtime = (name: string, text: string) => ({ name, version: text, words: [], every: 1 });
  const ours = runtime("sampan", await versionOf(flags.ours, "--version"));
  return Bun.which("etcd")
    ? { runtimes: [ours, runtime("etcd", await versionOf("etcd", "--version"))], missing: [] }
    : { runtimes: [ours], missing: [{ name: "etcd", why: "is not installed" }] };
}

const notes = [
  "- `sampan cloud` on loopback with TLS and a client certificate, from a client in another process of the same machine.",
  "- etcd: Debian's, by its JSON gateway without TLS: the store alone, without validation, authorization or controllers. Goals of the project: idle below 90 MiB, ready below 1 s.",
];

await main().catch(async (error: unknown) => {
  await ending;
  throw error;
});
