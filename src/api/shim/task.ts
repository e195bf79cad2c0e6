/** A task: a container under the runtime, its first process and those that were added. Everything that must outlive the shim is in the bundle. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { chownSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import { nativeRuntime } from "../../runtime/native/runtime.ts";
import { type RootMount, mountRoot, unmountRoot, unmountRootBeside } from "../../runtime/native/rootfs.ts";
import type { Exit, Monitors, Runtime } from "../../runtime/runtime.ts";
import { parseConfig, parseDocument } from "../../spec/oci/parse.ts";
import { validateProcess } from "../../spec/oci/validate.ts";
import {
  type ExecRecord,
  forgetExec,
  forgetTask,
  makePlaces,
  places,
  readExecs,
  type Streams,
  type TaskRecord,
  textIn,
  writeAddress,
  writeExec,
  writeTask,
} from "./bundle.ts";
import type { Publisher } from "./events.ts";
import type { ShimOptions } from "./options.ts";
import { hasEnded, ShimProcess } from "./process.ts";
import { stdioOf } from "./streams.ts";

export interface TaskHost {
  readonly monitors: Monitors;
  readonly publisher: Publisher;
  readonly warn: (bundle: string, text: string) => void;
  /** Where containerd finds this shim: a task that it gave without asking for a shim has none in its bundle. */
  readonly address: string;
}

export interface NewTask extends Streams {
  readonly id: string;
  readonly bundle: string;
  readonly rootfs: readonly RootMount[];
  readonly options: ShimOptions;
}

export type Init = ShimProcess<TaskRecord>;
export type Exec = ShimProcess<ExecRecord>;

export interface Ended {
  readonly pid: number;
  readonly exit: Exit;
}

export class Task {
  readonly id: string;
  readonly bundle: string;
  readonly runtime: Runtime;
  readonly init: Init;
  readonly execs = new Map<string, Exec>();
  readonly #host: TaskHost;
  /** What an end's event waits for: that of the start. */
  #starting: Promise<void> = Promise.resolve();
  readonly #gone = new AbortController();

  private constructor(host: TaskHost, bundle: string, record: TaskRecord) {
    this.#host = host;
    this.id = record.id;
    this.bundle = bundle;
    this.runtime = runtimeIn(bundle, host);
    this.init = new ShimProcess(record, places.monitor(bundle), {
      monitors: host.monitors,
      ended: (exit) => void this.#initEnded(exit),
      deserted: () => this.runtime.kill(this.id, 9, { all: true }),
    });
  }

  /** Nothing is left of one that failed. */
  static async create(host: TaskHost, request: NewTask, signal: AbortSignal): Promise<Task> {
    const { id, bundle, rootfs, options, terminal, stdin, stdout, stderr } = request;
    const stdio = stdioOf(request);
    if (options.owner) giveAway([stdin, stdout, stderr], options.owner);
    makePlaces(bundle);
    if (textIn(places.address(bundle)) === undefined) writeAddress(bundle, host.address);
    const record = { kind: "task", id, terminal, stdin, stdout, stderr, pid: 0 } as const;
    const flags = { started: false, told: false, mounted: rootfs.length > 0 } as const;
    const task = new Task(host, bundle, { ...record, ...flags });
    // Before the mounts: `delete` is to find them.
    writeTask(bundle, task.init.record);
    try {
      mountRoot(rootfs, places.rootfs(bundle));
      const monitor = { folder: task.init.folder, stdio };
      const { pid } = await task.runtime.create({ id, bundle, monitor }, signal);
      task.#keep({ pid });
    } catch (error) {
      if (rootfs.length > 0) unmountRoot(places.rootfs(bundle));
      forgetTask(bundle);
      throw error;
    }
    task.init.watch();
    return task;
  }

