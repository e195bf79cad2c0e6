/** run: create and start; in the foreground this process then becomes the launcher, which waits, cleans up and exits with the container's status. */
import { setSubreaper, socketPair, setCloseOnExec } from "../../kernel/libc.ts";
import type { OciProcess } from "../../spec/oci/config.ts";
import { create, readBundle, type Created, type CreateRequest, type RuntimeContext } from "./create.ts";
import { becomeLauncher } from "./launch.ts";
import { compileForeground, type CleanUp, type ForegroundOptions } from "./plan/compile/foreground.ts";
import { ociState, poststart, release } from "./start.ts";
import { deleteContainer } from "./delete.ts";
import type { ContainerState } from "./state.ts";

export interface RunRequest extends CreateRequest {
  readonly detach: boolean;
  /** Do not delete the container when it has ended. */
  readonly keep: boolean;
  readonly noSubreaper: boolean;
}

/** Tells a `run` that it is none: it is the process beside one that passes the container's readiness on (notify.ts). */
export const relayVariable = "SAMPAN_NOTIFY_RELAY";

/** Returns for a detached container; in the foreground it does not return. */
export async function run(context: RuntimeContext, request: RunRequest): Promise<void> {
  const read = readBundle(request.bundle);
  const own = read.config.process.terminal && !request.detach && request.console === undefined;
  if (own) read.config.process = await sizedAsOwn(read.config.process);
  const ends = own ? socketPair(1) : undefined;
  if (ends) setCloseOnExec(ends[1], false);
  if (!request.detach && !request.noSubreaper) setSubreaper();
  let notify: number | undefined;
  const created = await create(context, { ...request, read, ...(ends && { console: { fd: ends[1] } }) });
  try {
    notify = request.notifySocket ? (await import("./notify.ts")).bindNotify(created.dir) : undefined;
    if (releasesHere(request, created)) {
      release(created.dir, request.id);
      await poststart(context, created.state);
    }
  } catch (error) {
    await deleteContainer(context, request.id, true).catch(() => undefined);
    throw error;
  }
  if (notify !== undefined) await tellReady(notify, { request, state: created.state });
  if (!request.detach) await foreground(context, { request, created }, ends?.[0]);
}

/**
 * Whether the container is let go by this process. In the foreground the launcher does it, with all signals blocked: one that comes when the
 * container has said something is passed on, and does not end the runtime. Hooks that follow, and may fail, want this process.
 */
function releasesHere({ detach }: RunRequest, { config }: Created): boolean {
  return detach || (config.hooks?.poststart ?? []).length > 0;
}

/** The terminal has the size of the caller's before anything is written to it. */
export async function sizedAsOwn(process: OciProcess): Promise<OciProcess> {
  const { windowSize } = await import("../../kernel/terminal.ts");
  const size = windowSize(0);
  return size ? { ...process, consoleSize: size } : process;
}

/** In the foreground the service manager is to watch this process, else the container's own. */
async function tellReady(
  socket: number,
  { request, state }: { request: RunRequest; state: ContainerState },
): Promise<void> {
  const { relayBeside, relayReady } = await import("./notify.ts");
  const pid = state.init_process_pid;
  const host = request.notifySocket ?? "";
  if (request.detach) relayReady({ socket, host, pid, mainPid: pid });
  else relayBeside({ socket, host, pid, mainPid: process.pid });
}

async function foreground(
  context: RuntimeContext,
  { request, created }: { request: RunRequest; created: Created },
  consoleFd: number | undefined,
): Promise<never> {
  if (consoleFd !== undefined) setCloseOnExec(consoleFd, false);
  const end = request.keep ? {} : await ending(context, request, created);
  return await becomeLauncher(
    compileForeground({
      pid: created.state.init_process_pid,
      ...(consoleFd !== undefined && { consoleFd }),
      ...(!releasesHere(request, created) && { fifo: `${created.dir}/exec.fifo` }),
      ...end,
    }),
  );
}

/** What is done when the container has ended. */
async function ending(
  context: RuntimeContext,
  request: RunRequest,
  created: Created,
): Promise<Pick<ForegroundOptions, "cleanUp" | "deletion">> {
  const { systemd_scope: unit, intel_rdt_made: rdt = [], id } = created.state;
  // The launcher cannot speak D-Bus, nor tell whether others have joined a class of service.
  const why = unit !== undefined ? "--systemd-cgroup" : rdt.length > 0 ? "linux.intelRdt" : undefined;
  if (why === undefined) return { cleanUp: cleanUpOf(request, created) };
  return { deletion: (await import("./deletion.ts")).deletionOf(context, id, why) };
}

function cleanUpOf(request: RunRequest, { state, dir, config }: Created): CleanUp {
  const { pid: _pid, ...rest } = ociState(state);
  const shared = !(config.linux?.namespaces ?? []).some(({ type }) => type === "pid");
  const cgroups = [...new Set(Object.values(state.cgroup_paths))];
  const main = state.cgroup_paths["devices"] ?? state.cgroup_paths[""] ?? cgroups[0];
  return {
    config,
    state: JSON.stringify({ ...rest, status: "stopped" }),
    cgroups,
    ...(shared && main !== undefined && { killCgroup: main }),
    stateDir: dir,
    files: [
      "state.json",
      "plan",
      "exec.fifo",
      "lock",
      ...(request.notifySocket ? ["notify/notify.sock", "notify/"] : []),
    ],
  };
}
