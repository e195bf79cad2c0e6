/**
 * kill -9 of the daemon at random moments while it creates, starts, execs, stops, removes and pulls. After each restart: no container that ran is lost or was restarted,
 * exit codes and logs are right, and the audit finds nothing.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../differential/random.ts";
import { imageName, makeWorld, type World } from "../clients/_world.ts";
import { type Api, apiOf, type Inspected } from "./_api.ts";
import { isAlive } from "./_leavings.ts";

export interface HuntOptions {
  readonly kills: number;
  readonly seed: number;
  readonly lanes?: number;
  /** Ends it after the turn that is under way. */
  readonly signal?: AbortSignal;
  readonly onTurn?: (line: string) => void;
}

export interface Hunted {
  readonly kills: number;
  /** How often each verb was answered, and how often the daemon died in the middle of it. */
  readonly verbs: Readonly<Record<string, { done: number; cut: number }>>;
  readonly failures: readonly string[];
}

/** What the test knows of a container. */
interface Known {
  readonly name: string;
  readonly kind: "steady" | "ending";
  readonly code: number;
  readonly lines: number;
  id?: string;
  /** What it is for sure; undefined: the daemon died over a verb of it. */
  state: "created" | "started" | "stopped" | "gone" | undefined;
  pid?: number;
  started?: string;
}

const steady = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done";
const ending = (lines: number, code: number) =>
  `i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); echo $i; sleep 0.01; done; exit ${code}`;
const mostContainers = 12;

export async function hunt({
  kills,
  seed,
  lanes = 4,
  signal,
  onTurn = () => {},
}: HuntOptions): Promise<Hunted> {
  await using world = await makeWorld();
  await using registry = await startRegistry(world);
  const hunter = new Hunter(world, registry.host, new Random(seed));
  await hunter.warmUp();
  for (let turn = 1; turn <= kills && hunter.failures.length === 0 && !signal?.aborted; turn++) {
    await hunter.turn(lanes);
    onTurn(`${turn}/${kills} ${hunter.summary()}`);
  }
  if (hunter.failures.length === 0) await hunter.removeAll();
  return { kills, verbs: hunter.verbs, failures: hunter.failures };
}

class Hunter {
  readonly failures: string[] = [];
  readonly verbs: Record<string, { done: number; cut: number }> = {};
  private readonly known = new Map<string, Known>();
  private readonly busy = new Set<string>();
  private readonly world: World;
  private readonly registry: string;
  private readonly random: Random;
  private readonly api: Api;
  private count = 0;
  private longest = 0;
  private before = new Set<string>();

  constructor(world: World, registry: string, random: Random) {
    this.world = world;
    this.registry = registry;
    this.random = random;
    this.api = apiOf(world.place.socket);
  }

  summary(): string {
    const states = [...this.known.values()].map(({ state }) => state ?? "in doubt");
    return `${states.filter((state) => state === "started").length} run of ${states.length}`;
  }

  /** How long it takes here, and what others have left on this host. */
  async warmUp(): Promise<void> {
    const begun = performance.now();
    await this.create();
    this.longest = Math.max(400, 8 * (performance.now() - begun));
    this.before = new Set((await this.api.audit()).map(({ name }) => name));
  }

  private async audit(when: string): Promise<void> {
    const found = (await this.api.audit()).filter(({ name }) => !this.before.has(name));
    if (found.length > 0)
      this.failures.push(`${when} the audit found ${JSON.stringify(found)}\n${this.world.daemon().said()}`);
  }

  async turn(lanes: number): Promise<void> {
    const over = new AbortController();
    const work = Array.from({ length: lanes }, (_, lane) => this.lane(lane, over.signal));
    await Bun.sleep(this.random.integer(5, Math.round(this.longest)));
    over.abort();
    await this.world.restart("SIGKILL", () => this.noteIds());
    await Promise.all(work);
    await this.check();
  }

  /** Also of those that nobody has told about. */
  private noteIds(): void {
    const { root, state } = this.world.place;
    for (const folder of [join(root, "containers"), join(state, "containers")])
      if (existsSync(folder)) for (const id of readdirSync(folder)) this.api.made.add(id);
  }

