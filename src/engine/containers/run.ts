/** Runs a container in the foreground, by an OCI runtime that is a program: runc's command line. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { mountAll, unmountAll } from "../snapshots/mount.ts";
import { databaseError } from "../store/errors.ts";
import { databaseName } from "../store/open.ts";
import { writeBundle } from "./bundle.ts";
import { makeRootfs, removeRootfs } from "./rootfs.ts";
import type { ContainerInfo } from "./containers.ts";
import { containerFolder } from "./create.ts";
import { storedContainer } from "./open.ts";
import { anonymousVolumes, endForced, endOrphan, takeAway } from "./foreground-remove.ts";
import type { Keeping } from "./keeper.ts";
import { hostConfig, type StoredContainer } from "./request.ts";
import { runtimeCommand, type RunParts, type RuntimeOption } from "./runtime-command.ts";
import { claim, exited } from "./states.ts";

type Stream = "inherit" | "ignore" | "pipe" | ReturnType<typeof Bun.file> | Blob | number;

export interface RunOptions extends RuntimeOption {
  readonly signal?: AbortSignal;
  /** The caller's own when left out. */
  readonly stdio?: readonly [Stream, Stream, Stream];
  /** Is told that the container's end could not be written down, and why the program could not be started, which our own runtime then does not say on standard error. */
  readonly onFailure?: (message: string) => Promise<void>;
}

/**
 * Resolves with what docker run exits with: the process's status, 128 and a signal's number, 127 for a program that is not there, 126 for one that cannot be
 * run, 125 for anything else that kept it from starting; then the runtime has said why on standard error, or `onFailure` is told. Signals that come meanwhile are passed on. The container
 * does not end with this process: without it, it runs on, and is healed when it has ended.
 * Errors: `failed_precondition` when it runs already.
 */
export async function runContainer(
  engine: RunParts,
  container: ContainerInfo,
  options: RunOptions,
): Promise<number> {
  const stored = storedContainer(engine.store, container.id);
  await endOrphan(engine, container.id, options.runtime);
  const volumes = anonymousVolumes(engine, container.id);
  using signals = passSignals();
  using keeping = claim(engine.store, container);
  let status: number | undefined;
  try {
    status = await runMounted(engine, { container, stored, options, signals, keeping });
  } finally {
    const remove = hostConfig(stored.body).AutoRemove === true;
    const end = remove
      ? // At once, so that nobody ever sees one that is to be removed.
        removeAtEnd(engine, container, volumes)
      : Promise.try(() => exited(engine.store, container.id, status ?? 125));
    await end.catch(async (error: unknown) => {
      const { message } = storeError(engine, error);
      // Its program has run: how that ended is the answer, whatever the disk says to us.
      if (status !== undefined)
        await options.onFailure?.(
          `cannot ${remove ? "remove" : "write down the end of"} container "${container.name}": ${message}`,
        );
    });
  }
  return status;
}

/** On a full disk what the container wrote goes first: then there is room for the rows. */
async function removeAtEnd(
  engine: RunParts,
  container: ContainerInfo,
  volumes: readonly string[],
): Promise<void> {
  const take = () => takeAway(engine, container, { force: true, volumes });
  try {
    await take();
  } catch (error) {
    if (storeError(engine, error).code !== "resource_exhausted") throw error;
    await engine.unpacker.removeTree(engine.snapshots.directory(container.snapshot));
    await take();
  }
}

/** Names the database, if it was that. */
function storeError({ store }: RunParts, error: unknown): SampanError {
  return SampanError.from(databaseError(error, join(store.root, databaseName)));
}

interface Run {
  readonly container: ContainerInfo;
  readonly stored: StoredContainer;
  readonly options: RunOptions;
  readonly signals: Signals;
  readonly keeping: Keeping;
}

