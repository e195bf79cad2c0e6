/** Runs a container in the foreground, by an OCI runtime that is a program: runc's command line. */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { mountAll, unmountAll } from "../snapshots/mount.ts";
import { writeBundle } from "./bundle.ts";
import { makeRootfs, removeRootfs } from "./rootfs.ts";
import type { ContainerInfo } from "./containers.ts";
import { containerFolder } from "./create.ts";
import { storedContainer } from "./open.ts";
import { endOrphan, removeContainer } from "./remove.ts";
import type { StoredContainer } from "./request.ts";
import { runtimeCommand, type RunParts, type RuntimeOption } from "./runtime-command.ts";
import { claim, exited, owned } from "./states.ts";

type Stream = "inherit" | "ignore" | "pipe" | ReturnType<typeof Bun.file> | Blob | number;

export interface RunOptions extends RuntimeOption {
  readonly signal?: AbortSignal;
  /** The caller's own when left out. */
  readonly stdio?: readonly [Stream, Stream, Stream];
}

/**
 * Resolves with what docker run exits with: the process's status, 128 and a signal's number, 127 for a program that is not there, 126 for one that cannot be
 * run, 125 for anything else that kept it from starting; then the runtime has said why on standard error. Signals that come meanwhile are passed on.
 * Errors: `failed_precondition` when it runs already.
 */
export async function runContainer(
  engine: RunParts,
  container: ContainerInfo,
  options: RunOptions,
): Promise<number> {
  const stored = storedContainer(engine.store, container.id);
  await endOrphan(engine, container.id, options.runtime);
  claim(engine.store, container);
  let status = 125;
  try {
    status = await runMounted(engine, { container, stored, options });
  } finally {
    exited(engine.store, container.id, status);
    if (stored.request.remove) await removeContainer(engine, container.id, options);
  }
  return status;
}

interface Run {
  readonly container: ContainerInfo;
  readonly stored: StoredContainer;
  readonly options: RunOptions;
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
  const { container, stored, options } = run;
  const pidFile = join(folder, "pid");
  const log = join(folder, "runtime.log");
  for (const path of [pidFile, log]) rmSync(path, { force: true });
  const words = runtimeCommand(engine, stored, options.runtime);
  words.push("--log", log, "--log-format", "json");
  words.push("run", "--pid-file", pidFile, "--bundle", folder, container.id);
  options.signal?.throwIfAborted();
  const child = start(words, stored, options);
  owned(engine.store, container.id, child.pid);
  using _signals = passSignals(child.pid);
  const stop = () => child.kill("SIGTERM");
  options.signal?.addEventListener("abort", stop);
  try {
    const status = await child.exited;
    return existsSync(pidFile) ? status : statusOfFailure(log);
  } finally {
    options.signal?.removeEventListener("abort", stop);
  }
}

function start(words: readonly string[], { request }: StoredContainer, { stdio }: RunOptions) {
  const input = request.interactive || request.terminal ? "inherit" : "ignore";
  try {
    return Bun.spawn([...words], {
      stdio: stdio ? [...stdio] : [input, "inherit", "inherit"],
    } as never) as Bun.Subprocess;
  } catch (error) {
    throw SampanError.wrap(`cannot start the runtime "${words[0]}"`, error);
  }
}

const passed = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"] as const;

/** From a terminal, interrupt and quit reach the runtime by themselves: they go to all processes in its foreground. */
function passSignals(pid: number): Disposable {
  const fromTerminal = process.stdin.isTTY === true;
  const handlers = passed.map((signal) => {
    const bySelf = fromTerminal && (signal === "SIGINT" || signal === "SIGQUIT");
    const handler = () => {
      if (!bySelf) process.kill(pid, signal);
    };
    process.on(signal, handler);
    return [signal, handler] as const;
  });
  return {
    [Symbol.dispose]: () => {
      for (const [signal, handler] of handlers) process.off(signal, handler);
    },
  };
}

/** Of a container that was never made: what the runtime's log says. */
function statusOfFailure(log: string): number {
  const text = existsSync(log) ? readFileSync(log, "utf8") : "";
  if (/exec: .*(?:executable file not found|no such file or directory)/.test(text)) return 127;
  if (/exec: .*(?:permission denied|is a directory|exec format error)/.test(text)) return 126;
  return 125;
}
