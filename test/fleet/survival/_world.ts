/**
 * `sampan cloud` and `sampan edge` as two machines: processes in a network namespace each, with a cable between them. Both may be killed, started again, replaced; the cable may be cut without a word,
 * or lose packets. SAMPAN_PROGRAM is an executable that stays as it is during a long hunt.
 */
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { unmount } from "../../../src/kernel/mounts.ts";
import { accessOf, Client } from "../../../bench/cloud/_client.ts";
import { endContainers } from "../../daemon/_leavings.ts";
import { mountsBelow } from "../../snapshots/place.ts";

const built = process.env["SAMPAN_PROGRAM"];
const sampan = built ? [built] : [process.execPath, resolve(import.meta.dir, "../../../src/bin/sampan.ts")];

export const needs = { root: true, programs: ["ip", "nsenter", "nft"], files: ["/bin/busybox"] } as const;
export const node = "edge1";
export const image = "survival/app:1";
const addresses = { cloud: "10.99.1.1", edge: "10.99.1.2" } as const;
type Side = keyof typeof addresses;

export interface Program {
  readonly pid: number;
  readonly said: () => string;
  readonly isRunning: () => boolean;
  readonly kill: () => Promise<void>;
  /** SIGTERM; resolves with the status. */
  readonly end: () => Promise<number>;
}

export interface EngineContainer {
  readonly Id: string;
  readonly State: string;
  readonly Labels: Readonly<Record<string, string>>;
}

/** Milliseconds for whatever ends by itself. */
const patience = 60_000;

class Late extends Error {}

