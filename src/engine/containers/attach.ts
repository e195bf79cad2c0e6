/** Attaches to a container's standard streams. */
import { SampanError } from "../../base/errors.ts";
import type { Attachment } from "../../runtime/runtime.ts";
import type { ContainerInfo } from "./containers.ts";
import { emit, isLive, type LifeParts } from "./parts.ts";
import { PendingAttachment, type AttachStreams } from "./pending-attachment.ts";
import { taskOf } from "./task.ts";

export interface AttachOptions extends AttachStreams {
  /** Ends it. */
  readonly signal?: AbortSignal;
}

/** One that does not run yet is waited for: what it writes from its first moment on is there. Errors: `failed_precondition` for a paused or restarting one. */
export async function attachContainer(
  engine: LifeParts,
  reference: string,
  options: AttachOptions,
): Promise<Attachment> {
  const info = engine.containers.get(reference);
  const refuse = (why: string) =>
    new SampanError(
      "failed_precondition",
      `cannot attach to container "${info.name}": container ${info.id} ${why}`,
    );
  if (info.state === "paused") throw refuse("is paused, unpause the container before attach");
  if (info.state === "restarting") throw refuse("is restarting, wait until the container is running");
  const { signal, ...wanted } = options;
  signal?.throwIfAborted();
  const streams = { ...wanted, stdin: wanted.stdin && info.body.OpenStdin === true };
  const task = isLive(info) ? await taskOf(engine, info) : undefined;
  const attachment = task ? await task.connection.attach(streams) : pending(engine, info, streams);
  const end = () => engine.tasks.table.inBackground(Promise.resolve(attachment[Symbol.asyncDispose]()));
  signal?.addEventListener("abort", end, { once: true });
  emit(engine, info, "attach");
  return attachment;
}

function pending(
  { tasks: { table } }: LifeParts,
  { id }: ContainerInfo,
  streams: AttachStreams,
): PendingAttachment {
  const set = table.pending.get(id) ?? new Set();
  table.pending.set(id, set);
  const attachment = new PendingAttachment(streams, () => {
    set.delete(attachment);
    if (set.size === 0 && table.pending.get(id) === set) table.pending.delete(id);
  });
  set.add(attachment);
  return attachment;
}
