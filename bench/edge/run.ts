/**
 * `bun bench/edge/run.ts [--ours dist/sampan] [--json] [--quick] [--only idle|restarts|cuts]`: one cloud and one edge, from kubectl apply to a container's first instruction, from a wish to a mapper, what faults cost, traffic and memory.
 * All of it in network and mount namespaces of its own; a cut is a rule of nftables there, by which packets vanish. KubeEdge's figures stand beside as they were measured on the same kind of machine (docs of the project); it is not run here. Writes a table into bench/results.md.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { makeLayer } from "../../tools/demo/image.ts";
import { type Cable, openCable } from "../../test/fleet/cable.ts";
import { runMapper } from "../../src/mapper/run.ts";
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
    json: { type: "boolean" },
    quick: { type: "boolean" },
    inside: { type: "boolean" },
    /** `idle`: the traffic of an idle node alone, for ten minutes, printed. */
    only: { type: "string" },
  },
});

if (!flags.inside) {
  const child = Bun.spawn(
    ["unshare", "--net", "--mount", process.execPath, ...process.argv.slice(1), "--inside"],
    {
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit",
    },
  );
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => child.kill(name));
  process.exit(await child.exited);
}

const folder = mkdtempSync(join(tmpdir(), "sampan-bench-edge-"));
const rounds = (count: number) => (flags.quick ? Math.min(3, count) : count);
const kubectl = Bun.which("kubectl") ?? "kubectl";
const env = {
  PATH: process.env["PATH"] ?? "",
  HOME: folder,
  KUBECONFIG: join(folder, "cloud/admin.kubeconfig"),
  SAMPAN_EDGE_CONFIG: join(folder, "edge.toml"),
  SAMPAN_CONFIG: join(folder, "engine.toml"),
};
const rows: Row[] = [];

/** `kubeedge`: its median, as measured for this project. */
function add(name: string, unit: string, values: readonly number[], kubeedge?: number): void {
  const spreads = {
    sampan: spreadOf([...values]),
    ...(kubeedge === undefined ? {} : { KubeEdge: spreadOf([kubeedge]) }),
  };
  rows.push({ name, unit, spreads });
  console.error(
    `${name}, ${unit}: ${spreadOf([...values]).median.toFixed(1)}${kubeedge === undefined ? "" : ` (KubeEdge ${kubeedge})`}`,
  );
}

async function until<Found>(
  what: string,
  look: () => Found | undefined | false | Promise<Found | undefined | false>,
  pause = 5,
  seconds = 120,
): Promise<Found> {
  for (const end = performance.now() + seconds * 1000; ; await Bun.sleep(pause)) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`waited ${seconds} s in vain for ${what}`);
  }
}

const logOf = (name: string) =>
  existsSync(join(folder, `${name}.log`)) ? readFileSync(join(folder, `${name}.log`), "utf8") : "";

async function start(name: string, args: readonly string[]): Promise<Bun.Subprocess> {
  writeFileSync(join(folder, `${name}.log`), "");
  const child = Bun.spawn([flags.ours, ...args], {
    env,
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(join(folder, `${name}.log`)),
  });
  await until(`${name} to be ready`, () => {
    if (child.exitCode !== null) throw new Error(`${name} ended: ${logOf(name)}`);
    return logOf(name).includes("info ready");
  });
  return child;
}

const ports = { api: freePort(), hub: freePort(), joining: freePort(), tunnel: freePort(), mqtt: freePort() };
const cloudArgs = [
  "cloud",
  "--data-root",
  join(folder, "cloud"),
  "--bind-address",
  "127.0.0.1",
  "--secure-port",
  `${ports.api}`,
  "--hub-port",
  `${ports.hub}`,
  "--join-port",
  `${ports.joining}`,
  "--router-port",
  "0",
  "--tunnel-port",
  `${ports.tunnel}`,
];