  /** A task of another shim, whatever has happened to it since. */
  static load(host: TaskHost, bundle: string, record: TaskRecord): Task {
    const task = new Task(host, bundle, record);
    for (const exec of readExecs(bundle)) {
      const process = task.#addExec(exec);
      if (exec.pid > 0) process.watch();
    }
    task.init.watch();
    if (record.started) task.#watchMemory();
    return task;
  }

  /** Errors: the runtime's. */
  async start(): Promise<number> {
    const done = Promise.withResolvers<void>();
    this.#starting = done.promise;
    try {
      await this.runtime.start(this.id);
      const oomKills = await this.runtime.oomKills(this.id).catch(() => 0);
      this.#keep({ started: true, oomKills });
      const { pid } = this.init.record;
      this.#host.publisher.publish("/tasks/start", { containerId: this.id, pid });
      this.#watchMemory();
      return pid;
    } finally {
      done.resolve();
    }
  }

  /** Adds a process that is begun later. Errors: `already_exists`, `invalid_argument`. */
  add(id: string, streams: Streams, process: string): void {
    if (this.execs.has(id))
      throw new SampanError("already_exists", `cannot add process "${id}": id ${id} is there already`);
    validateProcess(parseDocument(process, "process"));
    const { terminal, stdin, stdout, stderr } = streams;
    const kept = { kind: "exec", id, process, terminal, stdin, stdout, stderr } as const;
    const record = { ...kept, pid: 0, started: false, told: false };
    writeExec(this.bundle, record);
    this.#addExec(record);
    this.#host.publisher.publish("/tasks/exec-added", { containerId: this.id, execId: id });
  }

  async startExec(id: string, signal: AbortSignal): Promise<number> {
    const exec = this.exec(id);
    const { record, folder } = exec;
    if (record.pid > 0 || exec.exit)
      throw new SampanError("failed_precondition", `cannot start process "${id}": it was started before`);
    const process = {
      ...validateProcess(parseDocument(record.process, "process")),
      terminal: record.terminal,
    };
    const monitor = { folder, stdio: stdioOf(record) };
    const { pid } = await this.runtime.exec({ id: this.id, process, monitor }, signal);
    exec.record = { ...record, pid, started: true };
    writeExec(this.bundle, exec.record);
    this.#host.publisher.publish("/tasks/exec-started", { containerId: this.id, execId: id, pid });
    exec.watch();
    return pid;
  }

  /** Errors: `not_found`. */
  exec(id: string): Exec {
    const found = this.execs.get(id);
    if (found) return found;
    throw new SampanError("not_found", `process "${id}" of container "${this.id}" does not exist`);
  }

  /** The first process where the id is empty. */
  process(id: string): Init | Exec {
    return id === "" ? this.init : this.exec(id);
  }

  /** To one process, or to all. Errors: `not_found` with runc's words when it has ended. */
  async kill(execId: string, signal: number, all: boolean): Promise<void> {
    if (execId !== "") return await this.exec(execId).signal(signal);
    if (this.init.exit && !all) throw hasEnded();
    try {
      await this.runtime.kill(this.id, signal, { all });
    } catch (error) {
      throw SampanError.from(error).code === "failed_precondition" ? hasEnded() : error;
    }
  }

  /** Numbers of its processes that have not ended. */
  living(): number[] {
    return [this.init, ...this.execs.values()]
      .filter(({ exit, record }) => !exit && record.pid > 0)
      .map(({ record }) => record.pid);
  }

