/** The runtime's contract by a program with runc's command line: runc, crun … The container's processes fall to their monitors, which are subreapers. */
import { writeFileSync } from "node:fs";
import { SampanError } from "../../base/errors.ts";
import { makeDirs } from "../../kernel/files.ts";
import type { Ability, Runtime, Status } from "../runtime.ts";
import { cgroupPids } from "../native/cgroups/procs.ts";
import { oomKillsAbove } from "../native/cgroups/events.ts";
import { oomKills } from "../native/cgroups/stats.ts";
import { runtimeStats } from "../native/stats.ts";
import { cgroupsOf } from "./cgroups.ts";
import { command, type Program } from "./command.ts";
import { carryCommand } from "./carry.ts";
import { knownLacks } from "./known.ts";

export interface ExternalOptions extends Omit<Program, "args"> {
  readonly args?: readonly string[];
  /** What is known of the program by its file's name is added (known.ts). */
  readonly cannot?: readonly Ability[];
  /** How long a client that is attached may take no byte, in milliseconds. */
  readonly patience?: number;
}

export function externalRuntime(options: ExternalOptions): Runtime {
  const { name, path, args = [], root, patience = 10_000 } = options;
  const cannot = new Set([...(options.cannot ?? []), ...knownLacks(path)]);
  const check = (ability: Ability, id: string) => {
    if (!cannot.has(ability)) return;
    const text = `cannot ${verbsOf[ability]} container "${id}": runtime "${name}" cannot`;
    throw new SampanError("unimplemented", text);
  };
  makeDirs(root, 0o700);
  const program = { name, path: Bun.which(path) ?? path, args, root };
  const run = (words: readonly string[], signal?: AbortSignal) => command(program, words, { signal });
  const pidOf = async (id: string): Promise<number> => {
    const state = await stateOf(program, id);
    if (state) return state.pid;
    throw new SampanError("not_found", `cannot find container "${id}": container does not exist`);
  };
  return {
    name,
    cannot,
    async create({ id, bundle, monitor }, signal) {
      const words = ["create", "--bundle", bundle];
      try {
        return await carryCommand({ program, words, id, folder: bundle, monitor, patience, signal });
      } catch (error) {
        if (SampanError.from(error).code !== "already_exists")
          await run(["delete", "--force", id]).catch(() => undefined);
        throw error;
      }
    },
    start: async (id, signal) => void (await run(["start", id], signal)),
    async exec({ id, process, monitor }, signal) {
      check("exec", id);
      const file = `${monitor.folder}/process.json`;
      const { size } = monitor.stdio;
      const sized = size && { consoleSize: { height: size.rows, width: size.columns } };
      writeFileSync(file, JSON.stringify({ ...process, ...sized }), { mode: 0o600 });
      const words = ["exec", "--detach", "--process", file];
      return await carryCommand({ program, words, id, folder: "/", monitor, patience, signal });
    },
    kill: async (id, signal, { all = false } = {}) =>
      void (await run(["kill", ...(all ? ["--all"] : []), id, String(signal)])),
    async pause(id, signal) {
      check("pause", id);
      await run(["pause", id], signal);
    },
    async resume(id, signal) {
      check("pause", id);
      await run(["resume", id], signal);
    },
    async update(id, resources) {
      check("update", id);
      await command(program, ["update", "--resources", "-", id], { input: JSON.stringify(resources) });
    },
    async processes(id) {
      check("processes", id);
      return cgroupPids(cgroupsOf(await pidOf(id)));
    },
    async stats(id) {
      check("stats", id);
      return runtimeStats(cgroupsOf(await pidOf(id)));
    },
    oomKills: async (id) => oomKills(cgroupsOf(await pidOf(id))),
    oomKillsAbove: async function* (id, since, signal) {
      yield* oomKillsAbove(cgroupsOf(await pidOf(id)), since, signal);
    },
    state: (id) => stateOf(program, id),
    async delete(id, { force, signal }) {
      try {
        await run(["delete", ...(force ? ["--force"] : []), id], signal);
      } catch (error) {
        if (!force || SampanError.from(error).code !== "not_found") throw error;
      }
    },
  };
}

const verbsOf: Readonly<Record<Ability, string>> = {
  exec: "start a further process in",
  pause: "pause or resume",
  update: "update",
  stats: "count what is used by",
  processes: "list the processes of",
};

const statusNames: Readonly<Record<string, Status>> = {
  creating: "created",
  created: "created",
  running: "running",
  paused: "paused",
  stopped: "stopped",
};

async function stateOf(program: Program, id: string): ReturnType<Runtime["state"]> {
  let text: string;
  try {
    text = await command(program, ["state", id]);
  } catch (error) {
    if (SampanError.from(error).code === "not_found") return undefined;
    throw error;
  }
  const { status, pid } = stateIn(text);
  const known = statusNames[String(status)];
  if (known !== undefined && typeof pid === "number") return { status: known, pid };
  const said = text.trim().slice(0, 200) || "nothing";
  throw new SampanError(
    "data_loss",
    `cannot read the state of container "${id}": runtime "${program.name}" says ${said}`,
  );
}

function stateIn(text: string): { readonly status?: unknown; readonly pid?: unknown } {
  try {
    return (JSON.parse(text) ?? {}) as object;
  } catch {
    return {};
  }
}