async function kube(...args: string[]): Promise<string> {
  const child = Bun.spawn([kubectl, ...args], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (status !== 0) throw new Error(`kubectl ${args.join(" ")}: ${err}`);
  return out;
}

function podText(name: string, more = ""): string {
  return `apiVersion: v1
kind: Pod
metadata: { name: ${name} }
spec:
  terminationGracePeriodSeconds: 1
  automountServiceAccountToken: false
  nodeSelector: { kubernetes.io/hostname: edge1 }
  containers:
    - name: main
      image: demo/comfort:1
      imagePullPolicy: Never
      command: [/bin/busybox, sh, -c, "echo > /out/${name}; trap exit TERM; /bin/busybox sleep 1000 & wait"]
      volumeMounts: [{ name: out, mountPath: /out }]
${more}  volumes: [{ name: out, hostPath: { path: ${folder}/out } }]
`;
}

interface Kube {
  readonly client: Client;
  readonly cables: readonly Cable[];
}

const podPath = (name: string) => `/api/v1/namespaces/default/pods/${name}`;

async function phaseOf(client: Client, name: string): Promise<string | undefined> {
  const pod = (await client.send("GET", podPath(name)).catch(() => undefined)) as
    { status?: { phase?: string } } | undefined;
  return pod?.status?.phase;
}

async function pods({ client }: Kube): Promise<void> {
  const [first, running, gone]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < rounds(15); round++) {
    const name = `pod-${round}`;
    const file = join(folder, `${name}.yaml`);
    writeFileSync(file, podText(name));
    const began = performance.now();
    const applied = kube("apply", "-f", file);
    const out = join(folder, "out", name);
    await until("the first instruction", () => existsSync(out), 1);
    first.push(performance.now() - began);
    await until("Running", async () => (await phaseOf(client, name)) === "Running", 2);
    running.push(performance.now() - began);
    await applied;
    const told = performance.now();
    await client.send("DELETE", podPath(name));
    await until("the pod's end", async () => (await phaseOf(client, name)) === undefined, 5);
    gone.push(performance.now() - told);
  }
  add("kubectl apply to the container's first instruction", "ms", first, 690);
  add("kubectl apply to Running in the API", "ms", running, 1050);
  add("delete with 1 s of grace to gone, of a program that ends when told", "ms", gone, 4000);
}

const device = (target: number) => ({
  apiVersion: "devices.kubeedge.io/v1beta1",
  kind: "Device",
  metadata: { name: "bench", namespace: "default" },
  spec: {
    deviceModelRef: { name: "bench" },
    nodeName: "edge1",
    protocol: { protocolName: "bench", configData: {} },
    properties: [
      {
        name: "target",
        desired: { value: String(target) },
        collectCycle: 60_000,
        visitors: { protocolName: "bench", configData: {} },
      },
    ],
  },
});

async function twins({ client }: Kube): Promise<void> {
  const devices = "/apis/devices.kubeedge.io/v1beta1/namespaces/default";
  const model = {
    apiVersion: "devices.kubeedge.io/v1beta1",
    kind: "DeviceModel",
    metadata: { name: "bench" },
    spec: { protocol: "bench", properties: [{ name: "target", type: "INT", accessMode: "ReadWrite" }] },
  };
  await client.send("POST", `${devices}/devicemodels`, model);
  await client.send("POST", `${devices}/devices`, device(0));
  const written = new Map<number, number>();
  const end = new AbortController();
  const running = runMapper(
    {
      protocol: "bench",
      version: "1",
      config: () => ({}),
      visitor: () => ({}),
      open: async () => ({
        read: async () => [...written.keys()].at(-1) ?? 0,
        write: async (_, value) => void written.set(Number(value), performance.now()),
        [Symbol.asyncDispose]: async () => {},
      }),
    },
    { dmi: join(folder, "dmi.sock"), socket: join(folder, "bench.sock"), log: () => {}, signal: end.signal },
  );
  await until("the mapper to be told", () => written.has(0));
  const took: number[] = [];
  for (let round = 1; round <= rounds(30); round++) {
    const found = (await client.send("GET", `${devices}/devices/bench`)) as { metadata: object };
    const began = performance.now();
    const sent = client.send("PUT", `${devices}/devices/bench`, {
      ...device(round),
      metadata: found.metadata,
    });
    const at = await until("the wish", () => written.get(round), 1);
    took.push(at - began);
    await sent;
    await Bun.sleep(100);
  }
  end.abort();
  await running;
  add("what is wanted of a twin, changed in the API, to the mapper's driver", "ms", took, 40);
}

