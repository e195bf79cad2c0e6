/** The measured work: pulls, the verbs on one image, and a store with many. Everybody takes a turn in each round; every second round the other way. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { startRegistry } from "../../test/registry/docker-registry.ts";
import { output } from "../_command.ts";
import type { Row } from "../_statistics.ts";
import type { Job, Peer, Verb } from "./_peers.ts";
import { rowsOf, take, type Samples } from "./_samples.ts";

export interface Plan {
  readonly peers: readonly Peer[];
  readonly rounds: number;
  readonly scratch: string;
  /** What took too long to be measured. */
  readonly late: Set<string>;
}

/** No further round of a part that took so long already: the whole is to end in a quarter of an hour. */
const enoughMs = 90_000;

async function inTurns({ peers, rounds }: Plan, turn: (peer: Peer) => Promise<void>): Promise<void> {
  const until = performance.now() + enoughMs;
  for (let round = 0; round < rounds && (round === 0 || performance.now() < until); round++)
    for (const peer of round % 2 === 0 ? peers : peers.toReversed()) {
      await peer.clear();
      await turn(peer);
      await peer.clear();
    }
}

/** First pulls, and pulls of what is there already. */
export async function pulls(plan: Plan, reference: string, names: { first: string; again?: string }) {
  const first: Samples = new Map();
  const again: Samples = new Map();
  await inTurns(plan, async (peer) => {
    const { late } = plan;
    const whole = await take(first, peer, { commands: peer.pull(reference), sync: true, late });
    if (!whole || names.again === undefined || peer.name === "floor") return;
    for (let time = 0; time < 3; time++) await take(again, peer, { commands: peer.pull(reference), late });
  });
  return [
    ...rowsOf(names.first, first, { sync: true }),
    ...(names.again === undefined ? [] : rowsOf(names.again, again)),
  ];
}

const onOne = ["load", "save", "push", "rmi"] as const satisfies readonly Verb[];

/** Load of `archive`, then save, push to a registry that has nothing, and removal of what was loaded. */
export async function verbsOnOne(
  plan: Plan,
  { reference, archive, what }: { reference: string; archive: string; what: string },
): Promise<Row[]> {
  const samples = new Map(onOne.map((verb): [Verb, Samples] => [verb, new Map()]));
  const saved = join(plan.scratch, "saved.tar");
  await inTurns(plan, async (peer) => {
    for (const verb of onOne) {
      const words = peer.verbs[verb];
      if (!words) continue;
      await using registry = verb === "push" ? await startRegistry() : undefined;
      const target = `${registry?.host ?? "nowhere"}/bench/pushed:1`;
      const job: Job = { reference, archive: verb === "save" ? saved : archive, target };
      const name = verb === "push" ? peer.nameForPush?.(job) : undefined;
      if (name) await output(name.give);
      const done = await take(samples.get(verb) as Samples, peer, {
        commands: words(job),
        sync: verb === "load",
        late: plan.late,
      });
      if (name) await output(name.take);
      rmSync(saved, { force: true });
      if (!done && verb === "load") return;
    }
  });
  return [...samples].flatMap(([verb, each]) => rowsOf(`${verb} ${what}`, each, { sync: verb === "load" }));
}

const nothing: Job = { reference: "", archive: "", target: "" };

/** Of each command on many images: there are peers to which it would take minutes. The load comes before all else, so it may take longer. */
const manyDeadlineMs = { load: 150_000, others: 60_000 };

/** A store with many images: loading them, listing them, removing them. */
export async function verbsOnMany(
  plan: Plan,
  { archive, count }: { archive: string; count: string },
): Promise<Row[]> {
  const [load, images, prune]: [Samples, Samples, Samples] = [new Map(), new Map(), new Map()];
  const peers = plan.peers.filter(({ loadMany }) => loadMany);
  const { late } = plan;
  const options = { late, deadlineMs: manyDeadlineMs.others };
  await inTurns({ ...plan, peers }, async (peer) => {
    const commands = peer.loadMany?.(archive) ?? [];
    if (!(await take(load, peer, { late, deadlineMs: manyDeadlineMs.load, commands }))) return;
    const until = performance.now() + 5000;
    for (let time = 0; time < 5 && (time === 0 || performance.now() < until); time++)
      await take(images, peer, { ...options, commands: peer.verbs.images?.(nothing) ?? [] });
    if (peer.verbs.prune) await take(prune, peer, { ...options, commands: peer.verbs.prune(nothing) });
  });
  return [
    ...rowsOf(`load ${count} small images of one archive`, load),
    ...rowsOf(`images, of ${count}`, images),
    ...rowsOf(`prune of ${count} images`, prune),
  ];
}