/** Rejects when it takes longer: what never ends is a fault like another, and is to be named. */
export async function within<Result>(
  milliseconds: number,
  what: string,
  work: Promise<Result>,
): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Late(`${what} does not end in ${milliseconds} ms`)),
    milliseconds,
  );
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks until it gives something; who asks must be able to bear that something is not there yet. */
export async function until<Found>(
  what: string,
  look: () => Found | undefined | false | Promise<Found | undefined | false>,
  seconds = 120,
): Promise<Found> {
  let last = "";
  for (const end = performance.now() + seconds * 1000; ; await Bun.sleep(20)) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = `: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() > end) throw new Error(`waited ${seconds} s in vain for ${what}${last}`);
  }
}

function must(command: readonly string[], input?: string): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], {
    timeout: 30_000,
    ...(input === undefined ? {} : { stdin: Buffer.from(input) }),
  });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
  return stdout.toString();
}

export class World implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "sampan-survival-"));
  readonly #name = `sv${process.pid}x${Math.floor(Math.random() * 1e6)}`;
  readonly #env: Record<string, string>;
  readonly #started = new Set<Program>();
  readonly #doors: Bun.Subprocess[] = [];
  #client: Client | undefined;
  #apiPort = 0;
  /** Of the broker, from here. */
  mqttPort = 0;
  cloud!: Program;
  edge!: Program;
  /** Questions that neither were answered nor ended with who was asked. */
  readonly late: string[] = [];

  private constructor() {
    this.#env = {
      PATH: process.env["PATH"] ?? "",
      HOME: this.folder,
      SAMPAN_CONFIG: this.path("engine.toml"),
      SAMPAN_EDGE_CONFIG: this.path("edge.toml"),
    };
  }

  /** Cloud and edge, joined and Ready, with an image. */
  static async open(): Promise<World> {
    await using stack = new AsyncDisposableStack();
    const world = stack.use(new World());
    await world.#prepare();
    world.cloud = await world.startCloud();
    await world.#openDoors();
    await world.join();
    world.edge = await world.startEdge();
    await until("the node to be Ready", () => world.isReady());
    await world.#makeImage();
    stack.move();
    return world;
  }

  path(...names: readonly string[]): string {
    return join(this.folder, ...names);
  }

  #inside(side: Side, command: readonly string[]): string[] {
    return ["nsenter", `--net=/run/netns/${this.#name}${side[0]}`, ...command];
  }

  async #prepare(): Promise<void> {
    for (const side of ["cloud", "edge"] as const) {
      must(["ip", "netns", "add", `${this.#name}${side[0]}`]);
      must(this.#inside(side, ["ip", "link", "set", "lo", "up"]));
    }
    must(
      this.#inside("cloud", [
        "ip",
        "link",
        "add",
        "cable",
        "type",
        "veth",
        "peer",
        "name",
        "cable",
        "netns",
        `${this.#name}e`,
      ]),
    );
    for (const [side, address] of Object.entries(addresses)) {
      must(this.#inside(side as Side, ["ip", "addr", "add", `${address}/24`, "dev", "cable"]));
      must(this.#inside(side as Side, ["ip", "link", "set", "cable", "up"]));
    }
    for (const name of ["out", "manifests"]) mkdirSync(this.path(name));
    writeFileSync(this.path("engine.toml"), "");
    writeFileSync(
      this.path("edge.toml"),
      `data_root = "${this.path("edge")}"
[dmi]
socket = "${this.path("dmi.sock")}"
[pods]
static = "${this.path("manifests")}"
address = "${addresses.edge}"
[engine]
root = "${this.path("engine")}"
state = "${this.path("run")}"
`,
    );
  }

  #spawn(side: Side, args: readonly string[]): Program {
    const log = this.path(`${side}-${this.#started.size}.log`);
    writeFileSync(log, "");
    const child = Bun.spawn(this.#inside(side, [...sampan, ...args]), {
      env: this.#env,
      stdin: "ignore",
      stdout: "ignore",
      stderr: Bun.file(log),
    });
    const program: Program = {
      pid: child.pid,
      said: () => readFileSync(log, "utf8"),
      isRunning: () => child.exitCode === null && child.signalCode === null,
      kill: async () => {
        child.kill("SIGKILL");
        await child.exited;
      },
      end: async () => {
        child.kill("SIGTERM");
        return await child.exited;
      },
    };
    this.#started.add(program);
    return program;
  }

  async #ready(program: Program): Promise<Program> {
    await until(
      "a program to be ready",
      () => program.said().includes(" info ready ") || !program.isRunning(),
    );
    if (!program.said().includes(" info ready ")) throw new Error(`it ended: ${program.said()}`);
    return program;
  }

  /** Without waiting until it is ready: it may be killed before. */
  spawnCloud(root = "cloud", ...flags: readonly string[]): Program {
    const own = ["--data-root", this.path(root), "--advertise-address", addresses.cloud];
    return this.#spawn("cloud", ["cloud", ...own, ...flags]);
  }

  spawnEdge(...flags: readonly string[]): Program {
    return this.#spawn("edge", ["edge", ...flags]);
  }

  async startCloud(root = "cloud", ...flags: readonly string[]): Promise<Program> {
    return await this.#ready(this.spawnCloud(root, ...flags));
  }

  async startEdge(...flags: readonly string[]): Promise<Program> {
    return await this.#ready(this.spawnEdge(...flags));
  }

  async #openDoors(): Promise<void> {
    this.#apiPort = await this.#door("cloud", 6443);
    this.mqttPort = await this.#door("edge", 1884);
    this.readAccess();
  }

  async #door(side: Side, port: number): Promise<number> {
    const program = [
      process.execPath,
      join(import.meta.dir, "_door.ts"),
      `${this.#name}${side[0]}`,
      String(port),
    ];
    const child = Bun.spawn(program, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    this.#doors.push(child);
    const { value } = await child.stdout.getReader().read();
    return Number(Buffer.from(value ?? []).toString());
  }

  /** Of the cloud whose data lie there: who replaced another may have keys of its own. */
  readAccess(root = "cloud"): void {
    this.#client?.[Symbol.dispose]();
    const access = accessOf(readFileSync(this.path(root, "admin.kubeconfig"), "utf8"));
    this.#client = new Client({ ...access, server: `https://127.0.0.1:${this.#apiPort}` }, 4);
  }

  async send(method: string, path: string, body?: unknown): Promise<unknown> {
    if (!this.#client) throw new Error("there is no cloud yet");
    return await this.#answered(`${method} ${path}`, this.#client.send(method, path, body));
  }

  async watch(path: string, line: (text: string) => void, ended: () => void): Promise<() => void> {
    if (!this.#client) throw new Error("there is no cloud yet");
    return await this.#answered(`watch of ${path}`, this.#client.watch(path, line, ended));
  }

  async #answered<Result>(what: string, answer: Promise<Result>): Promise<Result> {
    try {
      return await within(patience, what, answer);
    } catch (error) {
      if (error instanceof Late) this.late.push(error.message);
      throw error;
    }
  }

  async join(root = "cloud", ...flags: readonly string[]): Promise<void> {
    writeFileSync(
      this.path("token"),
      this.run("cloud", "cloud", "token", "--data-root", this.path(root)).trim(),
    );
    this.run(
      "edge",
      "join",
      addresses.cloud,
      "--token-file",
      this.path("token"),
      "--node-name",
      node,
      ...flags,
    );
  }

  /** Our program to its end. */
  run(side: Side, ...args: readonly string[]): string {
    const child = Bun.spawnSync(this.#inside(side, [...sampan, ...args]), {
      env: this.#env,
      timeout: 60_000,
    });
    if (child.exitCode !== 0) throw new Error(`${args.join(" ")}: ${child.stderr.toString()}`);
    return child.stdout.toString();
  }

  engine(...args: readonly string[]): string {
    return this.run("edge", "-H", `unix://${this.path("run/sampan.sock")}`, ...args);
  }

  /** All containers, as the engine's own API lists them. */
  async containers(): Promise<readonly EngineContainer[]> {
    const answer = await fetch("http://engine/containers/json?all=1", { unix: this.path("run/sampan.sock") });
    return (await answer.json()) as EngineContainer[];
  }

  /** A file as a container's first process sees it. */
  async seen(id: string, path: string): Promise<string> {
    const answer = await fetch(`http://engine/containers/${id}/json`, { unix: this.path("run/sampan.sock") });
    const { State: state } = (await answer.json()) as { State: { Pid: number } };
    return readFileSync(`/proc/${state.Pid}/root${path}`, "utf8");
  }

  async #makeImage(): Promise<void> {
    const tree = this.path("tree");
    for (const name of ["bin", "etc", "tmp", "proc", "sys", "dev"])
      mkdirSync(join(tree, name), { recursive: true });
    cpSync("/bin/busybox", join(tree, "bin/busybox"), { dereference: true });
    for (const name of ["sh", "cat", "sleep", "echo"]) symlinkSync("busybox", join(tree, "bin", name));
    must(["tar", "-C", tree, "-cf", this.path("image.tar"), "."]);
    this.engine("import", this.path("image.tar"), image);
    rmSync(tree, { recursive: true });
  }

  async isReady(): Promise<boolean> {
    const { status } = (await this.send("GET", `/api/v1/nodes/${node}`)) as {
      status?: { conditions?: { type: string; status: string }[] };
    };
    return status?.conditions?.find(({ type }) => type === "Ready")?.status === "True";
  }

  /** nftables on the edge's side of the cable: packets vanish without a word, all of them or so many of a hundred. */
  lose(percent: number): void {
    this.mend();
    const rule = percent === 100 ? "drop" : `numgen random mod 100 < ${percent} drop`;
    const chain = (hook: string, way: string) =>
      `chain ${hook} {\n type filter hook ${hook} priority 0\n ${way} cable ${rule}\n }\n`;
    must(
      this.#inside("edge", ["nft", "-f", "-"]),
      `table inet weather {\n${chain("input", "iifname")}${chain("output", "oifname")}}\n`,
    );
  }

  mend(): void {
    must(this.#inside("edge", ["nft", "-f", "-"]), "table inet weather {}\ndelete table inet weather\n");
  }

  /** netem of tc(8), both ways. False where the kernel has none. */
  delay(milliseconds: number): boolean {
    return (["cloud", "edge"] as const).every(
      (side) =>
        Bun.spawnSync(
          this.#inside(side, [
            "tc",
            "qdisc",
            "replace",
            "dev",
            "cable",
            "root",
            "netem",
            "delay",
            `${milliseconds / 2}ms`,
          ]),
        ).exitCode === 0,
    );
  }

  /** For who has to find out; beside the programs' own logs. */
  note(text: string): void {
    appendFileSync(this.path("notes.log"), `${new Date().toISOString()} ${text}\n`);
  }

  /** Ends the programs. Containers run on, and all files stay. */
  async stop(): Promise<void> {
    this.#client?.[Symbol.dispose]();
    for (const door of this.#doors) {
      door.kill();
      await door.exited;
    }
    for (const program of this.#started) if (program.isRunning()) await program.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await endContainers(this.folder);
    for (const mount of mountsBelow(this.folder).toReversed()) unmount(mount);
    for (const name of readdirSync("/run/netns").filter((each) => each.startsWith(this.#name)))
      must(["ip", "netns", "delete", name]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
