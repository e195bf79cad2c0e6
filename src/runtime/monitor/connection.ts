/** A connection to a monitor on which questions are asked, and which tells of the end. What attaches has one of its own. */
import type { Socket } from "node:net";
import { SampanError } from "../../base/errors.ts";
import type { Attachment, Exit, MonitorConnection, TerminalSize } from "../runtime.ts";
import { attachTo, type AttachOptions } from "./attach.ts";
import { dial, frame, nobody, tooMany } from "./dial.ts";
import { readExit } from "./exit.ts";
import { answers, frameHeader, signals } from "./protocol.ts";

/** Errors: `not_found` when nobody listens there, or no longer. */
export async function connectMonitor(folder: string, signal?: AbortSignal): Promise<Connection> {
  const connection = new Connection(folder, await dial(folder, signal));
  try {
    await connection.greet();
    return connection;
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw error;
  }
}

/** No frame that a monitor sends here is longer. */
const longest = 64;

export class Connection implements MonitorConnection {
  pid = 0;
  readonly exited: Promise<Exit>;
  readonly #folder: string;
  readonly #socket: Socket;
  readonly #waiting: ((body: DataView | undefined) => void)[] = [];
  readonly #exit = Promise.withResolvers<Exit>();
  #bytes: Buffer = Buffer.alloc(0);

  constructor(folder: string, socket: Socket) {
    this.#folder = folder;
    this.#socket = socket;
    this.exited = this.#exit.promise;
    // Who does not ask is not to be told by an unhandled rejection.
    this.exited.catch(() => undefined);
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("close", () => this.#closed());
  }

  async greet(): Promise<void> {
    const body = await this.#ask(frame("status"));
    if (body === undefined) throw nobody(this.#folder);
    // A status is longer: this is a refusal.
    if (body.byteLength < 8) throw tooMany(this.#folder);
    this.pid = body.getInt32(0);
  }

  attach(options: AttachOptions): Promise<Attachment> {
    return attachTo(this.#folder, options);
  }

  closeStdin(): void {
    if (!this.#socket.destroyed) this.#socket.write(frame("end_input"));
  }

  async resize({ rows, columns }: TerminalSize): Promise<void> {
    const body = new Uint8Array(4);
    new DataView(body.buffer).setUint16(0, rows);
    new DataView(body.buffer).setUint16(2, columns);
    const result = (await this.#ask(frame("resize", 0, body)))?.getInt32(0);
    if (result === 0) return;
    throw new SampanError(
      "failed_precondition",
      `cannot resize the terminal of process ${this.pid}: ${result === undefined ? "it has ended" : "it has no terminal"}`,
    );
  }

  async signal(number: number, { group = false }: { readonly group?: boolean } = {}): Promise<boolean> {
    if (!Number.isInteger(number) || number < 1 || number > 64)
      throw new SampanError("invalid_argument", `cannot send signal ${number}: wanted 1 to 64`);
    const send = async (argument: number) => (await this.#ask(frame("signal", argument)))?.getInt32(0) === 0;
    // An older monitor knows no groups.
    return (group && (await send(number | signals.group))) || (await send(number));
  }

  /** The answer of `reopen_log`: 0 or a negative errno; undefined where the monitor does not know it, and closes the connection. */
  async reopenLog(): Promise<number | undefined> {
    return (await this.#ask(frame("reopen_log")))?.getInt32(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await Promise.resolve();
  }

  /** Undefined when the monitor went before it answered. Answers come in the order of the questions. */
  #ask(bytes: Uint8Array): Promise<DataView | undefined> {
    if (this.#socket.destroyed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#socket.write(bytes);
    });
  }

  #take(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length >= frameHeader) {
      const size = this.#bytes.readUInt32BE(4);
      if (size > longest) {
        this.#socket.destroy();
        return;
      }
      if (this.#bytes.length < frameHeader + size) return;
      const body = new DataView(
        Uint8Array.from(this.#bytes.subarray(frameHeader, frameHeader + size)).buffer,
      );
      const kind = this.#bytes[0];
      this.#bytes = this.#bytes.subarray(frameHeader + size);
      if (kind === answers.exit) this.#exit.resolve(exitOf(body));
      else this.#waiting.shift()?.(body);
    }
  }

  #closed(): void {
    for (const resolve of this.#waiting.splice(0)) resolve(undefined);
    try {
      const exit = readExit(this.#folder);
      if (exit) this.#exit.resolve(exit);
    } catch (error) {
      this.#exit.reject(error);
    }
    this.#exit.reject(
      new SampanError(
        "unavailable",
        `cannot wait for process ${this.pid}: its monitor has gone without a word`,
      ),
    );
  }
}

function exitOf(body: DataView): Exit {
  const signal = body.getInt32(4);
  return { code: body.getInt32(0), ...(signal > 0 && { signal }), at: Number(body.getBigInt64(8)) };
}
