/** The program's own standard input, output and signals. */
import { fstatSync, read, write } from "node:fs";
import { SampanError } from "../base/errors.ts";
import type { Io, Output } from "./io.ts";

const showCursor = "\u001b[?25h";

export function processIo(): Io {
  const out = output(1, () => process.stdout);
  const { signal, handOver, onSignal } = interrupts();
  const terminal = isTerminal(0);
  return {
    out,
    err: output(2, () => process.stderr),
    input: {
      terminal,
      bytes: () => (terminal ? keysTyped() : (Bun.stdin.stream() as unknown as AsyncIterable<Uint8Array>)),
    },
    ask: (question, { hidden = false } = {}) => ask(question, hidden, signal),
    env: process.env,
    now: () => new Date(),
    signal,
    handOver,
    onSignal,
    raw: () => {
      process.stdin.setRawMode(true);
      return { [Symbol.dispose]: () => void process.stdin.setRawMode(false) };
    },
    onResize: (listener) => {
      // Standard output's stream learns its size by the same signal, and may learn it later.
      const onSignal = () => setImmediate(listener);
      process.on("SIGWINCH", onSignal);
      return { [Symbol.dispose]: () => void process.off("SIGWINCH", onSignal) };
    },
  };
}

/** `stream` is asked for only where there is a terminal: to make it takes a quarter of the time of a whole command. */
function output(fd: number, stream: () => NodeJS.WriteStream): Output {
  const terminal = isTerminal(fd);
  const size = () => ({ columns: stream().columns || 80, rows: stream().rows || 24 });
  return {
    write: (data) => writeAll(fd, typeof data === "string" ? Buffer.from(data) : data),
    size: () => (terminal ? size() : undefined),
  };
}

/** The major number of /dev/null and its like. */
const memoryDevices = 1;

/** As isatty(3), which is loaded for what may be one: a script's pipes and files should not wait for it. */
function isTerminal(fd: number): boolean {
  try {
    const found = fstatSync(fd);
    if (!found.isCharacterDevice() || ((found.rdev >> 8) & 0xfff) === memoryDevices) return false;
  } catch {
    // It is closed.
    return false;
  }
  return process.getBuiltinModule("node:tty").isatty(fd);
}

/** All of it, by write(2): process.stdout may keep bytes back when the process ends. */
async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    write(fd, bytes, at, bytes.length - at, null, (error, written) =>
      error ? reject(error) : resolve(written),
    );
    try {
      at += await promise;
    } catch (error) {
      // A pipe that another process has made non-blocking is full.
      if ((error as { code?: string }).code !== "EAGAIN")
        throw new SampanError("unavailable", `cannot write output: ${(error as Error).message}`, {
          cause: error,
        });
      await Bun.sleep(5);
    }
  }
}

/** The first Ctrl-C asks the verb to end, the second one ends the process. */
function interrupts(): Pick<Io, "signal" | "handOver" | "onSignal"> {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      if (isTerminal(1)) process.stdout.write(showCursor);
      process.exit(name === "SIGTERM" ? 143 : 130);
    }
    controller.abort(new SampanError("cancelled", `interrupted by ${name}`, { cause: name }));
  };
  const names = ["SIGINT", "SIGTERM"] as const;
  for (const name of names) process.on(name, onSignal);
  const handOver = () => {
    for (const name of names) process.off(name, onSignal);
  };
  return {
    signal: controller.signal,
    handOver,
    onSignal: (listener) => {
      handOver();
      for (const name of passedOn) process.on(name, listener);
      return {
        [Symbol.dispose]: () => {
          for (const name of names) process.on(name, onSignal);
          for (const name of passedOn) process.off(name, listener);
        },
      };
    },
  };
}

/** What a process can be told; not what the kernel tells it of its children, its pipes and its terminal. */
const passedOn = [
  "SIGINT",
  "SIGTERM",
  "SIGHUP",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGCONT",
] as const;

async function* keysTyped(): AsyncGenerator<Uint8Array> {
  const bytes = new Uint8Array(4096);
  for (;;) {
    const count = await readSome(bytes);
    if (count === 0) return;
    yield bytes.slice(0, count);
  }
}

/** The question goes to standard error, the answer comes from standard input, in the terminal's own line editing. */
async function ask(question: string, hidden: boolean, signal: AbortSignal): Promise<string | undefined> {
  if (hidden) return askHidden(question, signal);
  await writeAll(2, Buffer.from(question));
  return readLine(signal, lineByLine);
}

/** Takes what was typed; gives the answer when it is whole. */
type Typed = (line: string, key: string) => { line: string; done: boolean };

const keys = { interrupt: "\u0003", end: "\u0004", erase: ["\u007f", "\b"], kill: "\u0015" } as const;

const lineByLine: Typed = (line, key) =>
  key === "\n" ? { line, done: true } : { line: line + key, done: false };

const keyByKey: Typed = (line, key) => {
  if (key === "\r" || key === "\n" || key === keys.end) return { line, done: true };
  if (key === keys.interrupt) process.kill(process.pid, "SIGINT");
  else if (key === keys.kill) return { line: "", done: false };
  else if ((keys.erase as readonly string[]).includes(key))
    return { line: Array.from(line).slice(0, -1).join(""), done: false };
  else return { line: line + key, done: false };
  return { line, done: false };
};

/** Without echo: the terminal is raw while the person types, so its keys are handled here. */
async function askHidden(question: string, signal: AbortSignal): Promise<string | undefined> {
  // First the mode, then the question: a quick hand's first keys must not be seen.
  process.stdin.setRawMode(true);
  try {
    await writeAll(2, Buffer.from(question));
    return await readLine(signal, keyByKey);
  } finally {
    process.stdin.setRawMode(false);
    await writeAll(2, Buffer.from("\n"));
  }
}

/** By read(2) of its own: process.stdin would go on reading what the next program on this terminal should get. */
async function readLine(signal: AbortSignal, typed: Typed): Promise<string | undefined> {
  const decoder = new TextDecoder();
  const bytes = new Uint8Array(1024);
  let line = "";
  for (;;) {
    const count = await untilAborted(readSome(bytes), signal);
    if (count === 0) return line === "" ? undefined : line;
    for (const key of decoder.decode(bytes.subarray(0, count), { stream: true })) {
      const now = typed(line, key);
      if (now.done) return now.line;
      line = now.line;
    }
  }
}

function readSome(into: Uint8Array): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  read(0, into, 0, into.length, null, (error, count) => (error ? reject(error) : resolve(count)));
  return promise;
}

function untilAborted<T>(value: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  return Promise.race([value, promise]).finally(() => signal.removeEventListener("abort", stop));
}
