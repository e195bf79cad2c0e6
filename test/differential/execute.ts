/** Leads one case through its life on one runtime and writes down all that can be seen of it. */
import {
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  lstatSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Case } from "./case.ts";
import { cgroupFiles, cgroupsNamed } from "./_cgroups.ts";
import { Holder, layOut, Tree, type World } from "./world.ts";

export interface Runtime {
  readonly name: "ours" | "runc";
  /** The program and the words before the global flags. */
  readonly command: readonly string[];
}

/** Everything seen, by what it is. An exit status is one line. */
export type Observation = Readonly<Record<string, readonly string[]>>;

export interface Run {
  readonly seen: Observation;
  /** What stands for itself in the lines, and the word of the case that it stands for. */
  readonly words: readonly (readonly [string, string])[];
  /** The runtime's messages; not compared, but of use to whoever reads a difference. */
  readonly messages: string;
}

interface Ended {
  readonly status: number | null;
  readonly output: string;
}

const deadline = 30_000;

/** One container of one case: its folders, its name and what has been seen so far. */
class Trial {
  readonly seen: Record<string, string[]> = {};
  readonly id: string;
  readonly bundle: string;
  readonly root: string;
  readonly world: World;
  readonly runtime: Runtime;
  readonly log: string;

  constructor(world: World, runtime: Runtime, name: string) {
    this.world = world;
    this.runtime = runtime;
    this.id = `sd${process.pid}-${name}-${runtime.name}`;
    this.bundle = join(world.folder, `${name}-${runtime.name}`);
    this.root = `${this.bundle}.state`;
    this.log = `${this.bundle}.log`;
  }

  command(...words: string[]): string[] {
    return [...this.runtime.command, "--root", this.root, ...words];
  }

  spawn(
    words: string[],
    stdin: "ignore" | number = "ignore",
    fds = 0,
  ): Bun.Subprocess<"ignore", "pipe", number> {
    const stderr = openSync(this.log, "a");
    try {
      return Bun.spawn(this.command(...words), {
        cwd: this.world.folder,
        env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root" },
        stdio: [stdin, "pipe", stderr, ...Array.from({ length: fds }, () => "pipe" as const)],
        timeout: deadline,
        killSignal: "SIGKILL",
      }) as Bun.Subprocess<"ignore", "pipe", number>;
    } finally {
      closeSync(stderr);
    }
  }

  /** Runs a command to its end; its status is written down under its name. */
  async call(what: string, ...words: string[]): Promise<Ended> {
    const child = this.spawn(words);
    const [output, status] = await Promise.all([child.stdout.text(), child.exited]);
    this.seen[`${what}: exit`] = [String(status)];
    return { status, output };
  }

  /** The state as JSON, or undefined where there is none. */
  async state(what: string): Promise<{ status: string; pid: number } | undefined> {
    const { status, output } = await this.call(what, "state", this.id);
    if (status !== 0) return undefined;
    const state = JSON.parse(output) as { status: string; pid: number; created: string };
    this.seen[what] = JSON.stringify(
      { ...state, pid: state.pid === 0 ? 0 : "a pid", created: "a time" },
      undefined,
      1,
    ).split("\n");
    return state;
  }

  /** `@section` and `|line` as fields. */
  take(prefix: string, output: string): void {
    let field = `${prefix}before any section`;
    for (const line of output.split("\n")) {
      if (line.startsWith("@")) this.seen[(field = prefix + line.slice(1))] = [];
      else if (line !== "") (this.seen[field] ??= []).push(line.startsWith("|") ? line.slice(1) : line);
    }
  }
}

const ways = { run, life, exec } as const;

/** `name` is unique in the world. The bundle is removed again. */
export async function execute(world: World, runtime: Runtime, tried: Case, name: string): Promise<Run> {
  const trial = new Trial(world, runtime, name);
  const text = JSON.stringify(tried.config);
  using tree = text.includes("$TREE") ? new Tree(`${trial.bundle}.tree`) : undefined;
  await using holder = tried.held.length > 0 ? await Holder.of(world, tried.held) : undefined;
  const words: [string, string][] = [
    [tree?.path ?? "no tree", "$TREE"],
    [trial.bundle, "$BUNDLE"],
    [trial.id, "$ID"],
    [`/proc/${holder?.pid ?? 0}/ns`, "$NS"],
  ];
  try {
    mkdirSync(trial.bundle);
    layOut(world, tried, trial.bundle);
    const config = words.reduce((all, [real, word]) => all.replaceAll(word, real), text);
    writeFileSync(join(trial.bundle, "config.json"), config);
    await ways[tried.way.kind](trial, tried);
    leftovers(trial);
    return {
      seen: trial.seen,
      words: [...words, ...namespaceNames(holder)],
      messages: readFileSync(trial.log, "utf8"),
    };
  } finally {
    await trial.call("clean up", "delete", "--force", trial.id);
    for (const path of [trial.bundle, trial.root, trial.log]) rmSync(path, { recursive: true, force: true });
  }
}

