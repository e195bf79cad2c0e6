/**
 * What the shim keeps of a task, in the bundle that containerd made for it: so that whoever comes later (the next shim, `delete`) finds everything, and all of it goes with the
 * bundle. `sampan/task.json`: what was asked for; `sampan/runtime/`: the runtime's root, with this one container; `sampan/monitor/`: the first process's monitor;
 * `sampan/exec/<id>/`: one further process, with its monitor. Written beside and renamed.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";

export interface Streams {
  readonly terminal: boolean;
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProcessRecord extends Streams {
  readonly pid: number;
  /** Its program was let go. */
  readonly started: boolean;
  /** containerd knows of its end. */
  readonly told: boolean;
}

export interface TaskRecord extends ProcessRecord {
  readonly kind: "task";
  readonly id: string;
  /** Something is mounted on `rootfs`. */
  readonly mounted: boolean;
  /** How often the kernel had killed a process of it for memory when containerd was told last. */
  readonly oomKills?: number;
}

export interface ExecRecord extends ProcessRecord {
  readonly kind: "exec";
  readonly id: string;
  /** The process as JSON, as containerd gave it. */
  readonly process: string;
}

export interface SandboxRecord {
  readonly kind: "sandbox";
  readonly id: string;
  readonly bundle: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly stoppedAt?: number;
}

export const places = {
  own: (bundle: string) => join(bundle, "sampan"),
  runtime: (bundle: string) => join(bundle, "sampan/runtime"),
  monitor: (bundle: string) => join(bundle, "sampan/monitor"),
  exec: (bundle: string, id: string) => join(bundle, "sampan/exec", id),
  rootfs: (bundle: string) => join(bundle, "rootfs"),
  address: (bundle: string) => join(bundle, "address"),
} as const;

const sandboxFile = (bundle: string) => join(places.own(bundle), "sandbox.json");
const taskFile = (bundle: string) => join(places.own(bundle), "task.json");
const execFile = (bundle: string, id: string) => join(places.exec(bundle, id), "exec.json");

export function makePlaces(bundle: string): void {
  for (const place of [places.own, places.runtime, places.monitor])
    mkdirSync(place(bundle), { recursive: true, mode: 0o700 });
}

export function writeTask(bundle: string, record: TaskRecord): void {
  replace(taskFile(bundle), record);
}

export function writeExec(bundle: string, record: ExecRecord): void {
  mkdirSync(places.exec(bundle, record.id), { recursive: true, mode: 0o700 });
  replace(execFile(bundle, record.id), record);
}

export function writeSandbox(record: SandboxRecord): void {
  mkdirSync(places.own(record.bundle), { recursive: true, mode: 0o700 });
  replace(sandboxFile(record.bundle), record);
}

export function readSandbox(bundle: string): SandboxRecord | undefined {
  return read(sandboxFile(bundle), "sandbox") as SandboxRecord | undefined;
}

export function forgetSandbox(bundle: string): void {
  rmSync(sandboxFile(bundle), { force: true });
}

/** Undefined where there is none. Errors: `data_loss`. */
export function readTask(bundle: string): TaskRecord | undefined {
  return read(taskFile(bundle), "task") as TaskRecord | undefined;
}

export function readExecs(bundle: string): ExecRecord[] {
  const folder = join(places.own(bundle), "exec");
  return namesIn(folder)
    .map((id) => read(execFile(bundle, id), "exec") as ExecRecord | undefined)
    .filter((each) => each !== undefined);
}

export function forgetExec(bundle: string, id: string): void {
  rmSync(places.exec(bundle, id), { recursive: true, force: true });
}

export function forgetTask(bundle: string): void {
  rmSync(places.own(bundle), { recursive: true, force: true });
}

/** The address that containerd finds a bundle's shim at. */
export function writeAddress(bundle: string, address: string): void {
  replaceText(places.address(bundle), address);
}

/** Bundles beside this one whose shim listens at an address. */
export function bundlesOf(folder: string, address: string): string[] {
  return namesIn(folder)
    .map((name) => join(folder, name))
    .filter((bundle) => textIn(places.address(bundle)) === address);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

export function textIn(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

function replace(path: string, value: unknown): void {
  replaceText(path, JSON.stringify(value));
}

function replaceText(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

function read(path: string, kind: string): unknown {
  const text = textIn(path);
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text) as { readonly kind?: unknown };
    if (value.kind === kind) return value;
  } catch {
    // told below
  }
  throw new SampanError("data_loss", `cannot read "${path}": it is not what this shim writes`);
}
