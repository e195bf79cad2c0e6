/** SIGUSR1: what a person needs to see of a daemon that behaves strangely, as a file in the state folder. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { commit, version } from "../../base/version.ts";
import type { LiveEngine } from "../../engine/engine.ts";
import type { Log } from "./log.ts";

export function dumpState(engine: LiveEngine, log: Log): void {
  const path = join(engine.settings.state, "daemon-state.json");
  try {
    const state = {
      at: new Date(),
      version,
      commit: commit(),
      pid: process.pid,
      uptimeSeconds: Math.round(process.uptime()),
      memory: process.memoryUsage(),
      resources: counted(process.getActiveResourcesInfo()),
      settings: { ...engine.settings, registries: Object.keys(engine.settings.registries) },
      containers: engine.containers.list().map(({ id, name, state: is, pid }) => ({
        id,
        name,
        state: is,
        pid,
        connected: engine.tasks.get(id) !== undefined,
      })),
      leases: engine.leases.list(),
    };
    writeFileSync(path, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
    log("info", "state written", { path });
  } catch (error) {
    log("error", `cannot write state: ${SampanError.from(error).message}`);
  }
}

function counted(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
