/** Starts what its restart policy wants, when the daemon or the machine has started: each after those that it needs, others side by side. */
import { pause } from "../../base/pause.ts";
import { SampanError } from "../../base/errors.ts";
import type { ContainerInfo } from "./containers.ts";
import { begin } from "./begin.ts";
import { labelsOf } from "./filter.ts";
import { findContainer, type LifeParts } from "./parts.ts";
import { hostConfig } from "./request.ts";
import { planRestart, wantRestart } from "./restart-plan.ts";
import { startsWithDaemon } from "./restart-policy.ts";
import { needsOf, startOrder, type Need } from "./start-order.ts";

export interface StartWanted {
  readonly signal: AbortSignal;
  readonly warn: (text: string) => void;
}

/** How many starts at once. */
const side = 8;
/** Milliseconds until one that does not become healthy holds up those that need it no longer. */
const patience = 60_000;

/** `before`: those that there were when the engine began. Resolves when each was tried; one that fails is tried again as its policy says. */
export async function startWanted(
  engine: LifeParts,
  before: readonly ContainerInfo[],
  { signal, warn }: StartWanted,
): Promise<void> {
  const now = before.flatMap(({ id }) => findContainer(engine, id) ?? []);
  const needs = needsOf(
    now.map((info) => ({ ...info, labels: labelsOf({ body: info.body, image: info.imageConfig }) })),
  );
  const wanted = startOrder(
    now.filter(isWanted).map(({ id }) => id),
    needs,
  );
  const done = new Map<string, Promise<void>>();
  const slots = new Slots(side);
  for (const id of wanted) {
    // Of those that come before it in the order: a circle is cut there.
    const waitsFor = (needs.get(id) ?? []).flatMap((need) => ({ need, started: done.get(need.id) }));
    done.set(
      id,
      startOne(engine, id, { waitsFor, slots, signal }).catch((error: unknown) => {
        warn(`cannot start container "${id.slice(0, 12)}": ${SampanError.from(error).message}`);
      }),
    );
  }
  await Promise.all(done.values());
}

/** One that another engine was about to start again is started by this one. */
function isWanted(info: ContainerInfo): boolean {
  if (info.state === "restarting") return true;
  if (info.state !== "exited") return false;
  return startsWithDaemon({
    policy: hostConfig(info.body).RestartPolicy ?? {},
    exitCode: info.exitCode ?? 255,
    stoppedByUser: info.stoppedByUser,
    restartCount: info.restartCount,
    wasStarted: info.started !== undefined,
  });
}

interface StartOne {
  readonly waitsFor: readonly { readonly need: Need; readonly started: Promise<void> | undefined }[];
  readonly slots: Slots;
  readonly signal: AbortSignal;
}

async function startOne(engine: LifeParts, id: string, { waitsFor, slots, signal }: StartOne): Promise<void> {
  for (const { need, started } of waitsFor) {
    await started;
    if (need.condition === "service_healthy") await becomesHealthy(engine, need.id, signal);
  }
  await slots.run(async () => {
    if (!signal.aborted) await engine.tasks.exclusive(id, () => startByPolicy(engine, id));
  });
}

async function startByPolicy(engine: LifeParts, id: string): Promise<void> {
  const info = findContainer(engine, id);
  // Somebody was quicker: another process, or a delay that is over.
  if (!info || !isWanted(info) || engine.tasks.table.restarts.has(id)) return;
  try {
    await begin(engine, info, { byPerson: false });
  } catch (error) {
    const failed = findContainer(engine, id);
    const next = failed && wantRestart(engine, { ...failed, finished: new Date() });
    if (next?.state === "restarting") planRestart(engine, next);
    throw error;
  }
}

/** Waits as long as there is hope. */
async function becomesHealthy(engine: LifeParts, id: string, signal: AbortSignal): Promise<void> {
  const ends = AbortSignal.any([signal, AbortSignal.timeout(patience)]);
  do {
    const info = findContainer(engine, id);
    if (info?.state !== "running" || info.health?.status !== "starting") return;
  } while (await pause(100, ends));
}

class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run(work: () => Promise<void>): Promise<void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
