/**
 * kill -9 at random moments: `bun test/kill/hunt.ts [--kills 1000] [--seed N] [--lanes 2]`. Each lane has a data root that lives through all of its kills. After each:
 * the verb has happened or has not, everything that is named is whole, and everything that is on the disk has a name in `system df`.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { diskUsage } from "../../src/engine/disk/usage.ts";
import { pull } from "../../src/engine/images/pull.ts";
import { save } from "../../src/engine/images/save.ts";
import { openSmallEngine, type SmallEngine } from "../power-cut/_engine.ts";
import { image } from "../power-cut/_images.ts";
import { serve } from "../power-cut/_registry.ts";
import { faults, leftovers, treesOf, type Trees } from "../power-cut/_state.ts";
import { Random } from "../differential/random.ts";

export interface HuntOptions {
  readonly kills: number;
  readonly seed: number;
  readonly lanes?: number;
  readonly onTurn?: (line: string) => void;
}

export interface Hunted {
  readonly kills: number;
  /** Of each verb: killed while it ran, after it had happened; how often it had happened by then. */
  readonly verbs: Readonly<Record<string, { killed: number; happened: number; ended: number }>>;
  readonly failures: readonly string[];
}

interface Verb {
  readonly args: readonly string[];
  /** What there is after it, from what there was before. */
  readonly after: (before: ReadonlySet<string>) => ReadonlySet<string>;
}

const program = new URL("../power-cut/_verb.ts", import.meta.url).pathname;
const images = { "app:1": image(1), "app:2": image(2) };
const containers = ["one", "two"];
const plus =
  (...things: readonly string[]) =>
  (before: ReadonlySet<string>) =>
    new Set([...before, ...things]);
const without = (before: ReadonlySet<string>, things: readonly string[]) =>
  new Set([...before].filter((each) => !things.includes(each)));
const minus = (thing: string) => (before: ReadonlySet<string>) =>
  new Set([...before].filter((each) => each !== thing));

function verbsOf(host: string, archive: string): Verb[] {
  const tags = [1, 2].map((tag) => `${host}/app:${tag}`);
  const [first = "", second = ""] = tags;
  return [
    { args: ["load", archive], after: plus(first, second) },
    {
      args: ["prune"],
      after: (before) => without(before, containers.some((each) => before.has(each)) ? [second] : tags),
    },
    ...tags.flatMap((name) => [
      { args: ["pull", name], after: plus(name) },
      { args: ["pull", name], after: plus(name) },
      { args: ["remove", name], after: minus(name) },
    ]),
    { args: ["collect"], after: (before) => before },
    ...containers.flatMap((name) => [
      { args: ["create", tags[0] as string, name], after: plus(name) },
      { args: ["remove-container", name], after: minus(name) },
    ]),
  ];
}

export async function hunt(options: HuntOptions): Promise<Hunted> {
  const scratch = mkdtempSync(join(tmpdir(), "sampan-kill-"));
  await using registry = await serve(images);
  const verbs: Record<string, { killed: number; happened: number; ended: number }> = {};
  const failures: string[] = [];
  try {
    const archive = join(scratch, "archive.tar");
    const trees = await cleanTrees(join(scratch, "clean"), registry.host, archive);
    const lanes = options.lanes ?? 2;
    const each = Math.ceil(options.kills / lanes);
    await Promise.all(
      Array.from({ length: lanes }, async (_, index) => {
        const root = join(scratch, `lane-${index}`);
        const lane = new Lane({
          root,
          host: registry.host,
          archive,
          trees,
          verbs,
          seed: options.seed * 1000 + index,
        });
        for (let turn = 0; lane.kills < each && failures.length === 0; turn++) {
          const { line, wrong } = await lane.turn();
          options.onTurn?.(line);
          if (wrong.length > 0)
            failures.push(`lane ${index}, turn ${turn}, ${line}:\n  ${wrong.join("\n  ")}`);
        }
      }),
    );
    return { kills: Object.values(verbs).reduce((sum, { killed }) => sum + killed, 0), verbs, failures };
  } finally {
    if (failures.length === 0) rmSync(scratch, { recursive: true, force: true });
  }
}

async function cleanTrees(root: string, host: string, archive: string): Promise<Trees> {
  mkdirSync(root, { mode: 0o700 });
  await using engine = await openSmallEngine(root);
  for (const name of Object.keys(images)) await pull(engine, `${host}/${name}`);
  const parts = await Array.fromAsync(
    save(
      engine,
      Object.keys(images).map((name) => `${host}/${name}`),
    ),
  );
  await Bun.write(archive, Buffer.concat(parts));
  return treesOf(engine);
}

interface LaneParts {
  readonly root: string;
  readonly host: string;
  /** Of both images. */
  readonly archive: string;
  readonly trees: Trees;
  readonly verbs: Record<string, { killed: number; happened: number; ended: number }>;
  readonly seed: number;
}

class Lane {
  readonly #parts: LaneParts;
  readonly #random: Random;
  readonly #choices: readonly Verb[];
  /** How long each verb takes from `ready` to its end, milliseconds. */
  readonly #times = new Map<string, number>();
  #there: ReadonlySet<string> = new Set();
  kills = 0;

  constructor(parts: LaneParts) {
    this.#parts = parts;
    this.#random = new Random(parts.seed);
    this.#choices = verbsOf(parts.host, parts.archive);
    mkdirSync(parts.root, { mode: 0o700 });
  }