  private async lane(lane: number, over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      const [name, verb] = this.choose(lane);
      this.verbs[name] ??= { done: 0, cut: 0 };
      try {
        await verb();
        this.verbs[name].done++;
      } catch (error) {
        if (!over.aborted) this.failures.push(`${name}: ${String(error)}`);
        this.verbs[name].cut++;
        return;
      }
    }
  }

  private choose(lane: number): readonly [string, () => Promise<void>] {
    const free = [...this.known.values()].filter(
      ({ name, state }) => state !== "gone" && !this.busy.has(name),
    );
    const started = free.filter(({ state, kind }) => state === "started" && kind === "steady");
    const create = ["create", () => this.create()] as const;
    const of = (verb: string, list: readonly Known[], call: (one: Known) => Promise<void>) => {
      if (list.length === 0) return create;
      const one = this.random.pick(list);
      return [verb, () => this.alone(one, call)] as const;
    };
    const full = free.length >= mostContainers;
    return this.random.weighted([
      [full ? 0 : 6, create],
      [3, of("exec", started, (one) => this.exec(one))],
      [full ? 6 : 2, of("remove", free, (one) => this.remove(one))],
      [1, of("stop", started, (one) => this.stop(one))],
      [2, ["pull", () => this.pull(lane)] as const],
    ]);
  }

  private async alone(one: Known, call: (one: Known) => Promise<void>): Promise<void> {
    this.busy.add(one.name);
    try {
      await call(one);
    } finally {
      this.busy.delete(one.name);
    }
  }

  /** Creates and starts. */
  private async create(): Promise<void> {
    const kind = this.random.chance(0.4) ? "steady" : "ending";
    const one: Known = {
      // Not the beginning of an id.
      name: `box-${++this.count}`,
      kind,
      code: this.random.integer(0, 100),
      lines: this.random.integer(0, 60),
      state: undefined,
    };
    this.known.set(one.name, one);
    const network = this.random.pick(["none", "bridge"]);
    await this.alone(one, async () => {
      const script = kind === "steady" ? steady : ending(one.lines, one.code);
      one.id = await this.api.create(one.name, {
        Image: imageName,
        Cmd: ["sh", "-c", script],
        HostConfig: { NetworkMode: network },
      });
      await this.api.post(`/containers/${one.id}/start`);
      one.state = "started";
      Object.assign(one, placeInTime(await this.api.inspect(one.id)));
    });
  }

  private async exec({ id = "" }: Known): Promise<void> {
    const said = await this.api.exec(id, ["echo", "from", "inside"]);
    // A stream without a length ends with the daemon, too.
    if (said !== "from inside\n") throw new Error(`it said ${JSON.stringify(said)}`);
  }

  private async stop(one: Known): Promise<void> {
    one.state = undefined;
    await this.api.post(`/containers/${one.id}/kill?signal=KILL`);
    await this.api.post(`/containers/${one.id}/wait`);
    one.state = "stopped";
  }

  private async remove(one: Known): Promise<void> {
    one.state = undefined;
    await this.api.delete(`/containers/${one.id ?? one.name}?force=1&v=1`);
    one.state = "gone";
  }

  /** A lane has a tag of its own: who removes what another pulls is told so. */
  private async pull(lane: number): Promise<void> {
    const tag = `${this.registry}/app:${lane}`;
    await this.api.pull(tag);
    if (this.random.chance(0.7)) await this.api.delete(`/images/${tag}?force=1`);
  }

  /** After a restart. */
  private async check(): Promise<void> {
    for (const one of this.known.values()) {
      if (one.state === "gone") continue;
      const now = await this.api.find(one.name);
      if (one.state === undefined) this.settle(one, now);
      else if (!now)
        this.failures.push(
          `${one.name} (${one.id}) was ${one.state} and is lost\n${this.world.daemon().said()}`,
        );
      else await this.checkOne(one, now);
    }
    await this.audit("after a restart");
  }

  /** The daemon died over it: whatever it is now is right, and from now on it stays. */
  private settle(one: Known, now: Inspected | undefined): void {
    if (!now) one.state = "gone";
    else {
      one.id = now.Id;
      const { Status } = now.State;
      one.state = Status === "running" ? "started" : Status === "created" ? "created" : "stopped";
      if (one.state === "started") Object.assign(one, placeInTime(now));
      if (!["created", "running", "exited"].includes(Status))
        this.failures.push(`${one.name} is ${Status} after a restart`);
    }
  }

  private async checkOne(one: Known, now: Inspected): Promise<void> {
    const { Status, ExitCode, Pid, StartedAt, FinishedAt } = now.State;
    const wrong = (text: string) =>
      this.failures.push(`${one.name} (${one.kind}): ${text}: ${JSON.stringify(now.State)}`);
    if (one.state !== "started") return;
    if (one.started !== undefined && one.started !== StartedAt) wrong(`it was started at ${one.started}`);
    const lines = (await this.api.logs(now.Id)).split("\n").slice(0, -1);
    const gap = lines.findIndex((line, at) => line !== `${at + 1}`);
    if (gap >= 0) wrong(`line ${gap + 1} of its log is ${JSON.stringify(lines[gap])}`);
    if (Status === "running") {
      if (one.pid !== undefined && one.pid !== Pid) wrong(`its process was ${one.pid}`);
      if (!isAlive(Pid) && !(await this.isToldSoon(now.Id))) wrong("its process is gone");
      return;
    }
    if (one.kind === "steady") return void wrong("it ran for ever");
    if (Status !== "exited" || ExitCode !== one.code) wrong(`wanted exited with ${one.code}`);
    if (lines.length !== one.lines) wrong(`its log has ${lines.length} of ${one.lines} lines`);
    if (Date.parse(FinishedAt) < Date.parse(StartedAt) + one.lines * 10) wrong("it ended too early");
    one.state = "stopped";
  }

  /** It may have ended between the question and the look: then its end is known a moment later. */
  private async isToldSoon(id: string): Promise<boolean> {
    for (const end = performance.now() + 30_000; performance.now() < end; await Bun.sleep(20))
      if ((await this.api.inspect(id)).State.Status !== "running") return true;
    return false;
  }

  async removeAll(): Promise<void> {
    for (const one of this.known.values())
      if (one.state !== "gone" && one.id !== undefined)
        await this.api.delete(`/containers/${one.id}?force=1&v=1`);
    await this.audit("with nothing left");
  }
}

function placeInTime({ State }: Inspected): { pid?: number; started: string } {
  return { started: State.StartedAt, ...(State.Pid > 0 && { pid: State.Pid }) };
}

async function startRegistry({ namespace }: World) {
  const program = new URL("_registry.ts", import.meta.url).pathname;
  const child = Bun.spawn(["nsenter", `--net=/run/netns/${namespace}`, process.execPath, program], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  return {
    host: new TextDecoder().decode(value).trim(),
    [Symbol.asyncDispose]: async () => {
      await child.stdin.end();
      await child.exited;
    },
  };
}
