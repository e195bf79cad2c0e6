/** Records one verb on a data root, and replays it cut. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { record, type Recording } from "../../tools/power-cut/record.ts";
import { replay, type Look, type Report } from "../../tools/power-cut/replay.ts";
import { openSmallEngine, type SmallEngine } from "./_engine.ts";
import { memory } from "./_memory.ts";
import { faults, leftovers, treesOf, treesOfAll, type Trees } from "./_state.ts";

export interface CutVerb {
  /** What is there before. */
  readonly prepare?: (engine: SmallEngine) => Promise<unknown>;
  /** Of _verb.ts. */
  readonly args: readonly string[];
  /** What must hold of every state besides; `done`: the verb had said that it is done. */
  readonly also?: (engine: SmallEngine, done: boolean) => Promise<string | undefined> | string | undefined;
  /** overlayfs without it. */
  readonly snapshotter?: "copy";
  /** The next try, made at some of the states. */
  readonly again?: (engine: SmallEngine) => Promise<unknown>;
}

export interface Recorded {
  readonly verb: CutVerb;
  readonly recording: Recording;
  readonly trees: Trees;
}

const program = new URL("./_verb.ts", import.meta.url).pathname;

/** Every cut and more of what it may leave, when SAMPAN_POWER_CUT is `all`. */
const thorough = process.env["SAMPAN_POWER_CUT"] === "all";

export async function recordVerb(scratch: string, verb: CutVerb): Promise<Recorded> {
  const root = join(scratch, "root");
  mkdirSync(root, { mode: 0o700, recursive: true });
  const before = await treesAfter(root, verb, verb.prepare);
  const command = [process.execPath, program, root, ...verb.args];
  const recording = await record({
    root,
    log: join(scratch, "log"),
    command,
    otherBoot: true,
    ...(verb.snapshotter ? { env: { SNAPSHOTTER: verb.snapshotter } } : {}),
  });
  return { verb, recording, trees: treesOfAll(before, await treesAfter(root, verb, verb.again)) };
}

async function treesAfter(root: string, verb: CutVerb, act: CutVerb["prepare"]): Promise<Trees> {
  const trees = await seen(root, verb, act);
  // A database whose statements are still in memory stays open, and its last closing changes files.
  Bun.gc(true);
  return trees;
}

async function seen(root: string, { snapshotter }: CutVerb, act: CutVerb["prepare"]): Promise<Trees> {
  await using engine = await openSmallEngine(root, snapshotter);
  const before = treesOf(engine);
  await act?.(engine);
  return treesOfAll(before, treesOf(engine));
}

export async function replayVerb({ verb, recording, trees }: Recorded, without?: RegExp): Promise<Report> {
  let count = 0;
  const operations = recording.operations.filter(
    ({ kind, text }) => kind !== "sync" || without === undefined || !without.test(text),
  );
  return await replay(
    { ...recording, operations },
    {
      scratch: memory(),
      ...(thorough ? { choices: 8 } : { models: ["posix" as const], choices: 0, cuts: 8 }),
      check: (found) => look({ verb, recording, trees }, found, again(count++)),
    },
  );
}

/** The next try costs more than all else. */
function again(count: number): "no" | "at once" | "after a collection" {
  const every = thorough ? 4 : 8;
  if (count % every !== 0) return "no";
  return (count / every) % 4 === 0 ? "after a collection" : "at once";
}

async function look(
  { verb, trees }: Recorded,
  { root, said, done }: Look,
  again: "no" | "at once" | "after a collection",
): Promise<string | undefined> {
  await using engine = await openSmallEngine(root, verb.snapshotter ?? "unprobed");
  const wrong = await faults(engine, trees);
  const also = await verb.also?.(engine, done || said.includes("done"));
  if (also !== undefined) wrong.push(also);
  if (wrong.length > 0) return wrong.join("\n");
  // The next try comes with and without a collection before it.
  const left = again === "at once" ? [] : await leftovers(engine);
  if (left.length > 0) return `left after a collection:\n${left.join("\n")}`;
  if (again === "no" || !verb.again) return undefined;
  await verb.again(engine);
  const damaged = await faults(engine, trees);
  return damaged.length > 0 ? `after the next try: ${damaged.join("\n")}` : undefined;
}
