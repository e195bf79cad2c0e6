/** A daemon for the scripted session, and the command line that asks it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Called, onTerminal, type OnTerminal } from "../cli/on-terminal.ts";

export interface Host extends AsyncDisposable {
  /** `unix:///path`. */
  readonly host: string;
  /** An image of busybox with a link for each command, a PATH of /bin, and a user `user` of number 1000. */
  readonly image: string;
  /** Whether it has a default bridge and may make networks. */
  readonly networks: boolean;
  /** Whether it is Sampan's own, with the endpoints that only Sampan has. */
  readonly ours: boolean;
  /** Prefix of a command that must run where the daemon's addresses are; empty: here. */
  readonly inside?: readonly string[];
}

export interface Done {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/** The command line, with a folder of its own to work in. */
export interface Session extends Disposable {
  readonly folder: string;
  readonly run: (args: readonly string[], input?: string | Uint8Array) => Promise<Done>;
  /** Standard output of a call that must succeed, without the last line end. */
  readonly out: (...args: string[]) => Promise<string>;
  readonly start: (args: readonly string[]) => Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly onTerminal: (args: readonly string[]) => OnTerminal;
}

export function openSession({ host }: Pick<Host, "host">): Session {
  const folder = mkdtempSync(join(tmpdir(), "sampan-session-"));
  const called: Called = {
    folder,
    command: [process.execPath, join(import.meta.dir, "../../src/bin/sampan.ts")],
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      DOCKER_HOST: host,
      DOCKER_CONFIG: folder,
      TERM: "xterm",
      PASSED: "from outside",
    },
  };
  const start = (args: readonly string[]) =>
    Bun.spawn([...called.command, ...args], {
      cwd: folder,
      env: called.env,
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
      timeout: 60_000,
    });
  const run = async (args: readonly string[], input: string | Uint8Array = ""): Promise<Done> => {
    const child = start(args);
    await child.stdin.write(input);
    await child.stdin.end();
    const [out, err, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { status, out, err };
  };
  return {
    folder,
    start,
    run,
    out: async (...args) => {
      const { status, out, err } = await run(args);
      if (status !== 0) throw new Error(`sampan ${args.join(" ")} exited with ${status}: ${err}`);
      return out.replace(/\n$/, "");
    },
    onTerminal: (args) => onTerminal(called, args),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** What a stream has said so far. */
export class Told {
  private text = "";
  private readonly read: () => Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;

  constructor(stream: ReadableStream<Uint8Array>) {
    const reader = stream.getReader();
    this.read = () => reader.read();
  }

  /** All up to and with the words. Errors: what it said instead, to its end. */
  async until(words: string): Promise<string> {
    while (!this.text.includes(words)) {
      const { done, value } = await this.read();
      if (done || !value) throw new Error(`the stream ended with ${JSON.stringify(this.text)}`);
      this.text += Buffer.from(value).toString();
    }
    return this.text;
  }

  async whole(): Promise<string> {
    for (;;) {
      const { done, value } = await this.read();
      if (done || !value) return this.text;
      this.text += Buffer.from(value).toString();
    }
  }
}