  async turn(): Promise<{ line: string; wrong: string[] }> {
    // A verb that will be refused is tried now and then too.
    const sensible = this.#choices.filter(
      ({ after, args }) => args[0] === "collect" || !equal(after(this.#there), this.#there),
    );
    const verb = this.#random.pick(this.#random.chance(0.9) ? sensible : this.#choices);
    const ended = await this.#run(verb);
    const line = `${verb.args.join(" ")}: ${ended.words}`;
    const wrong = await this.#look(verb, ended);
    return { line, wrong };
  }

  async #run(verb: Verb): Promise<{ status: number | null; words: string }> {
    const name = verb.args[0] as string;
    const child = Bun.spawn([process.execPath, program, this.#parts.root, ...verb.args], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    });
    const said = child.stderr.text();
    const reader = child.stdout.getReader();
    await reader.read();
    const begin = performance.now();
    const usual = this.#times.get(name);
    const wait = usual === undefined ? undefined : this.#random.unit() * usual * 1.2;
    const timer = wait === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), wait);
    const status = await child.exited;
    clearTimeout(timer);
    await noProcess(child.pid);
    const took = performance.now() - begin;
    const record = (this.#parts.verbs[name] ??= { killed: 0, happened: 0, ended: 0 });
    if (child.signalCode === "SIGKILL") {
      record.killed++;
      this.kills++;
      this.#times.set(name, (usual ?? 0) * 1.04);
      return { status: null, words: `killed after ${wait?.toFixed(1)} of about ${usual?.toFixed(1)} ms` };
    }
    record.ended++;
    if (status === 0) this.#times.set(name, (usual ?? took) * 0.7 + took * 0.3);
    return { status, words: `ended with ${status} ${(await said).trim()}` };
  }

  async #look(verb: Verb, { status }: { status: number | null }): Promise<string[]> {
    const { root, trees, verbs } = this.#parts;
    await using engine = await openSmallEngine(root, "unprobed");
    const wrong = await faults(engine, trees);
    const before = this.#there;
    const now = thingsOf(engine, this.#choices);
    const wanted = verb.after(before);
    const [same, after] = [equal(now, before), equal(now, wanted)];
    // Load and prune go image by image; of all others there is nothing between before and after.
    if (!isBetween(now, before, wanted)) wrong.push(`there was ${list(before)} and is ${list(now)}`);
    if (status === 0 && !after) wrong.push(`it ended well, and there is ${list(now)}`);
    if (status !== null && status !== 0 && status !== 3) wrong.push(`it failed with status ${status}`);
    const record = verbs[verb.args[0] as string];
    if (status === null && after && !same && record) record.happened++;
    this.#there = now;
    const { categories } = await diskUsage(engine);
    for (const { name } of categories.find((category) => category.name === "unknown")?.items ?? [])
      wrong.push(`system df cannot name "${name}"`);
    // Most kills find what the ones before have left.
    if (this.#random.chance(0.25))
      wrong.push(...(await leftovers(engine)).map((name) => `left after a collection: ${name}`));
    return wrong;
  }
}

function thingsOf(engine: SmallEngine, verbs: readonly Verb[]): Set<string> {
  const names = verbs.filter(({ args }) => args[0] === "pull").map(({ args }) => args[1] as string);
  const here = names.filter((name) => engine.images.find(name) !== undefined);
  return new Set([...here, ...engine.containers.list().map(({ name }) => name)]);
}

const equal = (a: ReadonlySet<string>, b: ReadonlySet<string>) =>
  a.size === b.size && [...a].every((each) => b.has(each));
const isBetween = (now: ReadonlySet<string>, before: ReadonlySet<string>, after: ReadonlySet<string>) =>
  [...now].every((each) => before.has(each) || after.has(each)) &&
  [...before].every((each) => !after.has(each) || now.has(each));
const list = (things: ReadonlySet<string>) => `[${[...things].toSorted().join(", ")}]`;

/** Until the session of the verb is empty: its helpers end with it. */
async function noProcess(session: number): Promise<void> {
  const end = performance.now() + 30_000;
  for (;;) {
    const left = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && sessionOf(pid) === session);
    if (left.length === 0) return;
    if (performance.now() > end)
      throw new Error(`processes ${left.join(", ")} outlive the verb that started them`);
    await Bun.sleep(2);
  }
}

/** Field 6 of /proc/PID/stat, behind a name in parentheses; undefined for a zombie or what is gone. */
function sessionOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state, , , session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" ? undefined : Number(session);
  } catch {
    return undefined;
  }
}

export function words({ kills, verbs, failures }: Hunted): string {
  const rows = Object.entries(verbs).map(
    ([name, { killed, happened, ended }]) =>
      `${name}: ${killed} killed, ${happened} of them had happened; ${ended} ended first`,
  );
  return [`${kills} kills`, ...rows, ...failures].join("\n");
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      kills: { type: "string", default: "1000" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
      lanes: { type: "string", default: "2" },
      verbose: { type: "boolean" },
    },
  });
  console.log(`seed ${values.seed}`);
  const begin = performance.now();
  const hunted = await hunt({
    kills: Number(values.kills),
    seed: Number(values.seed),
    lanes: Number(values.lanes),
    ...(values.verbose ? { onTurn: (line) => console.log(line) } : {}),
  });
  console.log(`${words(hunted)}\n${((performance.now() - begin) / 1000).toFixed(0)} s`);
  process.exitCode = hunted.failures.length === 0 ? 0 : 1;
}