async function runMounted(engine: RunParts, run: Run): Promise<number> {
  const { container, stored } = run;
  const folder = containerFolder(engine.store.root, container.id);
  const rootfs = makeRootfs(engine, container.id, stored);
  const mounts = engine.snapshots.mounts(container.snapshot);
  try {
    await mountAll(mounts, rootfs);
    await writeBundle({ root: engine.store.root, id: container.id, folder, rootfs, stored });
    return await runRuntime(engine, run, folder);
  } finally {
    unmountAll(mounts, rootfs);
    removeRootfs(engine, container.id);
  }
}

async function runRuntime(engine: RunParts, run: Run, folder: string): Promise<number> {
  const { container, options, signals } = run;
  const pidFile = join(folder, "pid");
  const log = join(folder, "runtime.log");
  for (const path of [pidFile, log]) rmSync(path, { force: true });
  const words = runtimeCommand(engine, run.stored, options.runtime);
  words.push("--log", log, "--log-format", "json");
  words.push("run", "--pid-file", pidFile, "--bundle", folder, container.id);
  options.signal?.throwIfAborted();
  const child = start(words, run);
  signals.passTo(child.pid);
  const stop = () => child.kill("SIGTERM");
  options.signal?.addEventListener("abort", stop);
  try {
    const status = await child.exited;
    // Killed before or while it cleaned up: the container is not to outlive a run that ends here.
    if (child.signalCode !== null) await endForced(engine, container.id, options.runtime);
    if (existsSync(pidFile)) return status;
    const said = existsSync(log) ? readFileSync(log, "utf8") : "";
    if (said !== "" || child.signalCode === null)
      await options.onFailure?.(`cannot run container "${container.name}": ${reasonOf(said)}`);
    return statusOfFailure(said);
  } finally {
    options.signal?.removeEventListener("abort", stop);
  }
}

function start(words: readonly string[], { stored: { body }, options: { stdio, onFailure }, keeping }: Run) {
  const input = body.OpenStdin || body.Tty ? "inherit" : "ignore";
  // Mount points and working directories that the runtime makes are for the container's users.
  const mask = process.umask(0o022);
  try {
    return Bun.spawn([...words], {
      // A session of its own: what a terminal sends to all its processes reaches it once, through this one; and it outlives the terminal.
      detached: true,
      env: { ...process.env, ...(onFailure ? { SAMPAN_RUNTIME_ERRORS: "log" } : {}) },
      stdio: [...(stdio ?? ([input, "inherit", "inherit"] as const)), keeping.fd],
    } as never) as Bun.Subprocess;
  } catch (error) {
    throw SampanError.wrap(`cannot start the runtime "${words[0]}"`, error);
  } finally {
    process.umask(mask);
  }
}

const passed = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGWINCH"] as const;

interface Signals extends Disposable {
  /** To this process from now on; those that came before too. */
  readonly passTo: (pid: number) => void;
}

function passSignals(): Signals {
  let target: number | undefined;
  const waiting: NodeJS.Signals[] = [];
  const handler = (signal: NodeJS.Signals) => {
    if (target === undefined) waiting.push(signal);
    else process.kill(target, signal);
  };
  for (const signal of passed) process.on(signal, handler);
  return {
    passTo: (pid) => {
      target = pid;
      for (const signal of waiting.splice(0)) handler(signal);
    },
    [Symbol.dispose]: () => {
      for (const signal of passed) process.off(signal, handler);
    },
  };
}

/** The last words of a log in JSON lines, without the runtime's own name before them. */
function reasonOf(log: string): string {
  const last = log.split("\n").flatMap(messageOf).at(-1);
  return last?.replace(/^\S+(?: runtime)? run failed: /, "") ?? "its runtime ended and said nothing";
}

function messageOf(line: string): string[] {
  try {
    const { msg } = JSON.parse(line) as { msg?: unknown };
    return typeof msg === "string" ? [msg] : [];
  } catch {
    return [];
  }
}

/** Of a container that was never made: what the runtime's log says. */
function statusOfFailure(text: string): number {
  if (/exec: .*(?:executable file not found|no such file or directory)/.test(text)) return 127;
  if (/exec: .*(?:permission denied|is a directory|exec format error)/.test(text)) return 126;
  return 125;
}
