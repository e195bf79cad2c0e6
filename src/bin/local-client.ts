/**
 * The engine of this machine, for a command that names no daemon: the daemon's, one that is started for it, or, for a data root that was named, this process's own.
 * Whichever it is, the command speaks Docker's API with it.
 */
import { closeSync, openSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../base/errors.ts";
import type { CredentialStore } from "../cli/client/credentials.ts";
import type { DaemonClient } from "../cli/client/daemon.ts";
import { dockerClient } from "../cli/client/docker.ts";
import { readEngineSettings, type SettingsOverrides } from "../engine/settings-file.ts";
import type { EngineSettings } from "../engine/settings.ts";
import { answers } from "../wire/unix-socket.ts";
import { listen } from "./daemon/listen.ts";
import { ifAlone, readRecord, shareFolder } from "./daemon/lock.ts";
import { makeState, openLiveEngine } from "./live-engine.ts";
import { programCommand } from "./program.ts";

export interface LocalPlace {
  /** --root */
  readonly root: string | undefined;
  /** --config */
  readonly config: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface LocalOptions {
  /** One line for the person. */
  readonly say: (line: string) => void;
  readonly credentials?: () => Promise<CredentialStore>;
}

const startDeadline = 10_000;
const look = 20;

/** Errors: `unavailable` when the daemon does not come up, with what it said last. */
export async function openLocalClient(place: LocalPlace, options: LocalOptions): Promise<DaemonClient> {
  const settings = readEngineSettings(overridesOf(place));
  const socket = await socketOf(settings);
  if (socket !== undefined) return client(socket, options);
  const named = place.root !== undefined || (place.env["SAMPAN_ROOT"] ?? "") !== "";
  if (named) return embedded(settings, options);
  return client(await startDaemon(settings, place, options), options);
}

function overridesOf({ root, config, env }: LocalPlace): SettingsOverrides {
  return { env, ...(root === undefined ? {} : { root }), ...(config === undefined ? {} : { config }) };
}

function client(socket: string, { credentials }: LocalOptions): DaemonClient {
  return dockerClient(`unix://${socket}`, credentials ? { credentials } : {});
}

/** The socket of the daemon that works on the data root now: where it says it listens, or where it would be told to. */
async function socketOf(settings: EngineSettings): Promise<string | undefined> {
  const hosts = [
    ...(readRecord(settings.root)?.hosts ?? []),
    ...settings.daemon.hosts,
    `unix://${ownSocket(settings)}`,
  ];
  for (const host of new Set(hosts)) {
    const path = host.startsWith("unix://") ? host.slice("unix://".length) : undefined;
    if (path !== undefined && (await answers(path))) return path;
  }
  return undefined;
}

function ownSocket({ state }: EngineSettings): string {
  return join(state, "sampan.sock");
}

/** In this process: what another command of the same root does at the same time is told apart by the database and the monitors. */
async function embedded(settings: EngineSettings, options: LocalOptions): Promise<DaemonClient> {
  const share = await shared(settings);
  if (typeof share === "string") return client(share, options);
  await using stack = new AsyncDisposableStack();
  stack.defer(() => {
    share[Symbol.dispose]();
    // Another command that has just begun counts on the folder.
    ifAlone(settings.root, () => removeEmpty(settings));
  });
  makeState(settings.state);
  const engine = stack.use(await openLiveEngine(settings, { warn: options.say }));
  stack.defer(() => engine.tasks[Symbol.asyncDispose]());
  await engine.tasks.restore({ supervise: false });
  const { dockerApi } = await import("../api/docker/server.ts");
  const folder = openSync(settings.state, "r");
  stack.defer(() => closeSync(folder));
  const name = `command-${process.pid}.sock`;
  const listener = await listen(
    // Who asks is told by the answer: there is no log of calls.
    dockerApi(engine, { warn: () => {} }),
    `unix://${join(settings.state, name)}`,
    {
      settings: { ...settings.daemon, group: null },
      warn: options.say,
    },
  );
  stack.defer(() => listener.close(AbortSignal.timeout(0)));
  // By the folder's descriptor: a socket's path may have 108 bytes.
  const asked = client(`/proc/self/fd/${folder}/${name}`, options);
  const opened = stack.move();
  return {
    ...asked,
    [Symbol.asyncDispose]: async () => {
      await asked[Symbol.asyncDispose]();
      await opened.disposeAsync();
    },
  };
}

/** The data root as one of several commands; or the socket of the daemon that has it, which may just be starting. */
async function shared(settings: EngineSettings): Promise<Disposable | string> {
  const end = performance.now() + startDeadline;
  for (;;) {
    const share = shareFolder(settings.root);
    if (share) return share;
    const socket = await socketOf(settings);
    if (socket !== undefined) return socket;
    if (performance.now() > end)
      throw new SampanError(
        "unavailable",
        `cannot use data root "${settings.root}": a daemon has it and does not answer`,
      );
    await Bun.sleep(look);
  }
}

/** A state folder that was made for this command goes with it, when nothing is in it. */
function removeEmpty({ state }: EngineSettings): void {
  const folders = ["runtime/native", "runtime", "containers", "netns", "roots", "resolver"].map((name) =>
    join(state, name),
  );
  for (const folder of [...folders, state]) {
    try {
      rmdirSync(folder);
    } catch {
      // Something runs there, or it was never made.
    }
  }
}

/** As the same user, in a session of its own, so that it outlives the command and its terminal. */
async function startDaemon(
  settings: EngineSettings,
  { config, env }: LocalPlace,
  { say }: LocalOptions,
): Promise<string> {
  makeState(settings.state);
  const log = join(settings.state, "daemon.log");
  const fd = openSync(log, "a", 0o600);
  const child = Bun.spawn(
    [...programCommand("daemon"), ...(config === undefined ? [] : ["--config", config])],
    { cwd: "/", env: { ...env }, stdin: "ignore", stdout: fd, stderr: fd, detached: true },
  );
  closeSync(fd);
  child.unref();
  say(`No daemon is there: starting one (process ${child.pid}, log ${log})`);
  const end = performance.now() + startDeadline;
  for (;;) {
    const socket = await socketOf(settings);
    if (socket !== undefined) return socket;
    if (performance.now() > end || (child.exitCode !== null && nobodyHas(settings.root)))
      throw new SampanError("unavailable", `cannot start a daemon: ${lastLine(log)}`);
    await Bun.sleep(look);
  }
}

/** Another command may have started a daemon at the same moment: then ours has ended, and theirs comes. */
function nobodyHas(root: string): boolean {
  try {
    using share = shareFolder(root);
    return share !== undefined;
  } catch {
    // It is no folder at all.
    return true;
  }
}

function lastLine(log: string): string {
  const line = readFileSync(log, "utf8").trimEnd().split("\n").at(-1) ?? "";
  return line.replace(/^\S+Z (?:debug|info|warn|error) /, "") || `it says nothing; its log is ${log}`;
}
