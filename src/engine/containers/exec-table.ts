/** The further processes of containers that this engine knows: those that run, those that wait for their start, and the last that have ended. */
import type { MonitorConnection } from "../../runtime/runtime.ts";
import type { ExecBody } from "../../spec/docker/exec.ts";

export interface ExecRecord {
  readonly id: string;
  readonly container: string;
  readonly body: ExecBody;
  state: "created" | "starting" | "running" | "ended";
  pid: number;
  exitCode: number | undefined;
  connection: MonitorConnection | undefined;
  /** Resolves when this engine has begun it and is attached where it was to be, or could not. */
  readonly begun: PromiseWithResolvers<void>;
  /** Resolves with its exit code. */
  readonly done: PromiseWithResolvers<number>;
}

export function newExec(id: string, container: string, body: ExecBody): ExecRecord {
  return {
    id,
    container,
    body,
    state: "created",
    pid: 0,
    exitCode: undefined,
    connection: undefined,
    begun: Promise.withResolvers<void>(),
    done: Promise.withResolvers<number>(),
  };
}

/** Of those that do not run. */
const most = 1024;

export class ExecTable {
  readonly #records = new Map<string, ExecRecord>();

  add(record: ExecRecord): void {
    this.#records.set(record.id, record);
    this.#trim();
  }

  find(id: string): ExecRecord | undefined {
    return this.#records.get(id) ?? this.#byPrefix(id);
  }

  #byPrefix(prefix: string): ExecRecord | undefined {
    if (!/^[0-9a-f]{12,63}$/.test(prefix)) return undefined;
    const found = [...this.#records.values()].filter(({ id }) => id.startsWith(prefix));
    return found.length === 1 ? found[0] : undefined;
  }

  of(container: string): ExecRecord[] {
    return [...this.#records.values()].filter((record) => record.container === container);
  }

  ended(record: ExecRecord, exitCode: number): void {
    record.state = "ended";
    record.exitCode = exitCode;
    record.connection = undefined;
    record.done.resolve(exitCode);
    // Behind all others: the oldest end is forgotten first.
    if (this.#records.delete(record.id)) this.#records.set(record.id, record);
    this.#trim();
  }

  /** Its container is removed: nobody waits any more for what its monitors might say. */
  async forget(container: string): Promise<void> {
    const gone = this.of(container);
    for (const { id } of gone) this.#records.delete(id);
    const open = gone.flatMap(({ connection }) => connection ?? []);
    await Promise.all(open.map((connection) => connection[Symbol.asyncDispose]()));
  }

  async close(): Promise<void> {
    const open = [...this.#records.values()].flatMap(({ connection }) => connection ?? []);
    await Promise.all(open.map((connection) => connection[Symbol.asyncDispose]()));
  }

  #trim(): void {
    let over = this.#records.size - most;
    if (over <= 0) return;
    for (const { id, state } of this.#records.values()) {
      if (over <= 0) return;
      if (state !== "created" && state !== "ended") continue;
      this.#records.delete(id);
      over -= 1;
    }
  }
}
