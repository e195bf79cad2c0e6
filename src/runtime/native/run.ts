/** run: create and start; in the foreground this process then becomes the launcher, which waits, cleans up and exits with the container's status. */
import { setSubreaper, socketPair, setCloseOnExec } from "../../kernel/libc.ts";
import { create, readBundle, type Created, type CreateRequest, type RuntimeContext } from "./create.ts";
import { becomeLauncher } from "./launch.ts";
import { compileForeground } from "./plan/compile/foreground.ts";
import { ociState, poststart, release } from "./start.ts";
import { deleteContainer } from "./delete.ts";

export interface RunRequest extends CreateRequest {
  readonly detach: boolean;
  /** Do not delete the container when it has ended. */
  readonly keep: boolean;
  readonly noSubreaper: boolean;
}

/** Returns for a detached container; in the foreground it does not return. */
export async function run(context: RuntimeContext, request: RunRequest): Promise<void> {
  const read = readBundle(request.bundle);
  const { config } = read;
  const ends =
    config.process.terminal && !request.detach && request.console === undefined ? socketPair(1) : undefined;
  if (ends) setCloseOnExec(ends[1], false);
  if (!request.detach && !request.noSubreaper) setSubreaper();
  const created = await create(context, { ...request, read, ...(ends && { console: { fd: ends[1] } }) });
  try {
    release(created.dir, request.id);
    await poststart(created.state);
  } catch (error) {
    await deleteContainer(context, request.id, true).catch(() => undefined);
    throw error;
  }
  if (!request.detach) await foreground(request, created, ends?.[0]);
}

async function foreground(
  request: RunRequest,
  { state, dir, config }: Created,
  consoleFd: number | undefined,
): Promise<never> {
  if (consoleFd !== undefined) setCloseOnExec(consoleFd, false);
  const { pid: _pid, ...rest } = ociState(state);
  const shared = !(config.linux?.namespaces ?? []).some(({ type }) => type === "pid");
  const cgroups = [...new Set(Object.values(state.cgroup_paths))];
  const main = state.cgroup_paths["devices"] ?? state.cgroup_paths[""] ?? cgroups[0];
  const cleanUp = {
    config,
    state: JSON.stringify({ ...rest, status: "stopped" }),
    cgroups,
    ...(shared && main !== undefined && { killCgroup: main }),
    ...(state.intel_rdt_path && { resctrl: state.intel_rdt_path }),
    stateDir: dir,
    files: ["state.json", "plan", "exec.fifo", "lock"],
  };
  return await becomeLauncher(
    compileForeground({
      pid: state.init_process_pid,
      ...(consoleFd !== undefined && { consoleFd }),
      ...(!request.keep && { cleanUp }),
    }),
  );
}