async function nodeReady(client: Client): Promise<string | undefined> {
  const node = (await client.send("GET", "/api/v1/nodes/edge1").catch(() => undefined)) as
    { status?: { conditions?: { type: string; status: string }[] } } | undefined;
  return node?.status?.conditions?.find(({ type }) => type === "Ready")?.status;
}

/** Lines of the edge's log, counted. */
const told = (pattern: RegExp) => logOf("edge").match(pattern)?.length ?? 0;
const connections = () => told(/connected to cloud/g);
const losses = () => told(/lost cloud/g);

function nft(text: string): void {
  const { exitCode, stderr } = Bun.spawnSync(["nft", "-f", "-"], { stdin: Buffer.from(text) });
  if (exitCode !== 0) throw new Error(`nft: ${stderr.toString()}`);
}

/** From here on the packets of these connections vanish, both ways, new ones' too. */
function pull(cables: readonly Cable[]): void {
  const numbers = cables.map(({ port }) => port).join(", ");
  nft(
    `table inet cut { chain in { type filter hook input priority 0; tcp sport { ${numbers} } drop; tcp dport { ${numbers} } drop; }; }`,
  );
}

const plugIn = () => nft("delete table inet cut");

interface Machine {
  cloud: Bun.Subprocess;
  readonly edge: Bun.Subprocess;
}

async function restarts(running: Machine): Promise<void> {
  const times: number[] = [];
  for (let round = 0; round < rounds(5); round++) {
    // A connection that stood for long: after one that fell at once the edge would wait longer.
    await Bun.sleep(12_000);
    const before = connections();
    running.cloud.kill("SIGKILL");
    await running.cloud.exited;
    const began = performance.now();
    running.cloud = await start("cloud", cloudArgs);
    await until("the edge to be back", () => connections() > before, 5);
    times.push(performance.now() - began);
  }
  add("restart of the cloud (kill -9) to the edge connected", "ms", times, 34_500);
}

async function cuts({ client, cables }: Kube): Promise<void> {
  const [crashes, readies, runs, noticed]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let round = 0; round < rounds(5); round++) {
    await until("Ready", async () => (await nodeReady(client)) === "True", 50);
    // One that never crashed before: the second time it would wait.
    const name = `crash-${round}`;
    writeFileSync(join(folder, "crash.yaml"), podText(name));
    await kube("apply", "-f", join(folder, "crash.yaml"));
    const out = join(folder, "out", name);
    await until("the pod to run", async () => (await phaseOf(client, name)) === "Running", 20);
    const lost = losses();
    pull(cables);
    const cut = performance.now();
    const knowing = until("the edge to notice", () => losses() > lost, 10, 60).then(() =>
      noticed.push(performance.now() - cut),
    );
    rmSync(out, { force: true });
    const id = (
      await output([
        flags.ours,
        "-H",
        `unix://${folder}/run/sampan.sock`,
        "ps",
        "-q",
        "--filter",
        `label=io.kubernetes.pod.name=${name}`,
      ])
    ).trim();
    const began = performance.now();
    await output([flags.ours, "-H", `unix://${folder}/run/sampan.sock`, "kill", id]);
    await until("the pod to run again", () => existsSync(out), 2);
    crashes.push(performance.now() - began);
    await knowing;
    await until("NotReady", async () => (await nodeReady(client)) !== "True", 50);
    writeFileSync(join(folder, "late.yaml"), podText(`late-${round}`));
    await kube("apply", "-f", join(folder, "late.yaml"));
    const back = performance.now();
    plugIn();
    const ready = until("Ready", async () => (await nodeReady(client)) === "True", 20).then(() =>
      readies.push(performance.now() - back),
    );
    await until("the pod made meanwhile", () => existsSync(join(folder, `out/late-${round}`)), 5);
    runs.push(performance.now() - back);
    await ready;
  }
  add("a container that crashed in a silent cut, to its first instruction again", "ms", crashes, 120_600);
  add("a silent cut to the edge knowing it", "ms", noticed, 173_000);
  add("the link restored to the node Ready", "ms", readies, 2200);
  add("the link restored to the first instruction of a pod made meanwhile", "ms", runs, 2500);
  await client.send("DELETE", "/api/v1/namespaces/default/pods");
  await until(
    "no pods",
    async () =>
      ((await client.send("GET", "/api/v1/namespaces/default/pods")) as { items: unknown[] }).items.length ===
      0,
    50,
  );
}

