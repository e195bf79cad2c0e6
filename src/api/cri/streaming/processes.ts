/** Processes of containers as commands of wire/channels: an exec that ends with its client, and a container to which somebody is attached. */
import { SampanError } from "../../../base/errors.ts";
import { attachContainer } from "../../../engine/containers/attach.ts";
import { type Attached, outputPieces } from "../../../engine/containers/attachment-output.ts";
import type { ContainerInfo } from "../../../engine/containers/containers.ts";
import type { ExecRecord } from "../../../engine/containers/exec-table.ts";
import { createExec, resizeExec, startExec } from "../../../engine/containers/exec.ts";
import { PendingAttachment } from "../../../engine/containers/pending-attachment.ts";
import { resizeContainer } from "../../../engine/containers/resize.ts";
import { SIGKILL } from "../../../engine/containers/signals.ts";
import { type CommandStreams, exited, type RemoteCommand } from "../../../wire/channels/command.ts";
import type { CriContext } from "../cri.ts";

type Parts = Pick<CriContext, "engine">;

export interface StartedExec {
  readonly attachment: Attached;
  readonly record: ExecRecord;
}

export interface ExecWords {
  readonly container: string;
  readonly command: readonly string[];
  readonly streams: CommandStreams;
}

/** One of its streams is wanted. Errors: those of engine/containers/exec.ts. */
export async function beginExec(
  { engine }: Parts,
  { container, command, streams: { stdin, stdout, stderr, tty } }: ExecWords,
): Promise<StartedExec> {
  const id = await createExec(engine, container, {
    Cmd: command,
    Tty: tty,
    AttachStdin: stdin,
    AttachStdout: stdout,
    AttachStderr: stderr,
  });
  const attachment = await startExec(engine, id, { detach: false });
  const record = engine.tasks.table.execs.find(id);
  if (attachment && record) return { attachment, record };
  throw new SampanError("internal", `cannot exec in container "${container}": its streams are not there`);
}

/** Whoever closes it kills its process. */
export async function execCommand(context: Parts, words: ExecWords): Promise<RemoteCommand> {
  const { attachment, record } = await beginExec(context, words);
  const status = record.done.promise.then(exited);
  return {
    write: (data) => attachment.write(data),
    endInput: () => attachment.closeStdin(),
    resize: ({ width, height }) => resizeExec(context.engine, record.id, { columns: width, rows: height }),
    output: outputPieces(attachment),
    status,
    close: () => {
      void record.connection?.signal(SIGKILL).catch(() => undefined);
      leave(attachment);
    },
  };
}

/**
 * Whoever closes it leaves the container as it is. Its end is a success, as every server of the CRI says it: how the container ended stands in its status. What ends with the
 * input is said by `stdin_once`: the container's input, or else the attachment.
 */
export async function attachCommand(
  { engine }: Parts,
  { id, body }: ContainerInfo,
  { stdin, stdout, stderr }: CommandStreams,
): Promise<RemoteCommand> {
  const attachment = await attachContainer(engine, id, { stdin, stdout, stderr });
  if (attachment instanceof PendingAttachment) {
    leave(attachment);
    throw new SampanError("failed_precondition", `cannot attach to container "${id}": it has just ended`);
  }
  const reads = body.OpenStdin === true;
  return {
    // What a container that reads nothing is told goes nowhere.
    write: async (data) => (reads ? await attachment.write(data) : undefined),
    endInput: async () => {
      if (!reads) return;
      if (body.StdinOnce && !body.Tty) await attachment.closeStdin();
      else leave(attachment);
    },
    resize: ({ width, height }) => resizeContainer(engine, id, { columns: width, rows: height }),
    output: outputPieces(attachment),
    status: Promise.resolve(exited(0)),
    close: () => leave(attachment),
  };
}

function leave(attachment: Attached): void {
  Promise.resolve(attachment[Symbol.asyncDispose]()).catch(() => undefined);
}
