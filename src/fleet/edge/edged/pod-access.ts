/** How others reach into pods of this node: access.ts is the contract. */
import { SampanError } from "../../../base/errors.ts";
import { attachContainer } from "../../../engine/containers/attach.ts";
import { createExec, resizeExec, startExec } from "../../../engine/containers/exec.ts";
import { resizeContainer } from "../../../engine/containers/resize.ts";
import { waitContainer } from "../../../engine/containers/wait.ts";
import type { EdgeContext } from "../part.ts";
import type { ContainerRef, PodAccess, PodRef, ProcessOptions, ProcessStreams } from "./access.ts";
import { observe } from "./observe.ts";
import { readPodLogs } from "./pod-logs.ts";
import { processStreams } from "./process-streams.ts";
import { summaryOf } from "./summary.ts";
import { allContainers, isRunning, latest, previous, type Seen } from "./view.ts";
import type { Worker } from "./worker.ts";
import type { Workers } from "./workers.ts";

export interface AccessParts extends Pick<EdgeContext, "engine" | "node" | "clock"> {
  readonly workers: Workers;
}

const SIGKILL = 9;

export function openAccess(parts: AccessParts): PodAccess {
  const { engine } = parts;
  return {
    async *logs(of, options) {
      const { last, before } = attempts(parts, of);
      const wanted = options.previous ? before : last;
      if (!wanted)
        throw new SampanError(
          "invalid_argument",
          `${options.previous ? "previous terminated container" : "container"} "${of.container}" in pod "${of.pod}" ${options.previous ? "not found" : "is waiting to start"}`,
        );
      yield* readPodLogs(engine, wanted.id, options);
    },
    exec: async (of, command, options) => await exec(parts, running(parts, of), { command, options }),
    attach: async (of, options) => await attach(parts, running(parts, of), options),
    async portForward(of, port, signal) {
      const { sandbox } = workerOf(parts, of);
      if (sandbox === undefined)
        throw new SampanError("failed_precondition", `cannot reach pod "${of.pod}": it does not run`);
      return await engine.pods.connect(sandbox, port, signal);
    },
    summary: async () => await summaryOf(parts),
  };
}

/** Errors: `not_found`. */
function workerOf({ workers }: AccessParts, { namespace, pod, uid }: PodRef): Worker {
  const found = workers.named(namespace, pod);
  if (found && (uid === undefined || uid === "" || found.uid === uid)) return found;
  throw new SampanError("not_found", `pod "${pod}" of namespace "${namespace}" is not on this node`);
}

/** The last attempt of a container and the one before. Errors: `not_found` naming the container. */
function attempts(parts: AccessParts, of: ContainerRef) {
  const worker = workerOf(parts, of);
  if (!allContainers(worker.pod).some(({ container }) => container.name === of.container))
    throw new SampanError("not_found", `container "${of.container}" is not in pod "${of.pod}"`);
  const seen = worker.sandbox === undefined ? [] : (observe(parts.engine, worker.sandbox)?.seen ?? []);
  return { last: latest({ seen }, of.container), before: previous({ seen }, of.container) };
}

/** Errors: `failed_precondition`. */
function running(parts: AccessParts, of: ContainerRef): Seen {
  const { last } = attempts(parts, of);
  if (isRunning(last)) return last;
  throw new SampanError("failed_precondition", `container "${of.container}" in pod "${of.pod}" does not run`);
}

async function exec(
  { engine }: AccessParts,
  { id }: Seen,
  { command, options }: { readonly command: readonly string[]; readonly options: ProcessOptions },
): Promise<ProcessStreams> {
  const { stdin, stdout, stderr, tty, signal } = options;
  const name = await createExec(engine, id, {
    Cmd: command,
    Tty: tty,
    AttachStdin: stdin,
    AttachStdout: stdout,
    AttachStderr: stderr && !tty,
  });
  const attachment = await startExec(engine, name, { detach: false, signal });
  const record = engine.tasks.table.execs.find(name);
  if (!attachment || !record)
    throw new SampanError(
      "invalid_argument",
      "cannot run a command: you must specify at least 1 of stdin, stdout, stderr",
    );
  return processStreams({
    attachment,
    exit: record.done.promise,
    resize: async ({ width, height }) => await resizeExec(engine, name, { columns: width, rows: height }),
    kill: () => void record.connection?.signal(SIGKILL).catch(() => undefined),
    signal,
  });
}

async function attach(
  { engine }: AccessParts,
  { id }: Seen,
  options: ProcessOptions,
): Promise<ProcessStreams> {
  const { stdin, stdout, stderr, signal } = options;
  const ended = waitContainer(engine, id, "not-running", signal);
  ended.catch(() => undefined);
  const attachment = await attachContainer(engine, id, { stdin, stdout, stderr, signal });
  const left = Promise.withResolvers<number>();
  const streams = processStreams({
    attachment,
    // Who leaves waits for nothing.
    exit: Promise.race([
      ended.then(
        ({ statusCode }) => statusCode,
        () => 0,
      ),
      left.promise,
    ]),
    resize: async ({ width, height }) => await resizeContainer(engine, id, { columns: width, rows: height }),
    kill: () => left.resolve(0),
    signal,
  });
  return streams;
}