  /** Takes everything away that the container had. Errors: `failed_precondition` while its first process runs. */
  async delete(signal: AbortSignal): Promise<Ended> {
    await this.runtime.delete(this.id, { force: false, signal });
    const exit = await this.init.wait(signal);
    await this.#starting;
    this.#gone.abort();
    if (this.init.record.mounted) await unmountRootBeside(places.rootfs(this.bundle));
    forgetTask(this.bundle);
    const { pid } = this.init.record;
    this.#host.publisher.publish("/tasks/delete", {
      containerId: this.id,
      pid,
      exitStatus: exit.code,
      exitedAt: timestampFromMs(exit.at),
    });
    return { pid, exit };
  }

  /** Errors: `failed_precondition` while it runs. */
  deleteExec(id: string): Ended {
    const exec = this.exec(id);
    const { pid } = exec.record;
    if (pid > 0 && !exec.exit)
      throw new SampanError("failed_precondition", `cannot delete process "${id}": it is running`);
    this.execs.delete(id);
    forgetExec(this.bundle, id);
    return { pid, exit: exec.exit ?? { code: 0, at: Date.now() } };
  }

  #addExec(record: ExecRecord): Exec {
    const { id } = record;
    const exec: Exec = new ShimProcess(record, places.exec(this.bundle, id), {
      monitors: this.#host.monitors,
      ended: (exit) => this.#tellEnd(exec, exit, (told) => writeExec(this.bundle, told)),
      deserted: () => this.runtime.kill(this.id, 9, { all: true }),
    });
    this.execs.set(id, exec);
    return exec;
  }

  #keep(change: Partial<TaskRecord>): void {
    this.init.record = { ...this.init.record, ...change };
    writeTask(this.bundle, this.init.record);
  }

  async #initEnded(exit: Exit): Promise<void> {
    if (sharesProcesses(this.bundle))
      await this.runtime.kill(this.id, 9, { all: true }).catch((error: unknown) => this.#warn(error));
    await this.#starting;
    this.#tellEnd(this.init, exit, (told) => writeTask(this.bundle, told));
  }

  #tellEnd<Kept extends TaskRecord | ExecRecord>(
    process: ShimProcess<Kept>,
    exit: Exit,
    write: (told: Kept) => void,
  ): void {
    if (process.record.told) return;
    const event = {
      containerId: this.id,
      id: process.record.id,
      pid: process.record.pid,
      exitStatus: exit.code,
      exitedAt: timestampFromMs(exit.at),
    };
    this.#host.publisher.publish("/tasks/exit", event, () => {
      process.record = { ...process.record, told: true };
      try {
        write(process.record);
      } catch {
        // It was deleted meanwhile.
      }
    });
  }

  #watchMemory(): void {
    void this.#tellOfMemory().catch((error: unknown) => this.#warn(error));
  }

  async #tellOfMemory(): Promise<void> {
    const since = this.init.record.oomKills ?? 0;
    for await (const oomKills of this.runtime.oomKillsAbove(this.id, since, this.#gone.signal)) {
      this.#host.publisher.publish("/tasks/oom", { containerId: this.id });
      this.#keep({ oomKills });
    }
  }

  #warn(error: unknown): void {
    if (!this.#gone.signal.aborted) this.#host.warn(this.bundle, SampanError.from(error).message);
  }
}

/** Everything of a task, whatever it had come to. */
export async function clearTask(host: Pick<TaskHost, "warn">, bundle: string, id: string): Promise<void> {
  await runtimeIn(bundle, host).delete(id, { force: true });
  unmountRoot(places.rootfs(bundle));
  forgetTask(bundle);
}

export function runtimeIn(bundle: string, { warn }: Pick<TaskHost, "warn">): Runtime {
  return nativeRuntime({ root: places.runtime(bundle), warn: (text) => warn(bundle, text) });
}

/** Without a pid namespace of its own, what its first process has left behind lives on. */
function sharesProcesses(bundle: string): boolean {
  const text = textIn(`${bundle}/config.json`);
  if (text === undefined) return false;
  const namespaces = parseConfig(text).linux?.namespaces ?? [];
  return !namespaces.some(({ type, path }) => type === "pid" && !path);
}

function giveAway(paths: readonly string[], { uid, gid }: { uid: number; gid: number }): void {
  for (const path of new Set(paths)) if (path.startsWith("/")) chownSync(path, uid, gid);
}
