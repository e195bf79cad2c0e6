/** The engine in a process of its own: the folders are its alone, containers are found again, and Docker's API listens, and the CRI where it is wanted. Containers outlive it. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { dirname, join } from "node:path";
import { systemClock } from "../../base/clock.ts";
import type { LiveEngine } from "../../engine/engine.ts";
import { dropDeadLeases } from "../../engine/gc/leases.ts";
import type { EngineSettings } from "../../engine/settings.ts";
import { fileError } from "../../engine/store/errors.ts";
import { makeState, openLiveEngine } from "../live-engine.ts";
import { type Listener, listen } from "./listen.ts";
import { takeFolder, writeRecord } from "./lock.ts";
import type { Log } from "./log.ts";

/** For requests that run when the process is told to end. */
const stopDeadline = 10_000;

export interface Holding {
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface HeldEngine extends AsyncDisposable {
  readonly engine: LiveEngine;
  /** Where it listens; empty until `listen`. */
  listen(): Promise<readonly string[]>;
  /** All went well: at the end everything is synced and marked so. */
  markClean(): void;
}

/** Errors: `failed_precondition` when another process works in one of the folders. */
export async function holdEngine(settings: EngineSettings, { log, signal }: Holding): Promise<HeldEngine> {
  const warn = (text: string) => log("warn", text);
  makeState(settings.state);
  await using stack = new AsyncDisposableStack();
  stack.use(await takeFolder(settings.root));
  stack.use(await takeFolder(settings.state));
  const engine = await openLiveEngine(settings, { warn });
  let clean = false;
  stack.defer(() => closeEngine(engine, clean));
  // Of those who were killed with the process before: nobody else works here.
  engine.store.transaction(() => dropDeadLeases(engine.store));
  await engine.tasks.restore({ supervise: true, signal });
  await engine.pods.restore();
  const held = stack.move();
  return {
    engine,
    listen: () => openHosts(engine, { settings, log, stack: held }),
    markClean: () => {
      clean = true;
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

interface Opening {
  readonly settings: EngineSettings;
  readonly log: Log;
  readonly stack: AsyncDisposableStack;
}

/** Listens everywhere or nowhere, then says where. */
async function openHosts(engine: LiveEngine, { settings, log, stack }: Opening): Promise<readonly string[]> {
  const { dockerApi } = await import("../../api/docker/server.ts");
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
  if (settings.cri.socket !== undefined) stack.use(await serveCri(engine, settings, warn));
  const record = { pid: process.pid, hosts };
  for (const folder of [settings.root, settings.state]) stack.use(writeRecord(folder, record));
  if (own.pidFile !== undefined) stack.use(writePidFile(own.pidFile));
  return hosts;
}

async function serveCri(
  engine: LiveEngine,
  { cri }: EngineSettings,
  log: (text: string) => void,
): Promise<AsyncDisposable> {
  const { openCri } = await import("../../api/cri/open.ts");
  return await openCri(engine, { settings: cri, clock: systemClock(), log });
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
  const { markCleanStop } = await import("../../engine/store/clean-stop.ts");
  await engine.tasks[Symbol.asyncDispose]();
  if (clean) await markCleanStop(engine.store, engine.unpacker);
  await engine[Symbol.asyncDispose]();
}
