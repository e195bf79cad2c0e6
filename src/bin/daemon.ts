/** `sampan daemon`: the engine with Docker's API on its sockets. It starts, it is told to end, and its containers never notice. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { dirname, join } from "node:path";
import { commit, version } from "../base/version.ts";
import type { LiveEngine } from "../engine/engine.ts";
import { dropDeadLeases } from "../engine/gc/leases.ts";
import { readEngineSettings, type SettingsOverrides } from "../engine/settings-file.ts";
import type { EngineSettings } from "../engine/settings.ts";
import { fileError } from "../engine/store/errors.ts";
import { parseDaemonFlags } from "./daemon/flags.ts";
import { daemonHelp } from "./daemon/help.ts";
import { type Listener, listen } from "./daemon/listen.ts";
import { takeFolder, writeRecord } from "./daemon/lock.ts";
import { type Log, openLog, wordsOf } from "./daemon/log.ts";
import { reload } from "./daemon/reload.ts";
import { restWhenIdle } from "./daemon/rest.ts";
import { dumpState } from "./daemon/state.ts";
import { makeState, openLiveEngine } from "./live-engine.ts";
import { stopSignals, surviveErrors } from "./process.ts";

/** For requests that run when the daemon is told to end, and for each part of it to close. */
const stopDeadline = 10_000;
const failed = 1;
const misused = 125;

/** Resolves with the exit status when the daemon was told to end. */
export async function daemon(args: readonly string[]): Promise<number> {
  // The executable is compiled to begin its JIT late, which is right for what lives for milliseconds.
  Bun.unsafe.setJITPolicy(1);
  const log = openLog("info");
  let overrides: SettingsOverrides | undefined;
  try {
    overrides = parseDaemonFlags(args);
  } catch (error) {
    log("error", wordsOf(error));
    return misused;
  }
  if (!overrides) {
    process.stdout.write(daemonHelp());
    return 0;
  }
  try {
    return await serve(overrides, log);
  } catch (error) {
    log("error", wordsOf(error));
    return failed;
  }
}

async function serve(overrides: SettingsOverrides, log: Log): Promise<number> {
  const began = performance.now();
  const settings = { ...readEngineSettings(overrides) };
  log.level = settings.daemon.logLevel;
  // What is made for others to read says so itself.
  process.umask(0o022);
  surviveErrors(log);
  const told = stopSignals(log, { words: "told to end; containers run on", reason: "the daemon ends" });
  const asked = laterSignals();
  const warn = (text: string) => log("warn", text);
  makeState(settings.state);
  await using stack = new AsyncDisposableStack();
  stack.use(await takeFolder(settings.root));
  stack.use(await takeFolder(settings.state));
  const engine = await openLiveEngine(settings, { warn });
  let clean = false;
  stack.defer(() => closeEngine(engine, clean));
  // Of those who were killed with the daemon before: nobody else works here.
  engine.store.transaction(() => dropDeadLeases(engine.store));
  await engine.tasks.restore({ supervise: true, signal: told.signal });
  await engine.pods.restore();
  if (told.signal.aborted) return 0;
  const hosts = await openHosts(engine, { settings, log, stack });
  log("info", "ready", {
    version,
    commit: commit(),
    root: settings.root,
    state: settings.state,
    hosts: hosts.join(","),
    ms: Math.round(performance.now() - began),
  });
  stack.use(restWhenIdle());
  asked.on("SIGHUP", () => reload(settings, overrides, log));
  asked.on("SIGUSR1", () => dumpState(engine, log));
  await told.stopped;
  clean = true;
  return 0;
}

interface Opening {
  readonly settings: EngineSettings;
  readonly log: Log;
  readonly stack: AsyncDisposableStack;
}

/** Listens everywhere or nowhere, then says where. */
async function openHosts(engine: LiveEngine, { settings, log, stack }: Opening): Promise<readonly string[]> {
  const { dockerApi } = await import("../api/docker/server.ts");
  const { daemon: own, state } = settings;
  const hosts = own.hosts.length > 0 ? own.hosts : [`unix://${join(state, "sampan.sock")}`];
  const warn = (text: string) => log("warn", text);
  const listeners: Listener[] = [];
  stack.defer(async () => {
    await Promise.all(listeners.map((each) => each.close(AbortSignal.timeout(stopDeadline))));
  });
  for (const host of hosts) {
    const server: Server = dockerApi(engine, { warn });
    listeners.push(await listen(server, host, { settings: own, warn }));
  }
  const record = { pid: process.pid, hosts };
  for (const folder of [settings.root, settings.state]) stack.use(writeRecord(folder, record));
  if (own.pidFile !== undefined) stack.use(writePidFile(own.pidFile));
  return hosts;
}

function writePidFile(path: string): Disposable {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${process.pid}\n`);
  } catch (error) {
    throw fileError(`write "${path}"`, error);
  }
  return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
}

/** Containers run on. After a start that went well everything is synced and marked so, with nobody else at work: the lock is still ours. */
async function closeEngine(engine: LiveEngine, clean: boolean): Promise<void> {
  const { markCleanStop } = await import("../engine/store/clean-stop.ts");
  await engine.tasks[Symbol.asyncDispose]();
  if (clean) await markCleanStop(engine.store, engine.unpacker);
  await engine[Symbol.asyncDispose]();
}

/** Without a listener these would end the process before it is ready for them. */
function laterSignals() {
  const later = { SIGHUP: () => {}, SIGUSR1: () => {} };
  for (const name of ["SIGHUP", "SIGUSR1"] as const) process.on(name, () => later[name]());
  return {
    on: (name: keyof typeof later, call: () => void) => {
      later[name] = call;
    },
  };
}
