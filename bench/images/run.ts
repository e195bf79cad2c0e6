/**
 * `bun bench/images/run.ts [--ours "dist/sampan --root {root}"] [--json] [--quick] [--only PART-OF-A-NAME] [--rounds N]`: pulls of four images from a loopback registry, by
 * us, containerd, podman, and skopeo with umoci, in turns, beside what the steps alone cost. Needs root and docker-registry. Writes a table into
 * bench/results.md, or with --json all numbers to standard output. `--quick` takes an eighth of the sizes and one round.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startRegistry } from "../../test/registry/docker-registry.ts";
import { output } from "../_command.ts";
import { machine } from "../_machine.ts";
import { report, writeSection } from "../_report.ts";
import { spreadOf, type Row } from "../_statistics.ts";
import { imageKinds, imageNames, pushImage, type PushedImage } from "./_images.ts";
import { measure, type Cost } from "./_measure.ts";
import { containerd, floor, podman, sampan, skopeoUmoci, type Puller } from "./_pullers.ts";

const { values: flags } = parseArgs({
  options: {
    ours: { type: "string", default: "dist/sampan --root {root}" },
    json: { type: "boolean" },
    quick: { type: "boolean" },
    only: { type: "string", default: "" },
    rounds: { type: "string", default: "5" },
  },
});
const rounds = flags.quick ? 1 : Number(flags.rounds);
const measures = [
  { unit: "ms", value: ({ wallMs }: Cost) => wallMs },
  { unit: "ms of processor time", value: ({ processorMs }: Cost) => processorMs },
  { unit: "MiB resident at most", value: ({ peakMiB }: Cost) => peakMiB },
] as const;

interface Missing {
  readonly name: string;
  readonly why: string;
}

async function findPullers(scratch: string, images: ReadonlyMap<string, PushedImage>) {
  const pullers: Puller[] = [];
  const missing: Missing[] = [];
  const candidates = [
    {
      name: "sampan",
      programs: [],
      make: () => sampan(scratch, flags.ours.split(" ").filter(Boolean)),
      wanted: flags.ours !== "",
    },
    { name: "containerd", programs: ["containerd", "ctr"], make: () => containerd(scratch), wanted: true },
    { name: "podman", programs: ["podman"], make: () => podman(scratch), wanted: true },
    { name: "skopeo+umoci", programs: ["skopeo", "umoci"], make: () => skopeoUmoci(scratch), wanted: true },
  ];
  for (const { name, programs, make, wanted } of candidates) {
    const absent = programs.find((program) => !Bun.which(program));
    if (!wanted) continue;
    if (absent === undefined) pullers.push(await make());
    else missing.push({ name, why: `is not there: ${absent} is not installed` });
  }
  pullers.push(floor(scratch, (reference) => images.get(reference)?.layers ?? []));
  return { pullers, missing };
}

/** What a peer cannot do is said, and is no number. */
async function cost(puller: Puller, reference: string): Promise<Cost | undefined> {
  // What the one before left to be written is not this one's.
  await output(["sync"]);
  try {
    return await measure(puller.pull(reference), puller.daemon);
  } catch (error) {
    console.error(`  ${puller.name} cannot: ${(error as Error).message}`);
    return undefined;
  }
}

/** First pulls, and pulls of what is there already. */
async function pulls(pullers: readonly Puller[], reference: string) {
  const first = new Map(pullers.map(({ name }): [string, Cost[]] => [name, []]));
  const again = new Map(
    pullers.filter(({ name }) => name !== "floor").map(({ name }): [string, Cost[]] => [name, []]),
  );
  for (let round = 0; round < rounds; round++)
    for (const puller of round % 2 === 0 ? pullers : pullers.toReversed()) {
      await puller.clear(reference);
      const whole = await cost(puller, reference);
      if (whole) first.get(puller.name)?.push(whole);
      const nothing = whole && again.has(puller.name) ? await cost(puller, reference) : undefined;
      if (nothing) again.get(puller.name)?.push(nothing);
      await puller.clear(reference);
    }
  return { first, again };
}

function rowsOf(name: string, samples: ReadonlyMap<string, readonly Cost[]>): Row[] {
  const measured = [...samples].filter(([, list]) => list.length > 0);
  return measures.map(({ unit, value }) => ({
    name,
    unit,
    spreads: Object.fromEntries(measured.map(([who, list]) => [who, spreadOf(list.map(value))])),
  }));
}

async function main(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), "sampan-bench-images-"));
  const rows: Row[] = [];
  const images = new Map<string, PushedImage>();
  let pullers: Puller[] = [];
  try {
    await using registry = await startRegistry({ delete: false });
    const found = await findPullers(scratch, images);
    pullers = found.pullers;
    for (const kind of imageKinds.filter((each) => each.includes(flags.only))) {
      console.error(`${imageNames[kind]}: making it`);
      const image = await pushImage(kind, { url: registry.url, scratch, part: flags.quick ? 1 / 8 : 1 });
      images.set(image.reference, image);
      const { first, again } = await pulls(pullers, image.reference);
      const size = `${(image.packedBytes / 2 ** 20).toFixed(0)} MiB packed`;
      rows.push(...rowsOf(`pull ${imageNames[kind]} (${size})`, first));
      if (kind === "debian") rows.push(...rowsOf("pull what is there", again));
      for (const row of rows.slice(-6))
        console.error(
          `  ${row.name}, ${row.unit}: ${Object.entries(row.spreads)
            .map(([who, { median }]) => `${who} ${median.toFixed(0)}`)
            .join("  ")}`,
        );
    }
    const about = machine({
      runtimes: pullers.map((puller) => ({ ...puller, words: [], every: 1 })),
      missing: found.missing,
    });
    if (flags.json) console.log(JSON.stringify({ about, rows }, undefined, 2));
    else writeSection("bench/results.md", "Images", report(about, rows));
  } finally {
    for (const puller of pullers) await puller.end?.();
    rmSync(scratch, { recursive: true, force: true });
  }
}

await main();
