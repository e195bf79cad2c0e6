/**
 * `bun bench/docker/run.ts [--ours dist/sampan] [--json] [--quick] [--only PART-OF-A-NAME] [--containers 500]`: what is done with containers, by us, docker, podman and ctr,
 * in turns, in one network namespace of their own. Parts: `run`, `start`, `memory`, `exec`, `logs`, `network`. Needs root and gcc. Writes tables into bench/results.md; with
 * --json all numbers, with --only or --quick tables to standard output.
 */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { busyboxArchive } from "../../test/clients/_image.ts";
import { mountsBelow } from "../../test/snapshots/place.ts";
import { unmount } from "../../src/kernel/mounts.ts";
import { build, output } from "../_command.ts";
import { machine } from "../_machine.ts";
import { report, writeSection } from "../_report.ts";
import { spreadOf, type Row } from "../_statistics.ts";
import {
  apiOfPeer,
  image,
  logs,
  privateOf,
  pssOf,
  removeAll,
  runTrue,
  sleeper,
  startsPerSecond,
  timed,
  warmStart,
} from "./_measure.ts";
import { bareHost, type Kind, kinds, startStack } from "./_network.ts";
import { ctr, docker, type Peer, type Place, podman, sampan } from "./_peers.ts";

const { values: flags } = parseArgs({
  options: {
    ours: { type: "string", default: join(import.meta.dir, "../../dist/sampan") },
    json: { type: "boolean" },
    quick: { type: "boolean" },
    only: { type: "string", default: "" },
    containers: { type: "string", default: "500" },
  },
});
const rounds = (number: number) => (flags.quick ? Math.ceil(number / 10) : number);
const rows: Row[] = [];
const notes = [
  "- All in one network namespace of its own, each with a store of its own. The commands are each one's own: sampan, docker, podman, ctr.",
  "- Memory: proportional set sizes (PSS) of daemons; of what stands beside each container (monitor, shim, conmon) the pages that nobody shares.",
  "- `start` and starts per second are requests of Docker's API, so of those who speak it.",
  "- The processor time of logs is of the daemon and of what stands beside the container; the clock of /proc ticks every 10 ms.",
];

type Goal = NonNullable<Row["goal"]>;

/** One row: each peer in turn, round by round. What a peer cannot do is NaN, and left out. */
async function row(
  name: string,
  count: number,
  { peers, sample, goal }: { peers: readonly Peer[]; sample: (peer: Peer) => Promise<number>; goal?: Goal },
): Promise<void> {
  const samples = new Map(peers.map((peer): [string, number[]] => [peer.name, []]));
  // The first of each is not counted: files that are read for the first time.
  for (let round = count > 2 ? -1 : 0; round < count; round++)
    for (const peer of peers) {
      const value = await sample(peer);
      if (round >= 0 && !Number.isNaN(value)) samples.get(peer.name)?.push(value);
    }
  add(name, samples, goal);
}

function add(name: string, samples: ReadonlyMap<string, readonly number[]>, goal?: Goal): void {
  const there = [...samples].filter(([, values]) => values.length > 0);
  const [title, unit] = splitUnit(name);
  rows.push({
    name: title,
    unit,
    spreads: Object.fromEntries(there.map(([peer, values]) => [peer, spreadOf(values)])),
    ...(goal && { goal }),
  });
  console.error(
    `${name}: ${there.map(([peer, values]) => `${peer} ${spreadOf(values).median.toFixed(2)}`).join("  ")}`,
  );
}

function splitUnit(name: string): [string, string] {
  const at = name.lastIndexOf(", ");
  return [name.slice(0, at), name.slice(at + 2)];
}

function wanted(part: string): boolean {
  return part.includes(flags.only);
}

const speaksDocker = (peers: readonly Peer[]) =>
  peers.filter(({ socket }) => socket !== undefined && !socket.includes("containerd"));

async function runs(peers: readonly Peer[]): Promise<void> {
  await row("run --rm busybox true, no network, ms", rounds(20), {
    peers,
    sample: (peer) => runTrue(peer, "none"),
    goal: { against: "docker", ratio: 0.2 },
  });
  await row("run --rm busybox true, with the bridge, ms", rounds(20), {
    peers: speaksDocker(peers),
    sample: (peer) => runTrue(peer, "bridge"),
    goal: { against: "docker", ratio: 0.2 },
  });
}

