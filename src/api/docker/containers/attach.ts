/** POST /containers/{id}/attach and GET /containers/{id}/attach/ws: a client at a container's stdio. */
import { attachContainer } from "../../../engine/containers/attach.ts";
import type { ContainerInfo } from "../../../engine/containers/containers.ts";
import { readLogBatches } from "../../../engine/containers/logs.ts";
import { emit } from "../../../engine/containers/parts.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import { multiplexedStream, rawStream } from "../answer.ts";
import type { Answer, Call, Conversation } from "../route.ts";
import { parseDetachKeys } from "./detach-keys.ts";
import { conflict, findContainer } from "./find.ts";
import { encodeFrames } from "./frames.ts";
import { keepsLog } from "./logs.ts";
import { pump, type Attachment } from "./pump.ts";

interface Wanted {
  readonly logs: boolean;
  readonly stream: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly detachKeys: Uint8Array;
}

export function attach(engine: LiveEngine, call: Call): Answer {
  const container = attachable(engine, call);
  const wanted = wantedOf(call);
  const tty = container.body.Tty === true;
  const talk = converse(engine, container, { wanted, multiplexed: !tty, signal: call.signal });
  return { kind: "hijack", type: !tty && call.version >= 42 ? multiplexedStream : rawStream, talk };
}

/** Messages are bytes as they are, of stdout and stderr alike. */
export function attachByWebSocket(engine: LiveEngine, call: Call): Answer {
  const container = attachable(engine, call);
  const talk = converse(engine, container, {
    wanted: wantedOf(call),
    multiplexed: false,
    signal: call.signal,
  });
  return { kind: "websocket", talk };
}

function attachable(engine: LiveEngine, { param }: Call): ContainerInfo {
  const container = findContainer(engine, param("id"));
  const { id, state } = container;
  if (state === "paused") throw conflict(`container ${id} is paused, unpause the container before attach`);
  if (state === "restarting")
    throw conflict(`container ${id} is restarting, wait until the container is running before attach`);
  return container;
}

function wantedOf({ query }: Call): Wanted {
  return {
    logs: query.bool("logs"),
    stream: query.bool("stream"),
    stdin: query.bool("stdin"),
    stdout: query.bool("stdout"),
    stderr: query.bool("stderr"),
    detachKeys: parseDetachKeys(query.string("detachKeys")),
  };
}

interface Talk {
  readonly wanted: Wanted;
  readonly multiplexed: boolean;
  readonly signal: AbortSignal;
}

/** It is attached before the client hears that it is, so that a start that follows loses nothing. */
function converse(
  engine: LiveEngine,
  container: ContainerInfo,
  { wanted, multiplexed, signal }: Talk,
): (conversation: Conversation) => Promise<void> {
  const { stdin, stdout, stderr } = wanted;
  const { body, id } = container;
  const streams = { stdin: stdin && body.OpenStdin === true, stdout, stderr };
  const attaching = wanted.stream ? attachContainer(engine, id, { ...streams, signal }) : undefined;
  attaching?.catch(() => undefined);
  return async (conversation) => {
    await using attachment = new Held(attaching);
    const attached = await attachment.get();
    // What comes in the moment between may be seen twice; nothing is missed.
    const until = BigInt(Date.now()) * 1_000_000n + 999_999n;
    if (wanted.logs && keepsLog(container))
      await writeLogs(engine, container, { wanted, multiplexed, until, conversation });
    if (!attached) return;
    const detached = await pump(attached, conversation, {
      stdin: streams.stdin,
      multiplexed,
      detachKeys: body.Tty ? wanted.detachKeys : undefined,
      closes: body.StdinOnce === true && !body.Tty,
    });
    if (detached) emit(engine, container, "detach");
  };
}

/** Closed with the conversation, however far it came. */
class Held implements AsyncDisposable {
  readonly #promise: Promise<Attachment> | undefined;

  constructor(promise: Promise<Attachment> | undefined) {
    this.#promise = promise;
  }

  async get(): Promise<Attachment | undefined> {
    return await this.#promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const attachment = await this.#promise?.catch(() => undefined);
    await attachment?.[Symbol.asyncDispose]();
  }
}

interface PastLogs {
  readonly wanted: Wanted;
  readonly multiplexed: boolean;
  readonly until: bigint;
  readonly conversation: Conversation;
}

/** What was written before it was attached. */
async function writeLogs(
  engine: LiveEngine,
  { id }: ContainerInfo,
  { wanted: { stdout, stderr }, multiplexed, until, conversation }: PastLogs,
): Promise<void> {
  const query = { stdout, stderr, follow: false, until, signal: conversation.signal };
  for await (const entries of readLogBatches(engine, id, query)) {
    const pieces = entries.map(({ stream, text }) => ({ stream, bytes: text }));
    await conversation.write(
      multiplexed ? encodeFrames(pieces) : Buffer.concat(pieces.map(({ bytes }) => bytes)),
    );
  }
}
