/** The program's own standard input, output and signals. */
import { write } from "node:fs";
import { createInterface } from "node:readline/promises";
import { isatty } from "node:tty";
import { SampanError } from "../base/errors.ts";
import type { Io, Output } from "./io.ts";

const showCursor = "\u001b[?25h";

export function processIo(): Io {
  const out = output(1, process.stdout);
  const { signal, handOver } = interrupts();
  return {
    out,
    err: output(2, process.stderr),
    input: { terminal: isatty(0), bytes: () => Bun.stdin.stream() as unknown as AsyncIterable<Uint8Array> },
    ask: (question, { hidden = false } = {}) => ask(question, hidden, signal),
    env: process.env,
    now: () => new Date(),
    signal,
    handOver,
  };
}

function output(fd: number, stream: NodeJS.WriteStream): Output {
  const terminal = isatty(fd);
  return {
    write: (data) => writeAll(fd, typeof data === "string" ? Buffer.from(data) : data),
    size: () => (terminal ? { columns: stream.columns || 80, rows: stream.rows || 24 } : undefined),
  };
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
function interrupts(): { signal: AbortSignal; handOver: () => void } {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      if (isatty(1)) process.stdout.write(showCursor);
      process.exit(name === "SIGTERM" ? 143 : 130);
    }
    controller.abort(new SampanError("cancelled", `interrupted by ${name}`, { cause: name }));
  };
  const names = ["SIGINT", "SIGTERM"] as const;
  for (const name of names) process.on(name, onSignal);
  return {
    signal: controller.signal,
    handOver: () => {
      for (const name of names) process.off(name, onSignal);
    },
  };
}

async function ask(question: string, hidden: boolean, signal: AbortSignal): Promise<string | undefined> {
  if (hidden) return askHidden(question, signal);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const closed = new Promise<undefined>((resolve) => {
      lines.once("close", () => resolve(undefined));
    });
    lines.once("SIGINT", () => process.kill(process.pid, "SIGINT"));
    return await Promise.race([lines.question(question, { signal }), closed]);
  } finally {
    lines.close();
  }
}

const keys = { interrupt: "\u0003", end: "\u0004", erase: ["\u007f", "\b"], kill: "\u0015" } as const;

/** Without echo: the terminal is raw while the person types, so its keys are handled here. */
async function askHidden(question: string, signal: AbortSignal): Promise<string | undefined> {
  process.stderr.write(question);
  const { stdin } = process;
  stdin.setRawMode(true);
  try {
    let line = "";
    for await (const bytes of stdin) {
      for (const key of (bytes as Buffer).toString("utf8")) {
        if (key === "\r" || key === "\n") return line;
        if (key === keys.end) return line === "" ? undefined : line;
        if (key === keys.interrupt) process.kill(process.pid, "SIGINT");
        else if (key === keys.kill) line = "";
        else if ((keys.erase as readonly string[]).includes(key))
          line = Array.from(line).slice(0, -1).join("");
        else line += key;
      }
      if (signal.aborted) break;
    }
    return undefined;
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    process.stderr.write("\n");
  }
}
