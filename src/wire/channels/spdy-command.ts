/** A command's streams over SPDY/3.1: one stream each, called by the header `streamType`. */
import type { Duplex } from "node:stream";
import { SampanError } from "../../base/errors.ts";
import { broken } from "../byte-stream.ts";
import { SpdySession } from "../spdy/session.ts";
import type { SpdyStream } from "../spdy/stream.ts";
import type {
  CommandClient,
  CommandStatus,
  CommandStreams,
  Output,
  RemoteCommand,
  TerminalSize,
} from "./command.ts";
import { merge } from "./merge.ts";
import { commandProtocols } from "./protocols.ts";
import { formatSize, readSizes } from "./sizes.ts";
import { parseStatus } from "./status.ts";
import { acceptSpdy, type UpgradeRequest } from "./upgrade.ts";

type Name = "error" | "stdin" | "stdout" | "stderr" | "resize";
type Protocol = (typeof commandProtocols.spdy)[number];

/** Milliseconds for a client to begin the streams that it has asked for. */
const beginning = 30_000;
/** Milliseconds for output that nobody takes. A person may stop a terminal for a while. */
const statusLimit = 64 << 10;

function expected(
  { stdin, stdout, stderr, tty }: CommandStreams,
  protocol: Protocol | undefined,
): readonly Name[] {
  const sizes = tty && protocol !== "v2.channel.k8s.io" && protocol !== "channel.k8s.io";
  const wanted = { error: true, stdin, stdout, stderr: stderr && !tty, resize: sizes };
  return (Object.keys(wanted) as Name[]).filter((name) => wanted[name]);
}

/** Upgrades and waits for the client's streams. Errors: `invalid_argument` before anything was written; `deadline_exceeded`, `unavailable` after. */
export async function acceptSpdyCommand(
  request: UpgradeRequest,
  asked: CommandStreams,
  signal: AbortSignal,
): Promise<CommandClient> {
  const protocol = acceptSpdy(request, commandProtocols.spdy);
  const names = expected(asked, protocol);
  const streams = new Map<Name, SpdyStream>();
  const all = Promise.withResolvers<void>();
  const session = new SpdySession(request.socket, {
    side: "server",
    head: request.head,
    mostStreams: names.length,
    onStream: (stream) => {
      const name = stream.headers["streamtype"] as Name;
      if (!names.includes(name) || streams.has(name)) return stream.reset("refusedStream");
      streams.set(name, stream);
      void stream.reply().catch(() => {});
      if (streams.size === names.length) all.resolve();
    },
  });
  const gone = session.closed.then(() => all.reject(new SampanError("unavailable", "the client is gone")));
  void gone;
  const timer = setTimeout(
    () => all.reject(new SampanError("deadline_exceeded", "the client has not begun its streams")),
    beginning,
  );
  const stop = () => session.destroy();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  void session.closed.then(() => signal.removeEventListener("abort", stop));
  try {
    await all.promise;
  } catch (error) {
    session.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return new SpdyClient(session, streams, protocol);
}

class SpdyClient implements CommandClient {
  readonly stdin: AsyncIterable<Uint8Array> | undefined;
  readonly sizes: AsyncIterable<TerminalSize>;
  private readonly session: SpdySession;
  private readonly streams: ReadonlyMap<Name, SpdyStream>;
  private readonly protocol: Protocol;

  constructor(session: SpdySession, streams: ReadonlyMap<Name, SpdyStream>, protocol: Protocol) {
    this.session = session;
    this.streams = streams;
    this.protocol = protocol;
    this.stdin = streams.get("stdin")?.input;
    this.sizes = readSizes(streams.get("resize")?.input ?? none());
  }

  get gone(): Promise<void> {
    return this.session.closed;
  }

  async write({ stream, data }: Output): Promise<void> {
    await this.streams.get(stream)?.write(data);
  }

  async finish(status: CommandStatus): Promise<void> {
    const { streams } = this;
    await streams.get("stdout")?.end();
    await streams.get("stderr")?.end();
    const text = this.protocol === "v4.channel.k8s.io" ? JSON.stringify(status) : plain(status);
    await streams.get("error")?.write(Buffer.from(text));
    for (const stream of streams.values()) await stream.end();
    await this.session.end();
    await this.session.closed;
  }

  close(): void {
    this.session.destroy();
  }
}

/** Before v4 a text means that it failed. */
function plain({ status, message }: CommandStatus): string {
  return status === "Success" ? "" : (message ?? "the command has failed");
}

async function* none(): AsyncGenerator<Uint8Array, void, undefined> {}

export interface OpenCommandOptions {
  readonly streams: CommandStreams;
  /** What the server has chosen. */
  readonly protocol: string;
  /** Between two of ours: a stream that is not read holds up no other. */
  readonly windows?: boolean;
}

/** Over a connection that was upgraded already. */
export async function openSpdyCommand(duplex: Duplex, options: OpenCommandOptions): Promise<RemoteCommand> {
  const { streams: asked, protocol, windows = false } = options;
  const session = new SpdySession(duplex, { side: "client", windows });
  try {
    const streams = new Map<Name, SpdyStream>();
    for (const name of expected(asked, protocol as Protocol))
      streams.set(name, await session.open({ streamtype: name }));
    await streams.get("error")?.end();
    return new SpdyCommand(session, streams, protocol);
  } catch (error) {
    session.destroy();
    throw error;
  }
}

class SpdyCommand implements RemoteCommand {
  readonly output: AsyncIterable<Output>;
  readonly status: Promise<CommandStatus>;
  private readonly session: SpdySession;
  private readonly streams: ReadonlyMap<Name, SpdyStream>;

  constructor(session: SpdySession, streams: ReadonlyMap<Name, SpdyStream>, protocol: string) {
    this.session = session;
    this.streams = streams;
    const outputs = (["stdout", "stderr"] as const).flatMap((name) => {
      const stream = streams.get(name);
      return stream ? [[name, untilReset(stream)] as const] : [];
    });
    this.output = merge(outputs);
    this.status = readStatus(streams.get("error"), protocol);
    this.status.catch(() => {});
  }

  async write(data: Uint8Array): Promise<void> {
    await this.streams.get("stdin")?.write(data);
  }

  async endInput(): Promise<void> {
    await this.streams.get("stdin")?.end();
  }

  async resize(size: TerminalSize): Promise<void> {
    await this.streams.get("resize")?.write(formatSize(size));
  }

  close(): void {
    this.session.destroy();
  }
}

/** Kubelets reset all streams when a command has ended and its status is said, and end none of them: to a reader that is the end. */
async function* untilReset(stream: SpdyStream): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* stream.input;
  } catch (error) {
    if (!stream.wasReset) throw error;
  }
}

async function readStatus(stream: SpdyStream | undefined, protocol: string): Promise<CommandStatus> {
  let text = Buffer.alloc(0);
  for await (const data of stream ? untilReset(stream) : none()) {
    text = Buffer.concat([text, data]);
    if (text.length > statusLimit)
      throw new SampanError("resource_exhausted", "cannot read how the command ended: it is too long");
  }
  if (text.length === 0) {
    if (stream?.wasReset) throw broken("the command was broken off: nothing was said of how it ended");
    return { metadata: {}, status: "Success" };
  }
  if (protocol === "v4.channel.k8s.io") return parseStatus(text.toString("utf8"));
  return { metadata: {}, status: "Failure", reason: "InternalError", message: text.toString("utf8") };
}