/** The numbers of the host's namespaces and of those that were held, for the comparison. */
function namespaceNames(holder: Holder | undefined): [string, string][] {
  const named = (pid: number | "self", word: string): [string, string][] =>
    readdirSync(`/proc/${pid}/ns`).map((file) => [readlinkSync(`/proc/${pid}/ns/${file}`), word]);
  return [...named("self", "of the host"), ...(holder ? named(holder.pid, "joined") : [])];
}

async function run(trial: Trial, { way }: Case): Promise<void> {
  const preserve = way.kind === "run" ? way.preserve : 0;
  const flags = preserve > 0 ? ["--preserve-fds", String(preserve)] : [];
  const child = trial.spawn(["run", ...flags, "--bundle", trial.bundle, trial.id], "ignore", preserve);
  const [output, status] = await Promise.all([child.stdout.text(), child.exited]);
  trial.seen["run: exit"] = [String(status)];
  trial.take("", output);
}

/** Ends of a pipe with a name, so that the container's end outlives the process that was given it. */
function namedPipe(path: string): { input: number; end: () => void } {
  Bun.spawnSync(["mkfifo", path]);
  const both = openSync(path, "r+");
  const [input, output] = [openSync(path, "r"), openSync(path, "w")];
  closeSync(both);
  return { input, end: () => closeSync(output) };
}

/** `create` with its container's standard output; undefined when it failed. */
async function create(
  trial: Trial,
  stdin: "ignore" | number,
): Promise<{ output: Promise<string> } | undefined> {
  const pidFile = `${trial.bundle}/pid`;
  const child = trial.spawn(["create", "--pid-file", pidFile, "--bundle", trial.bundle, trial.id], stdin);
  if (typeof stdin === "number") closeSync(stdin);
  const output = child.stdout.text();
  const status = await child.exited;
  trial.seen["create: exit"] = [String(status)];
  if (status !== 0) return undefined;
  const state = await trial.state("state after create");
  trial.seen["pid file"] = [
    readFileSync(pidFile, "utf8") === String(state?.pid) ? "is the state's" : "is another",
  ];
  rmSync(pidFile);
  if (state) Object.assign(trial.seen, cgroupFiles(state.pid));
  return { output };
}

async function life(trial: Trial, { way }: Case): Promise<void> {
  const created = await create(trial, "ignore");
  if (!created || way.kind !== "life") return;
  if (way.end === "forced") {
    await trial.call("delete --force", "delete", "--force", trial.id);
    await trial.state("state after delete");
    return;
  }
  if (way.end === "paused") {
    await trial.call("pause", "pause", trial.id);
    await trial.state("state after pause");
    await trial.call("resume", "resume", trial.id);
  }
  if (way.end === "killed") await trial.call("kill", "kill", trial.id, "KILL");
  else await trial.call("start", "start", trial.id);
  trial.take("", await created.output);
  await ended(trial);
}

/** What is true of every container that has ended. */
async function ended(trial: Trial): Promise<void> {
  // Its streams are closed a moment before it is gone.
  const running = new Set(["running", "created", "paused"]);
  const deadlineAt = performance.now() + deadline;
  while (running.has((await trial.state("state after the end"))?.status ?? ""))
    if (performance.now() > deadlineAt) return;
  await trial.call("second start", "start", trial.id);
  await trial.call("late kill", "kill", trial.id, "TERM");
  await trial.call("late pause", "pause", trial.id);
  await trial.call("delete", "delete", trial.id);
  await trial.state("state after delete");
}

async function exec(trial: Trial, { way }: Case): Promise<void> {
  const pipe = namedPipe(join(trial.bundle, "input"));
  const created = await create(trial, pipe.input);
  if (created && way.kind === "exec") {
    await trial.call("start", "start", trial.id);
    const { process, flags } = way;
    const file = join(trial.bundle, "process.json");
    writeFileSync(file, JSON.stringify(process));
    const words = flags ? [...flags, trial.id, ...process.args] : ["--process", file, trial.id];
    const { output } = await trial.call("exec", "exec", ...words);
    trial.take("exec ", output);
  }
  pipe.end();
  if (!created) return;
  trial.take("", await created.output);
  await ended(trial);
}

/** What the bundle looks like afterwards, what the hooks wrote, and what should not be there any more. */
function leftovers(trial: Trial): void {
  const { seen, bundle, root, id } = trial;
  seen["root file system"] = list(join(bundle, "rootfs"), "");
  seen["source"] = list(join(bundle, "source"), "");
  const log = join(bundle, "hooks/log");
  if (existsSync(log)) trial.take("hook ", readFileSync(log, "utf8"));
  const inside = join(bundle, "rootfs/tmp/hook-log");
  if (existsSync(inside)) trial.take("hook ", readFileSync(inside, "utf8"));
  seen["state folder"] = existsSync(root) ? readdirSync(root) : [];
  seen["control groups that are left"] = cgroupsNamed(id, trial.world.cgroup);
  seen["mounts that are left"] = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(`${bundle}/`));
}

function list(folder: string, shown: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      const { mode, uid, gid } = lstatSync(path);
      const line = `${shown}/${entry.name} ${mode.toString(8)} ${uid}:${gid}${entry.isSymbolicLink() ? ` -> ${readlinkSync(path)}` : ""}`;
      return [line, ...(entry.isDirectory() ? list(path, `${shown}/${entry.name}`) : [])];
    });
}
