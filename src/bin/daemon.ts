/** `sampan daemon`: the engine with Docker's API on its sockets. It starts, it is told to end, and its containers never notice. */
import { commit, version } from "../base/version.ts";
import { readEngineSettings, type SettingsOverrides } from "../engine/settings-file.ts";
import { parseDaemonFlags } from "./daemon/flags.ts";
import { daemonHelp } from "./daemon/help.ts";
import { holdEngine } from "./daemon/hold.ts";
import type { Log } from "./daemon/log.ts";
import { reload } from "./daemon/reload.ts";
import { restWhenIdle } from "./daemon/rest.ts";
import { dumpState } from "./daemon/state.ts";
import { runProgram, stopSignals, surviveErrors } from "./process.ts";

/** Resolves with the exit status when the daemon was told to end. */
export async function daemon(args: readonly string[]): Promise<number> {
  // The executable is compiled to begin its JIT late, which is right for what lives for milliseconds.
  Bun.unsafe.setJITPolicy(1);
  return await runProgram({ help: daemonHelp, read: () => parseDaemonFlags(args), serve });
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
  await using held = await holdEngine(settings, { log, signal: told.signal });
  if (told.signal.aborted) return 0;
  const hosts = await held.listen();
  log("info", "ready", {
    version,
    commit: commit(),
    root: settings.root,
    state: settings.state,
    hosts: hosts.join(","),
    ms: Math.round(performance.now() - began),
  });
  using _rest = restWhenIdle();
  asked.on("SIGHUP", () => reload(settings, overrides, log));
  asked.on("SIGUSR1", () => dumpState(held.engine, log));
  await told.stopped;
  held.markClean();
  return 0;
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
