/** POST /exec/{id}/start. */
import { SampanError } from "../../../base/errors.ts";
import { startExec } from "../../../engine/containers/exec.ts";
import { emit } from "../../../engine/containers/parts.ts";
import type { ExecInfo } from "../../../engine/containers/life.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import { empty, multiplexedStream, rawStream } from "../answer.ts";
import { messageOf } from "../errors.ts";
import { parseDetachKeys } from "../containers/detach-keys.ts";
import { conflict } from "../containers/find.ts";
import { encodeFrames } from "../containers/frames.ts";
import { pump } from "../containers/pump.ts";
import type { Answer, Call, Conversation } from "../route.ts";
import { findExec } from "./find.ts";
import { parseExecStart, type ExecStart } from "./parse.ts";

export async function start(engine: LiveEngine, { param, json, signal, version }: Call): Promise<Answer> {
  const asked = await json(parseExecStart);
  const exec = findExec(engine, param("id"));
  refuse(engine, exec);
  if (!asked.detach)
    return {
      kind: "hijack",
      type: !asked.tty && version >= 42 ? multiplexedStream : rawStream,
      talk: (conversation) => talk(engine, exec, { asked, conversation }),
    };
  try {
    await startExec(engine, exec.id, { detach: true, ...sized(asked), signal });
  } catch (error) {
    // 404 would say that the exec is not there.
    const { code, message } = SampanError.from(error);
    throw code === "not_found" ? new SampanError("invalid_argument", message, { cause: error }) : error;
  }
  return empty(200);
}

function refuse({ containers }: LiveEngine, { id, container, running, exitCode }: ExecInfo): void {
  if (exitCode !== undefined) throw conflict(`exec command ${id} has already run`);
  if (running) throw conflict(`exec command ${id} is already running`);
  const { state } = containers.get(container);
  if (state === "paused")
    throw conflict(`Container ${container} is paused, unpause the container before exec`);
  if (state !== "running") throw conflict(`Container ${container} is not running`);
}

function sized({ size }: ExecStart): { size?: { rows: number; columns: number } } {
  return size ? { size: { rows: size[0], columns: size[1] } } : {};
}

interface Talk {
  readonly asked: ExecStart;
  readonly conversation: Conversation;
}

/** The client has its connection already: why the program could not be started is said there, and inspect tells the exit status. */
async function talk(
  engine: LiveEngine,
  { id, container, body }: ExecInfo,
  { asked, conversation }: Talk,
): Promise<void> {
  const { signal } = conversation;
  let attachment: Awaited<ReturnType<typeof startExec>>;
  try {
    attachment = await startExec(engine, id, { detach: false, ...sized(asked), signal });
  } catch (error) {
    const bytes = Buffer.from(`${messageOf(error)}\r\n`);
    return await conversation.write(asked.tty ? bytes : encodeFrames([{ stream: "stdout", bytes }]));
  }
  if (!attachment) return;
  const detached = await pump(attachment, conversation, {
    stdin: body.AttachStdin === true,
    multiplexed: !asked.tty,
    detachKeys: body.Tty ? parseDetachKeys(body.DetachKeys) : undefined,
    closes: !body.Tty,
  });
  if (detached) emit(engine, engine.containers.get(container), "exec_detach", { execID: id });
}
