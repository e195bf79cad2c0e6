/** A daemon of the test's own: folders below one that goes with it, and a network namespace of its own where bridges are made. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { unmount } from "../../src/kernel/mounts.ts";
import { mountsBelow } from "../snapshots/place.ts";
import { endContainers } from "./_leavings.ts";

export interface Options {
  readonly flags?: readonly string[];
  /** Name of a network namespace that it lives in. */
  readonly namespace?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Place extends AsyncDisposable {
  readonly folder: string;
  readonly root: string;
  readonly state: string;
  readonly socket: string;
  readonly config: string;
  /** Starts one and resolves when it is ready. */
  readonly start: (options?: Options) => Promise<Daemon>;
  /** The program with arguments, in the same namespace. */
  readonly command: (...args: readonly string[]) => string[];
}

export interface Daemon extends AsyncDisposable {
  readonly pid: number;
  readonly exited: Promise<number>;
  /** What it said so far. */
  readonly said: () => string;
  /** Resolves when it has said that. */
  readonly says: (words: string) => Promise<void>;
  readonly signal: (name: NodeJS.Signals) => void;
}

/** SAMPAN_PROGRAM: an executable that stays as it is during a long hunt. */
const built = process.env["SAMPAN_PROGRAM"];
const sampan = built ? [built] : [process.execPath, resolve(import.meta.dir, "../../src/bin/sampan.ts")];

export function makePlace(namespace?: string): Place {
  const folder = mkdtempSync(join(tmpdir(), "sampan-daemon-"));
  const at = (name: string) => join(folder, name);
  const [root, state] = [at("data"), at("run")];
  const started = new Set<Daemon>();
  const inside = namespace === undefined ? [] : ["nsenter", `--net=/run/netns/${namespace}`];
  const command = (...args: readonly string[]) => [...inside, ...sampan, ...args];
  return {
    folder,
    root,
    state,
    socket: join(state, "sampan.sock"),
    config: at("config.toml"),
    command,
    start: async ({ flags = [], env = {} } = {}) => {
      const args = command("daemon", "--data-root", root, "--run-root", state, "--config", at("config.toml"));
      if (!(await Bun.file(at("config.toml")).exists())) await Bun.write(at("config.toml"), "");
      const daemon = spawn([...args, ...flags], { HOME: folder, ...env });
      started.add(daemon);
      await daemon.says(" info ready ");
      return daemon;
    },
    [Symbol.asyncDispose]: async () => {
      for (const daemon of started) await daemon[Symbol.asyncDispose]();
      await endContainers(folder);
      for (const mount of mountsBelow(folder).toReversed()) unmount(mount);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function spawn(command: readonly string[], env: Readonly<Record<string, string>>): Daemon {
  const child = Bun.spawn([...command], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  let said = "";
  let heard = Promise.withResolvers<void>();
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const bytes of child.stderr) {
      said += decoder.decode(bytes, { stream: true });
      heard.resolve();
      heard = Promise.withResolvers<void>();
    }
  })();
  return {
    pid: child.pid,
    exited: child.exited,
    said: () => said,
    says: async (words) => {
      while (!said.includes(words)) {
        const ended = await Promise.race([
          heard.promise.then(() => false),
          reading.then(() => !said.includes(words)),
        ]);
        if (ended) throw new Error(`the daemon ended without "${words}": ${said}`);
      }
    },
    signal: (name) => child.kill(name),
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null) child.kill("SIGKILL");
      await child.exited;
      await reading;
    },
  };
}

/** One request of the daemon's socket. */
export function ask(place: Pick<Place, "socket">, path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://daemon${path}`, { ...init, unix: place.socket });
}

/** The command line of a process; empty when it is gone. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}