/** Bytes so far between the edge and these ports, both ways: TCP's payload, and all with the headers of TCP and IP. */
function traffic(cables: readonly Cable[]): { readonly payload: number; readonly whole: number } {
  const found = Bun.spawnSync(["nft", "-j", "list", "table", "inet", "count"]).stdout.toString();
  const whole = [...found.matchAll(/"bytes": (\d+)/g)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);
  return { payload: cables.reduce((sum, { carried }) => sum + carried, 0), whole };
}

/** Of an edge that nobody talks to, after all of its beginning; five minutes are the time between two of its longer words. */
async function idle(cables: readonly Cable[], seconds: number): Promise<void> {
  await Bun.sleep(15_000);
  const numbers = cables.map(({ port }) => port).join(", ");
  nft(
    `table inet count { chain in { type filter hook input priority 0; tcp sport { ${numbers} } counter; tcp dport { ${numbers} } counter; }; }`,
  );
  const before = traffic(cables);
  await Bun.sleep(seconds * 1000);
  const after = traffic(cables);
  nft("delete table inet count");
  const each = (bytes: number) => [(bytes / 1000) * (60 / seconds)];
  add(
    "idle traffic of a node, both ways, in TCP's payload",
    "kB a minute",
    each(after.payload - before.payload),
    43,
  );
  add("idle traffic with the headers of TCP and IP", "kB a minute", each(after.whole - before.whole));
}

async function rest({ client, cables }: Kube, running: Machine): Promise<void> {
  const seconds = flags.quick ? 20 : 300;
  await Bun.sleep(15_000);
  const parts = [running.edge.pid, running.cloud.pid].map((pid) => ({ pid, used: processorOf([pid]) }));
  const began = performance.now();
  await idle(cables, seconds);
  const minutes = (performance.now() - began) / 60_000;
  const [edge = 0, cloud = 0] = parts.map(({ pid, used }) => (processorOf([pid]) - used) / minutes);
  add("processor time of the idle edge, without a pod", "ms a minute", [edge]);
  add("processor time of the idle cloud with that edge", "ms a minute", [cloud]);
  add("memory of the idle cloud with that edge", "MiB PSS", [pssOf([running.cloud.pid])]);
  add("memory of the idle edge: engine, broker and all parts", "MiB PSS", [pssOf([running.edge.pid])], 141);
  for (let index = 0; index < 10; index++)
    writeFileSync(join(folder, `ten-${index}.yaml`), podText(`ten-${index}`));
  await kube(
    "apply",
    ...Array.from({ length: 10 }, (_, index) => ["-f", join(folder, `ten-${index}.yaml`)]).flat(),
  );
  await until(
    "ten pods",
    async () =>
      (await Promise.all(Array.from({ length: 10 }, (_, index) => phaseOf(client, `ten-${index}`)))).every(
        (phase) => phase === "Running",
      ),
    20,
  );
  await Bun.sleep(15_000);
  add("memory with 10 pods: the edge and the containers' monitors", "MiB PSS", [
    pssOf([running.edge.pid, ...monitors()]),
  ]);
}

/** Processes below the folder of the bench: one monitor a container. */
function monitors(): number[] {
  const found = Bun.spawnSync(["pgrep", "-f", `${folder}/run/containers`])
    .stdout.toString()
    .trim();
  return found === "" ? [] : found.split("\n").map(Number);
}