async function starts(peers: readonly Peer[]): Promise<void> {
  const api = speaksDocker(peers);
  await row("start of a container that was made, ms", rounds(30), {
    peers: api,
    sample: warmStart,
    goal: { against: "docker", ratio: 0.2 },
  });
  for (const lanes of [1, 10, 50])
    await row(`made and started, ${lanes} side by side, a second`, rounds(lanes === 1 ? 3 : 2), {
      peers: api,
      sample: (peer) => startsPerSecond(peer, lanes, flags.quick ? 10 : 50),
    });
}

/** Before they have done anything but load an image. */
async function idle(peers: readonly Peer[]): Promise<void> {
  await row("idle daemon, MiB", 1, {
    peers: peers.filter((peer) => peer.daemons().length > 0),
    sample: async (peer) => pssOf(peer.daemons()),
    goal: { against: "docker", ratio: 0.6 },
  });
}

/** With many containers. */
async function memory(peers: readonly Peer[], count: number): Promise<void> {
  const api = speaksDocker(peers);
  const measured = new Map<string, Map<string, number[]>>();
  const note = (name: string, peer: Peer, value: number) => {
    const one = measured.get(name) ?? new Map<string, number[]>();
    measured.set(name, one.set(peer.name, [...(one.get(peer.name) ?? []), value]));
  };
  for (const peer of api) {
    const client = apiOfPeer(peer);
    const before = peer.besides().length;
    const ids: string[] = [];
    let next = 0;
    const lane = async () => {
      while (next < count) {
        const id = await client.create(`mass-${peer.name}-${++next}`, sleeper);
        ids.push(id);
        await client.post(`/containers/${id}/start`);
      }
    };
    const ms = await timed(() => Promise.all(Array.from({ length: 8 }, lane)));
    const besides = peer.besides();
    note(`${count} containers from nothing, s`, peer, ms / 1000);
    note(`daemon with ${count} containers, MiB`, peer, pssOf(peer.daemons()));
    note(`beside a container, MiB`, peer, privateOf(besides) / (besides.length - before));
    for (let round = 0; round < rounds(10); round++)
      note(
        `ps with ${count} containers, ms`,
        peer,
        await timed(() => output([...peer.words, "ps", "--quiet"])),
      );
    await removeAll(client, ids);
  }
  for (const [name, samples] of measured)
    add(name, samples, { against: "docker", ratio: name.startsWith("beside") ? 0.4 : 1 });
}

async function execs(peers: readonly Peer[]): Promise<void> {
  const api = speaksDocker(peers);
  const ids = new Map<string, string>();
  for (const peer of api) {
    const id = await apiOfPeer(peer).create(`exec-${peer.name}`, sleeper);
    await apiOfPeer(peer).post(`/containers/${id}/start`);
    ids.set(peer.name, id);
  }
  const idOf = ({ name }: Peer) => ids.get(name) ?? "";
  await row("exec of true, as a command, ms", rounds(20), {
    peers: api,
    sample: (peer) => timed(() => output([...peer.words, "exec", idOf(peer), "true"])),
    goal: { against: "docker", ratio: 0.5 },
  });
  await row("exec of true, by the API, ms", rounds(30), {
    peers: api,
    sample: (peer) => timed(() => apiOfPeer(peer).exec(idOf(peer), ["true"])),
    goal: { against: "docker", ratio: 0.5 },
  });
  for (const peer of api) await removeAll(apiOfPeer(peer), [idOf(peer)]);
}

async function logging(peers: readonly Peer[]): Promise<void> {
  const samples = { rate: new Map<string, number[]>(), processor: new Map<string, number[]>() };
  for (let round = 0; round < rounds(3); round++)
    for (const peer of speaksDocker(peers)) {
      const { mibPerSecond, processorPerMib } = await logs(peer, flags.quick ? 10 : 100);
      samples.rate.set(peer.name, [...(samples.rate.get(peer.name) ?? []), mibPerSecond]);
      samples.processor.set(peer.name, [...(samples.processor.get(peer.name) ?? []), processorPerMib]);
    }
  add("lines of a program into its log, MiB a second", samples.rate);
  add("the same, ms of processor time for a MiB", samples.processor, { against: "docker", ratio: 1 });
}

