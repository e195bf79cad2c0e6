/**
 * kill -9 of cloud and edge at random moments: `bun test/fleet/survival/hunt.ts [--kills 300] [--seed N]`. Meanwhile a writer changes what is wanted and devices report. After some kills both are left alone, and:
 * every pod that is wanted runs, once and by its first start; what was wanted of a twin is at the driver, in the order in which it was wanted; what was reported is in the cloud, and never went backwards there;
 * nothing that belongs to nobody is left.
 */
import { readdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { Random } from "../../differential/random.ts";
import { mountsBelow } from "../../snapshots/place.ts";
import { type Load, openLoad, type PodObject, startsOf } from "./_load.ts";
import { type EngineContainer, until, World } from "./_world.ts";

export interface HuntOptions {
  readonly kills: number;
  readonly seed: number;
  readonly onTurn?: (line: string) => void;
}

export interface Hunted {
  readonly kills: { cloud: number; edge: number };
  readonly starts: number;
  readonly wishes: number;
  readonly failures: readonly string[];
  /** What is left to look at. */
  readonly folder?: string;
}

const killsOfTurn = 8;

export async function hunt({ kills, seed, onTurn = () => {} }: HuntOptions): Promise<Hunted> {
  const random = new Random(seed);
  const world = await World.open();
  const count = { cloud: 0, edge: 0 };
  const failures: string[] = [];
  let [wishes, starts] = [0, 0];
  let load: Load | undefined;
  try {
    load = await openLoad(world, random);
    await settled(world, load);
    while (count.cloud + count.edge < kills && failures.length === 0) {
      const most = Math.min(killsOfTurn, kills - count.cloud - count.edge);
      const began = performance.now();
      const stop = { now: false };
      const writing = write(load, random, stop);
      await killSome(world, { random, most, count });
      stop.now = true;
      wishes += await writing;
      const dead = performance.now();
      await settled(world, load).catch((error: unknown) => failures.push(String(error)));
      failures.push(...load.wrong, ...world.late);
      starts = readdirSync(world.path("out")).length;
      onTurn(
        `${count.cloud} of the cloud, ${count.edge} of the edge, ${wishes} wishes, ${starts} pods, meter ${load.metered}: ${(dead - began).toFixed(0)} ms, settled after ${(performance.now() - dead).toFixed(0)} ms`,
      );
    }
    if (failures.length === 0) {
      await load.scale(0);
      failures.push(...(await nothingLeft(world)));
    }
  } catch (error) {
    failures.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    if (failures.length > 0) onTurn(failures.join("\n"));
    await load?.[Symbol.asyncDispose]().catch((error: unknown) => failures.push(String(error)));
    if (failures.length > 0 && process.env["SAMPAN_KEEP"]) await world.stop();
    else await world[Symbol.asyncDispose]();
  }
  return { kills: count, starts, wishes, failures, folder: world.folder };
}

async function write(load: Load, random: Random, stop: { readonly now: boolean }): Promise<number> {
  for (let wishes = 0; ; wishes++) {
    if (stop.now) return wishes;
    await load.wish();
    await Bun.sleep(random.integer(0, 150));
  }
}

interface Killing {
  readonly random: Random;
  readonly most: number;
  readonly count: { cloud: number; edge: number };
}

/** A program that has been killed starts again at once: it may be killed while it starts. */
async function killSome(world: World, { random, most, count }: Killing): Promise<void> {
  for (let turn = 0; turn < most; turn++) {
    await Bun.sleep(
      random.weighted([
        [3, random.integer(0, 300)],
        [2, random.integer(300, 1500)],
        [1, random.integer(1500, 3000)],
      ]),
    );
    const side = random.weighted([
      [1, "cloud"],
      [2, "edge"],
    ] as const);
    count[side] += 1;
    await world[side].kill();
    world.note(`the ${side} was killed`);
    if (random.chance(0.2)) await Bun.sleep(random.integer(0, 1000));
    world[side] = side === "cloud" ? world.spawnCloud() : world.spawnEdge();
  }
}

/** Resolves when all is as it is wanted; errors say what is not. */
async function settled(world: World, load: Load): Promise<void> {
  for (const side of ["cloud", "edge"] as const)
    await until(`the ${side} to be ready`, () => {
      if (!world[side].isRunning()) throw new Error(`it ended: ${world[side].said()}`);
      return world[side].said().includes(" info ready ");
    });
  await until("the node to be Ready", () => world.isReady());
  let words = "";
  await until("the pods that are wanted", async () => {
    words = podsWrong(await load.pods(), load.replicas);
    if (words !== "") throw new Error(words);
    return true;
  });
  await until("their containers and no others", async () => {
    words = containersWrong(await world.containers(), await load.pods());
    if (words !== "") throw new Error(words);
    return true;
  });
  const all = await load.pods();
  const again = all.filter(({ metadata }) => startsOf(world, metadata.uid) !== 1);
  if (again.length > 0)
    throw new Error(
      `started other than once: ${again.map(({ metadata: { uid } }) => `${uid} ${startsOf(world, uid)} times`).join(", ")}`,
    );
  const running = await world.containers();
  await until(`config ${load.config} in all pods`, async () =>
    (await Promise.all(running.map(async ({ Id: id }) => await world.seen(id, "/config/value")))).every(
      (value) => value === String(load.config),
    ),
  );
  await load.twinsSettled();
}

function wordsOf({ metadata: { name, deletionTimestamp }, status }: PodObject): string {
  const end = deletionTimestamp === undefined ? "" : `, to end at ${deletionTimestamp}`;
  return `${name} (${status?.phase ?? "without a phase"}${end})`;
}

function podsWrong(all: readonly PodObject[], replicas: number): string {
  if (all.length !== replicas)
    return `${replicas} were wanted and there are ${all.length}: ${all.map(wordsOf).join(", ")}`;
  return all
    .flatMap(({ metadata: { name, deletionTimestamp }, status }) => {
      const [container] = status?.containerStatuses ?? [];
      if (deletionTimestamp !== undefined) return [`${name} is on its way out`];
      if (status?.phase !== "Running" || container?.ready !== true) return [`${name} is ${status?.phase}`];
      return container.restartCount === 0 ? [] : [`${name} was restarted ${container.restartCount} times`];
    })
    .join(", ");
}

function containersWrong(containers: readonly EngineContainer[], all: readonly PodObject[]): string {
  const words = containers.flatMap(({ Id: id, State: state, Labels: labels }) => {
    const pod = all.find(({ metadata }) => metadata.uid === labels["io.kubernetes.pod.uid"]);
    if (!pod) return [`${id} is of no pod`];
    if (state !== "running") return [`${id} is ${state}`];
    const told = pod.status?.containerStatuses?.[0]?.containerID;
    return told?.endsWith(id) === true ? [] : [`${id} runs, and the cloud knows of ${told}`];
  });
  if (containers.length !== all.length) words.push(`${all.length} pods have ${containers.length} containers`);
  return words.join(", ");
}

/** When no pod is wanted. */
async function nothingLeft(world: World): Promise<string[]> {
  try {
    await until(
      "no pod",
      async () =>
        ((await world.send("GET", "/api/v1/namespaces/default/pods")) as { items: unknown[] }).items
          .length === 0,
    );
    await until("no container", async () => (await world.containers()).length === 0);
  } catch (error) {
    return [String(error)];
  }
  const left = () => [
    ...mountsBelow(world.path("edge")).map((path) => `mount ${path}`),
    ...mountsBelow(world.path("run")).map((path) => `mount ${path}`),
    ...mountsBelow(world.path("engine")).map((path) => `mount ${path}`),
    ...entries(world.path("edge", "edged", "pods")).map((name) => `folder of pod ${name}`),
    ...entries(world.path("run", "netns")).map((name) => `namespace ${name}`),
    ...cgroupsOf(entries(world.path("out"))).map((name) => `cgroup ${name}`),
  ];
  await until("nothing to be left", () => left().length === 0, 15).catch(() => {});
  return left();
}

function entries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Those of pods that ran here. */
function cgroupsOf(uids: readonly string[]): string[] {
  const wanted = new Set(uids.map((uid) => `pod${uid}`));
  return [...new Bun.Glob("**/sampan/**/pod*").scanSync({ cwd: "/sys/fs/cgroup", onlyFiles: false })].filter(
    (path) => wanted.has(path.split("/").at(-1) ?? ""),
  );
}

export function words({ kills, starts, wishes, failures, folder }: Hunted): string {
  return [
    `${kills.cloud} kills of the cloud, ${kills.edge} of the edge, ${wishes} wishes, ${starts} pods`,
    ...failures,
    ...(failures.length > 0 ? [`in ${folder}`] : []),
  ].join("\n");
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { kills: { type: "string", default: "100" }, seed: { type: "string" } },
  });
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
  console.log(`seed ${seed}`);
  const hunted = await hunt({ kills: Number(values.kills), seed, onTurn: (line) => console.log(line) });
  console.log(words(hunted));
  process.exit(hunted.failures.length === 0 ? 0 : 1);
}