async function main(): Promise<void> {
  await output(["ip", "link", "set", "lo", "up"]);
  mkdirSync(join(folder, "out"));
  const running: Machine = { cloud: await start("cloud", cloudArgs), edge: undefined as never };
  await using hub = await openCable({ host: "127.0.0.1", port: ports.hub });
  await using tunnel = await openCable({ host: "127.0.0.1", port: ports.tunnel });
  writeFileSync(env.SAMPAN_CONFIG, "");
  writeFileSync(
    env.SAMPAN_EDGE_CONFIG,
    `data_root = "${folder}/edge"\ncert_port = ${ports.joining}\ntunnel_port = ${tunnel.port}\n[mqtt]\nport = ${ports.mqtt}\n[dmi]\nsocket = "${folder}/dmi.sock"\n[pods]\nstatic = "${folder}/manifests"\n[engine]\nroot = "${folder}/engine"\nstate = "${folder}/run"\n`,
  );
  const token = (await output([flags.ours, "cloud", "token", "--data-root", join(folder, "cloud")])).trim();
  writeFileSync(join(folder, "token"), token);
  const joining = Bun.spawnSync(
    [
      flags.ours,
      "join",
      `127.0.0.1:${hub.port}`,
      "--token-file",
      join(folder, "token"),
      "--cert-port",
      `${ports.joining}`,
      "--node-name",
      "edge1",
    ],
    { env },
  );
  if (joining.exitCode !== 0) throw new Error(joining.stderr.toString());
  Object.assign(running, { edge: await start("edge", ["edge"]) });
  try {
    using client = new Client(accessOf(readFileSync(env.KUBECONFIG, "utf8")), 4);
    await until("Ready", async () => (await nodeReady(client)) === "True", 20);
    await output([
      flags.ours,
      "-H",
      `unix://${folder}/run/sampan.sock`,
      "import",
      makeLayer(folder),
      "demo/comfort:1",
    ]);
    const here = { client, cables: [hub, tunnel] };
    if (flags.only === "restarts") return await restarts(running);
    if (flags.only === "cuts") return await cuts(here);
    if (flags.only === "idle") return await idle(here.cables, flags.quick ? 60 : 600);
    await pods(here);
    await twins(here);
    await rest(here, running);
    await client.send("DELETE", "/api/v1/namespaces/default/pods");
    await until(
      "no pods",
      async () =>
        ((await client.send("GET", "/api/v1/namespaces/default/pods")) as { items: unknown[] }).items
          .length === 0,
      50,
    );
    await restarts(running);
    await cuts(here);
  } finally {
    running.edge.kill("SIGTERM");
    await running.edge.exited;
    running.cloud.kill("SIGKILL");
    await running.cloud.exited;
    const place = [flags.ours, "--root", join(folder, "engine")];
    writeFileSync(env.SAMPAN_CONFIG, `[engine]\nroot = "${folder}/engine"\nstate = "${folder}/run"\n`);
    const ids = Bun.spawnSync([...place, "ps", "-aq"], { env })
      .stdout.toString()
      .trim();
    if (ids !== "") Bun.spawnSync([...place, "rm", "-f", ...ids.split("\n")], { env });
  }
}

const about = async () => {
  const version = await versionOf(flags.ours, "--version");
  return [
    ...machine({ runtimes: [{ name: "sampan", version, words: [], every: 1 }], missing: [] }),
    "- One `sampan cloud` and one `sampan edge` in a network namespace; the link goes through a relay that counts bytes; in a cut all packets of it vanish for more than 40 s. A pod is made by kubectl, its image is there.",
    "- KubeEdge: medians of 1.15.4 with Kubernetes 1.26 on a machine of the same kind, from the project's documents; it was not run beside. Of what it did not notice at all, the time after which the look ended.",
  ];
};

try {
  // Before: it says how busy the machine was.
  const lines = await about();
  await main();
  publish({ title: "Cloud and edge", about: lines, rows, as: formOf(flags) });
} catch (error) {
  console.error(
    logOf("edge").split("\n").slice(-20).join("\n"),
    logOf("cloud").split("\n").slice(-10).join("\n"),
  );
  throw error;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
