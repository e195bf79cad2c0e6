/** Bundles with busybox, monitors' folders, and a runtime on a root of its own. Disposing deletes every container. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openMonitors } from "../../src/runtime/monitor/open.ts";
import type {
  Attachment,
  Exit,
  MonitorConnection,
  MonitorRequest,
  Runtime,
} from "../../src/runtime/runtime.ts";
import { defaultConfig } from "../../src/spec/oci/default.ts";
import type { OciConfig, OciProcess } from "../../src/spec/oci/config.ts";

export const monitors = openMonitors();

export interface BenchOptions {
  readonly make: (root: string) => Runtime;
}

export interface TaskOptions {
  readonly script?: string;
  readonly args?: readonly string[];
  readonly stdio?: Partial<MonitorRequest["stdio"]>;
  readonly log?: Partial<NonNullable<MonitorRequest["log"]>> | false;
  readonly config?: (config: OciConfig) => void;
}

const applets = [
  "sh",
  "echo",
  "cat",
  "sleep",
  "true",
  "stty",
  "dd",
  "seq",
  "head",
  "trap",
  "kill",
  "wc",
  "yes",
  "mknod",
  "ls",
];
let count = 0;

export class Bench implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), "sampan-monitor-"));
  readonly runtime: Runtime;
  readonly rootfs = join(this.dir, "rootfs");
  readonly ids: string[] = [];

  constructor({ make }: BenchOptions) {
    this.runtime = make(join(this.dir, "state"));
    for (const name of ["bin", "proc", "sys", "dev", "tmp"])
      mkdirSync(join(this.rootfs, name), { recursive: true });
    cpSync(Bun.which("busybox") ?? "", join(this.rootfs, "bin/busybox"));
    for (const applet of applets) symlinkSync("busybox", join(this.rootfs, "bin", applet));
  }

  /** Creates a container; it waits for `start`. */
  async create(options: TaskOptions = {}): Promise<Task> {
    // Of one length: runsc takes the beginning of an id for it.
    const id = `sampan-monitor-${process.pid}-${String(count++).padStart(4, "0")}`;
    const bundle = join(this.dir, id);
    mkdirSync(bundle);
    const monitor = this.monitor(join(bundle, "monitor"), options);
    this.bundle(bundle, id, options);
    this.ids.push(id);
    const { pid } = await this.runtime.create({ id, bundle, monitor });
    return new Task(this.runtime, { id, pid, folder: monitor.folder });
  }

  bundle(folder: string, id: string, options: TaskOptions): void {
    writeBundle(folder, { id, rootfs: this.rootfs, options });
  }

  async start(options: TaskOptions = {}): Promise<Task> {
    const task = await this.create(options);
    await this.runtime.start(task.id);
    return task;
  }

  async exec(task: Task, options: TaskOptions = {}): Promise<Task> {
    const folder = join(this.dir, `exec-${count++}`);
    const monitor = this.monitor(folder, options);
    const process = processOf(options);
    const { pid } = await this.runtime.exec({ id: task.id, process, monitor });
    return new Task(this.runtime, { id: task.id, pid, folder });
  }

  monitor(folder: string, { stdio = {}, log = {} }: TaskOptions): MonitorRequest {
    mkdirSync(folder, { mode: 0o700, recursive: true });
    return {
      folder,
      stdio: { terminal: false, stdin: "none", ...stdio },
      ...(log && { log: { path: join(folder, "log"), maxSize: 0, maxFiles: 1, ...log } }),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of this.ids) await this.runtime.delete(id, { force: true });
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export function processOf({ script, args, stdio }: TaskOptions): OciProcess {
  return {
    args: [...(args ?? ["sh", "-c", script ?? "true"])],
    cwd: "/",
    env: ["PATH=/bin"],
    user: { uid: 0, gid: 0 },
    terminal: stdio?.terminal ?? false,
  } as OciProcess;
}

function writeBundle(
  bundle: string,
  { id, rootfs, options }: { id: string; rootfs: string; options: TaskOptions },
): void {
  const config = defaultConfig();
  config.root = { path: rootfs, readonly: false };
  config.process = { ...config.process, ...processOf(options) };
  config.linux = { ...config.linux, cgroupsPath: `/${id}` };
  options.config?.(config);
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
}

/** A process under a monitor. */
export class Task {
  readonly id: string;
  readonly pid: number;
  readonly folder: string;
  readonly #runtime: Runtime;

  constructor(runtime: Runtime, { id, pid, folder }: { id: string; pid: number; folder: string }) {
    this.#runtime = runtime;
    this.id = id;
    this.pid = pid;
    this.folder = folder;
  }

  connect(): Promise<MonitorConnection> {
    return monitors.connect(this.folder);
  }

  /** How it ended, when it has. */
  ended(): Promise<Exit> {
    return exitOf(this.folder);
  }

  start(): Promise<void> {
    return this.#runtime.start(this.id);
  }

  /** The log's lines without their times. */
  log(path = join(this.folder, "log")): string[] {
    return linesOf(path).map((line) => line.slice(line.indexOf(" ") + 1));
  }

  monitorPid(): number {
    return parentOf(this.pid);
  }
}

export async function exitOf(folder: string): Promise<Exit> {
  const exit = monitors.exit(folder);
  if (exit) return exit;
  try {
    await using connection = await monitors.connect(folder);
    return await connection.exited;
  } catch (error) {
    const late = monitors.exit(folder);
    if (late) return late;
    throw error;
  }
}

export function linesOf(path: string): string[] {
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
}

/** 0 for a process that is not there. */
export function parentOf(pid: number): number {
  try {
    return Number(/^\d+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

export function isGone(pid: number): boolean {
  try {
    return /^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return true;
  }
}

/** What an attachment gave up to its end, by stream. */
export async function outputOf({ output }: Attachment): Promise<{ stdout: string; stderr: string }> {
  return framesOf(Buffer.from(await new Response(output).arrayBuffer()));
}

export function framesOf(bytes: Buffer): { stdout: string; stderr: string } {
  const texts: [Buffer[], Buffer[]] = [[], []];
  for (let at = 0; at < bytes.length;) {
    const size = bytes.readUInt32BE(at + 4);
    const stream = bytes[at];
    if ((stream !== 1 && stream !== 2) || bytes.readUIntBE(at + 1, 3) !== 0 || at + 8 + size > bytes.length)
      throw new Error(`no frame at byte ${at}`);
    texts[stream - 1]?.push(bytes.subarray(at + 8, at + 8 + size));
    at += 8 + size;
  }
  return { stdout: Buffer.concat(texts[0]).toString(), stderr: Buffer.concat(texts[1]).toString() };
}

/** Until it holds; fails after a minute. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + 60_000; !(await holds()); await Bun.sleep(2))
    if (performance.now() > end) throw new Error(`not so after 60 s: ${what}`);
}

/** Control groups of a container of these tests, in whichever hierarchies the host has. */
export function controlGroups(id: string): string[] {
  const top = "/sys/fs/cgroup";
  const folders = readdirSync(top).map((name) => join(top, name));
  return [top, ...folders].map((folder) => join(folder, id)).filter((path) => existsSync(path));
}

/** What it fails with. */
export async function failing(promise: Promise<unknown>): Promise<unknown> {
  const made = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ("error" in made) return made.error;
  throw new Error("it did not fail");
}

/** This process's descriptors, how many they are. */
export function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

/** Monitors that have something below the folder open. */
export function monitorPids(folder: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => nameOf(pid) === "sampan-monitor" && opened(pid).some((path) => path.startsWith(folder)));
}

function opened(pid: number): string[] {
  try {
    const dir = `/proc/${pid}/fd`;
    return readdirSync(dir).map((name) => readlinkSync(join(dir, name)));
  } catch {
    return [];
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "";
  }
}

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);
