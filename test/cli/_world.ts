/** A command line with a made-up engine behind it: what was written, what was asked, and the exit status. */
import type { EngineClient } from "../../src/cli/client/client.ts";
import type { DaemonClient } from "../../src/cli/client/daemon.ts";
import type { Io, Output } from "../../src/cli/io.ts";
import { main, type Place } from "../../src/cli/main.ts";

export interface World {
  /** The same of a daemon; with it every command is a daemon's. */
  readonly daemon?: Partial<DaemonClient>;
  /** Calls of the engine that the test expects; any other one fails. */
  readonly engine?: Partial<EngineClient>;
  readonly input?: string | Uint8Array;
  /** Answers to questions; with them, input is a terminal. */
  readonly answers?: readonly string[];
  readonly outTerminal?: { columns: number; rows: number };
  readonly errTerminal?: { columns: number; rows: number };
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
  /** Where the engine was opened; undefined when it was not. */
  readonly place: Place | undefined;
  readonly closed: boolean;
  readonly asked: readonly { question: string; hidden: boolean }[];
}

export const now = new Date("2026-11-21T12:00:00Z");

function memory(size: { columns: number; rows: number } | undefined): Output & { text: () => string } {
  const parts: Uint8Array[] = [];
  return {
    write: async (data) => {
      parts.push(typeof data === "string" ? Buffer.from(data) : Uint8Array.from(data));
    },
    size: () => size,
    text: () => Buffer.concat(parts).toString(),
  };
}

const nobody = () => Promise.reject(new Error("nobody expects a container"));
const nothing = () => ({ [Symbol.dispose]: () => {} });

export async function sampan(args: readonly string[], world: World = {}): Promise<Ran> {
  const out = memory(world.outTerminal);
  const err = memory(world.errTerminal);
  const asked: { question: string; hidden: boolean }[] = [];
  const answers = [...(world.answers ?? [])];
  let place: Place | undefined;
  let closed = false;
  const io: Io = {
    out,
    err,
    input: {
      terminal: world.answers !== undefined,
      bytes: async function* () {
        yield Buffer.from(world.input ?? "");
      },
    },
    ask: async (question, { hidden = false } = {}) => {
      asked.push({ question, hidden });
      return answers.shift();
    },
    env: world.env ?? {},
    now: () => now,
    signal: world.signal ?? new AbortController().signal,
    handOver: () => {},
    raw: nothing,
    onResize: nothing,
    onSignal: nothing,
  };
  const client = {
    ...world.engine,
    host: "unix:///daemon",
    createContainer: nobody,
    ...world.daemon,
    [Symbol.asyncDispose]: async () => {
      closed = true;
    },
  } as unknown as DaemonClient;
  const status = await main(
    args,
    async (where) => {
      place = where;
      return client;
    },
    io,
  );
  return { status, out: out.text(), err: err.text(), place, closed, asked };
}
