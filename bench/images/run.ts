/**
 * `bun bench/images/run.ts [--ours "dist/sampan --root {root}"] [--json] [--quick] [--only PART-OF-A-NAME] [--rounds N]`: what is done with images, by us, containerd,
 * podman, and skopeo with umoci, in turns, from a loopback registry, beside what the steps of a pull alone cost. Parts: the four images of _images.ts, `verbs`,
 * `many`. Needs root and docker-registry. Writes a table into bench/results.md; with --json all numbers, with --only a table to standard output. `--quick` takes
 * an eighth of the sizes and one round.
 */
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startRegistry, type RunningRegistry } from "../../test/registry/docker-registry.ts";
import { machine } from "../_machine.ts";
import { report, writeSection } from "../_report.ts";
import type { Row } from "../_statistics.ts";
import { layoutArchive, manyArchive } from "./_archives.ts";
import { imageKinds, imageNames, pushImage, type PushedImage } from "./_images.ts";
import { containerd, floor, podman, sampan, skopeoUmoci, type Peer } from "./_peers.ts";
import { say } from "./_samples.ts";
import { pulls, verbsOnMany, verbsOnOne, type Plan } from "./_work.ts";

const { values: flags } = parseArgs({
  options: {
    ours: { type: "string", default: `${join(import.meta.dir, "../../dist/sampan")} --root {root}` },
    json: { type: "boolean" },
    quick: { type: "boolean" },
    only: { type: "string", default: "" },
    rounds: { type: "string", default: "3" },
  },
});
const many = flags.quick ? 100 : 1000;
const notes = [
  "- Memory: proportional set sizes of all processes at work, daemons too, added up; of the moment when they were the most.",
  "- Ours is on disk when it returns, theirs is not (decision 011): the rows with `sync -f` show each with its store on disk.",
  "- The goal names the best of the peers in its row. The floor fetches, hashes, inflates and unpacks one step after the other, and keeps no image.",
  "- What docker's archive of podman holds is not compressed; ours and containerd's hold the layers as they were pulled.",
  "- No numbers: skopeo+umoci has no store with many images, so no `images` and no `prune`; ctr of containerd 1.6 has no `prune`.",
];

interface Missing {
  readonly name: string;
  readonly why: string;
}

/** Those that are there are added to `peers` one by one, so that each is ended whatever comes. */
async function findPeers(scratch: string, images: ReadonlyMap<string, PushedImage>, peers: Peer[]) {
  const missing: Missing[] = [];
  const [program = "", ...words] = flags.ours.split(" ").filter(Boolean);
  const candidates = [
    { name: "containerd", programs: ["containerd", "ctr"], make: () => containerd(scratch) },
    { name: "podman", programs: ["podman"], make: () => podman(scratch) },
    { name: "skopeo+umoci", programs: ["skopeo", "umoci"], make: () => skopeoUmoci(scratch) },
  ];
  // A copy: the original may be built anew meanwhile.
  const copy = join(scratch, "sampan-program");
  copyFileSync(Bun.which(program) ?? program, copy);
  peers.push(await sampan(scratch, [copy, ...words]));
  for (const { name, programs, make } of candidates) {
    const absent = programs.find((each) => !Bun.which(each));
    if (absent === undefined) peers.push(await make());
    else missing.push({ name, why: `is not there: ${absent} is not installed` });
  }
  peers.push(floor(scratch, (reference) => images.get(reference)?.layers ?? []));
  return missing;
}

interface Bench extends Plan {
  readonly registry: RunningRegistry;
  readonly images: Map<string, PushedImage>;
  readonly rows: Row[];
}

function add(bench: Bench, rows: readonly Row[]): void {
  bench.rows.push(...rows);
  say(rows);
}

async function measureOnePull(bench: Bench, kind: (typeof imageKinds)[number]): Promise<void> {
  console.error(`${imageNames[kind]}: making it`);
  const part = flags.quick ? 1 / 8 : 1;
  const image = await pushImage(kind, { url: bench.registry.url, scratch: bench.scratch, part });
  bench.images.set(image.reference, image);
  const what = `${imageNames[kind]} (${(image.packedBytes / 2 ** 20).toFixed(0)} MiB packed)`;
  const { reference } = image;
  if (kind.includes(flags.only)) {
    const again = kind === "debian" ? { again: "pull what is there" } : {};
    add(bench, await pulls(bench, reference, { first: `pull ${what}`, ...again }));
  }
  if (kind !== "debian" || !"verbs".includes(flags.only)) return;
  const archive = join(bench.scratch, "load.tar");
  await layoutArchive(reference, archive);
  add(bench, await verbsOnOne(bench, { reference, archive, what }));
  rmSync(archive);
}

async function measureMany(bench: Bench): Promise<void> {
  console.error(`${many} images: making them`);
  const archive = join(bench.scratch, "many.tar");
  await manyArchive(archive, many);
  add(bench, await verbsOnMany({ ...bench, rounds: 1 }, { archive, count: many.toLocaleString("en") }));
  rmSync(archive);
}

function isWanted(part: string): boolean {
  return part.includes(flags.only) || (part === "debian" && "verbs".includes(flags.only));
}

async function main(): Promise<void> {
  await using stack = new AsyncDisposableStack();
  // Daemons and mounts are not to outlive who stops this.
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void stack.disposeAsync().finally(() => process.exit(1)));
  const scratch = mkdtempSync(join(tmpdir(), "sampan-bench-images-"));
  stack.defer(() => rmSync(scratch, { recursive: true, force: true }));
  const images = new Map<string, PushedImage>();
  const peers: Peer[] = [];
  stack.defer(async () => {
    for (const peer of peers) await peer.end?.();
  });
  const registry = stack.use(await startRegistry());
  const missing = await findPeers(scratch, images, peers);
  const about = machine({ runtimes: peers.map((peer) => ({ ...peer, words: [], every: 1 })), missing });
  const rounds = flags.quick ? 1 : Number(flags.rounds);
  const bench: Bench = { peers, rounds, scratch, registry, images, rows: [], late: new Set() };
  for (const kind of imageKinds.filter(isWanted)) await measureOnePull(bench, kind);
  if (isWanted("many")) await measureMany(bench);
  const text = report([...about, ...notes, ...bench.late], bench.rows);
  if (flags.json) console.log(JSON.stringify({ about, rows: bench.rows }, undefined, 2));
  else if (flags.only === "" && !flags.quick) write(text);
  else console.log(text);
}

function write(text: string): void {
  const results = join(import.meta.dir, "../results.md");
  writeSection(results, "Images", text);
  // As the gate wants every file.
  Bun.spawnSync([process.execPath, "fmt", results], { stdout: "ignore" });
}

await main();
