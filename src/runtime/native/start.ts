/** start: one byte into the pipe that the container's init waits at; then the poststart hooks. */
import { SampanError } from "../../base/errors.ts";
import { errno } from "../../kernel/errno.ts";
import { exists, remove } from "../../kernel/files.ts";
import { closeFd, openFile, writeAll } from "../../kernel/libc.ts";
import { O } from "../../kernel/linux.ts";
import { checkStatus } from "../runtime.ts";
import type { RuntimeContext } from "./create.ts";
import { containerDir, isAlive, loadState, lockContainer, statusOf, type ContainerState } from "./state.ts";

/**
 * `host` is NOTIFY_SOCKET of the caller: then it waits until the container is ready or has ended, with the container's lock given back.
 * Errors: `failed_precondition` naming the status when the container is not `created`.
 */
export async function start(context: RuntimeContext, id: string, host?: string): Promise<void> {
  const dir = containerDir(context.root, id);
  const notify = host ? await import("./notify.ts") : undefined;
  let socket: number | undefined;
  const state = await startLocked(context, id, () => (socket = notify?.bindNotify(dir)));
  const pid = state.init_process_pid;
  if (host && notify && socket !== undefined) notify.relayReady({ socket, host, pid, mainPid: pid });
}

async function startLocked(context: RuntimeContext, id: string, before: () => void): Promise<ContainerState> {
  using _lock = await lockContainer(context, id);
  const state = loadState(context.root, id);
  if (!exists(`${containerDir(context.root, id)}/exec.fifo`) || !isAlive(state)) {
    checkStatus("start", id, await statusOf(context.root, state));
  }
  before();
  release(containerDir(context.root, id), id);
  await poststart(context, state);
  return state;
}

/** Lets init go on. The pipe is taken away first: who sees it gone sees a running container. */
export function release(dir: string, id: string): void {
  const fifo = `${dir}/exec.fifo`;
  const fd = openFile(fifo, O.WRONLY | O.NONBLOCK);
  if (fd === -errno.ENXIO)
    throw new SampanError(
      "failed_precondition",
      `cannot start container "${id}": its first process has ended`,
    );
  if (fd < 0) throw new SampanError("internal", `cannot start container "${id}": cannot open "${fifo}"`);
  remove(fifo);
  try {
    writeAll(fd, new Uint8Array([1]));
  } finally {
    closeFd(fd);
  }
}

/** runtime.md, "Lifecycle" 9. A hook that fails stops the container, as with runc. */
export async function poststart(
  context: Pick<RuntimeContext, "shared">,
  state: ContainerState,
): Promise<void> {
  const hooks = state.spec.hooks?.poststart ?? [];
  if (hooks.length === 0) return;
  const { runHooks } = await import("./hooks.ts");
  await runHooks(context, "poststart", { hooks, state: { ...ociState(state), status: "running" } });
}

export function ociState(state: ContainerState): {
  ociVersion: string;
  id: string;
  pid: number;
  bundle: string;
} & {
  annotations?: Record<string, string>;
} {
  const { annotations } = state.spec;
  return {
    ociVersion: state.spec.ociVersion,
    id: state.id,
    pid: state.init_process_pid,
    bundle: state.bundle,
    ...(annotations && { annotations }),
  };
}
