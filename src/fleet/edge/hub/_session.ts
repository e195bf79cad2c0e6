/** One connection that stands: messages both ways, keepalive, and whether the other side is still there. */
import type { Clock } from "../../../base/clock.ts";
import { keepaliveMessage } from "../../link/ack.ts";
import { formatEnvelope, type Envelope } from "../../link/envelope.ts";
import type { Dialled } from "./_dial.ts";
import { watchLiveness } from "./_liveness.ts";

export interface SessionOptions {
  readonly clock: Clock;
  /** Milliseconds between two keepalives; to one of ours since anything was sent. */
  readonly heartbeat: number;
  readonly quiet: number;
  readonly patience: number;
  /** Bytes that may wait to be sent. */
  readonly most: number;
  readonly onMessage: (data: Buffer) => void;
}

export interface Session {
  send(message: Envelope): boolean;
  /** Ends it with a word for the log. */
  end(why: string): void;
  /** Resolves with why it ended. */
  readonly ended: Promise<string>;
  /** The cloud is one of ours: see `linkFeatures`. */
  readonly ours: boolean;
}

/** One of ours lets go after 40 s in which nothing was sent, KubeEdge's after 30 s without a keepalive. */
const oursLonger = 5 / 3;

export function openSession({ socket, below, ours }: Dialled, options: SessionOptions): Session {
  const { clock, heartbeat, quiet, patience, most, onMessage } = options;
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  const end = (why: string) => {
    resolve(why);
    // Without the closing handshake: nobody may be there to shake hands.
    socket.terminate();
    below.destroy();
  };
  using stack = new DisposableStack();
  const alive = stack.use(
    watchLiveness({
      clock,
      quiet,
      patience,
      ping: () => socket.ping(),
      dead: () => end("it answers no more"),
    }),
  );
  below.on("data", () => alive.heard());
  socket.on("message", onMessage);
  socket.on("pong", () => alive.answered());
  socket.on("error", (error) => end(error.message));
  socket.on("close", (code, reason) => end(closing(code, reason)));

  let cancel = () => {};
  const send = (message: Envelope) => {
    if (socket.readyState !== socket.OPEN || socket.bufferedAmount + below.writableLength > most)
      return false;
    // As bytes: of a text the frame's head would be written by itself, in a record of TLS of its own.
    socket.send(Buffer.from(formatEnvelope(message)), { binary: false });
    if (ours) beatLater();
    return true;
  };
  const beatLater = () => {
    cancel();
    cancel = clock.after(ours ? heartbeat * oursLonger : heartbeat, beat);
  };
  const beat = () => {
    beatLater();
    send(keepaliveMessage({ now: clock.now() }));
  };
  beat();
  socket.resume();
  stack.defer(() => cancel());
  const held = stack.move();
  void ended.then(() => held.dispose());
  return { send, end, ended, ours };
}

function closing(code: number, reason: Buffer): string {
  const words = reason.toString("utf8").slice(0, 120);
  return code === 1006 ? "the connection broke" : `the cloud closed it (${code}${words ? `: ${words}` : ""})`;
}