async function network(peers: readonly Peer[], { namespace }: Place, program: string): Promise<void> {
  const options = { namespace, program, length: flags.quick ? 200 : 1000 };
  const api = speaksDocker(peers);
  await using stack = new AsyncDisposableStack();
  const stacks = new Map<string, Awaited<ReturnType<typeof startStack>>>();
  for (const [number, peer] of api.entries())
    stacks.set(peer.name, stack.use(await startStack(peer, 8200 + number, options)));
  for (const kind of Object.keys(kinds) as Kind[])
    for (const way of ["published", "between"] as const) {
      const samples = new Map<string, number[]>([["host", []]]);
      for (let round = 0; round < rounds(3); round++) {
        samples.get("host")?.push(await bareHost(options, kind));
        for (const [name, one] of stacks)
          samples.set(name, [...(samples.get(name) ?? []), await one[way](kind)]);
      }
      const where = way === "published" ? "through a published port" : "between two containers";
      add(`${where}, ${kinds[kind]}`, samples);
    }
}

async function findPeers(place: Place, stack: AsyncDisposableStack) {
  // A copy: the original may be built anew meanwhile.
  const program = join(place.scratch, "sampan-program");
  copyFileSync(flags.ours, program);
  const candidates = [
    { name: "docker", programs: ["dockerd", "containerd"], make: docker },
    { name: "podman", programs: ["podman", "conmon"], make: podman },
    { name: "ctr", programs: ["containerd", "ctr"], make: ctr },
  ];
  const peers: Peer[] = [await sampan(place, program)];
  const missing: { name: string; why: string }[] = [];
  stack.defer(async () => {
    for (const peer of peers) await peer.end();
  });
  for (const { name, programs, make } of candidates) {
    const absent = programs.find((each) => !Bun.which(each));
    if (absent === undefined) peers.push(await make(place));
    else missing.push({ name, why: `is not there: ${absent} is not installed` });
  }
  return { peers, missing };
}

/** Told to end: daemons are ended, and what is under way fails. */
let ending: Promise<void> | undefined;

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      ending ??= stack.disposeAsync();
      void ending.finally(() => process.exit(1));
    });
  const scratch = mkdtempSync(join(tmpdir(), "sampan-bench-docker-"));
  stack.defer(() => {
    for (const mount of mountsBelow(scratch).toReversed()) unmount(mount);
    rmSync(scratch, { recursive: true, force: true });
  });
  const namespace = `sampan-bench-${process.pid}`;
  await output(["ip", "netns", "add", namespace]);
  stack.defer(async () => void (await output(["ip", "netns", "delete", namespace])));
  await output(["ip", "-n", namespace, "link", "set", "lo", "up"]);
  const archive = join(scratch, "busybox.tar");
  writeFileSync(archive, await busyboxArchive(image));
  const place = { scratch, namespace, archive };
  const { peers, missing } = await findPeers(place, stack);
  const about = machine({ runtimes: peers.map((peer) => ({ ...peer, words: [], every: 1 })), missing });
  if (wanted("memory")) await idle(peers);
  if (wanted("run")) await runs(peers);
  if (wanted("start")) await starts(peers);
  if (wanted("memory")) await memory(peers, flags.quick ? 20 : Number(flags.containers));
  if (wanted("exec")) await execs(peers);
  if (wanted("logs")) await logging(peers);
  if (wanted("network")) await network(peers, place, await build(scratch, join(import.meta.dir, "net.c")));
  const text = report([...about, ...notes], rows);
  if (flags.json) console.log(JSON.stringify({ about, rows }, undefined, 2));
  else if (flags.only === "" && !flags.quick) write(text);
  else console.log(text);
}

function write(text: string): void {
  const results = join(import.meta.dir, "../results.md");
  writeSection(results, "Containers", text);
  // As the gate wants every file.
  Bun.spawnSync([process.execPath, "fmt", results], { stdout: "ignore" });
}

await main().catch(async (error: unknown) => {
  await ending;
  throw error;
});
