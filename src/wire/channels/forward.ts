/** Connections to ports of a pod, seen from the end that serves them, whatever carries them. */
import type { Duplex } from "node:stream";
import { SampanError } from "../../base/errors.ts";
import type { ByteStream } from "../byte-stream.ts";

export interface ForwardedConnection {
  readonly port: number;
  readonly data: ByteStream;
  /** Tells the client why its connection came to nothing. */
  fail(message: string): Promise<void>;
  /** Says that nothing failed; after the data has ended. */
  done(): Promise<void>;
}

export interface ForwardServer {
  /** Resolves when the client is gone. */
  readonly closed: Promise<void>;
  close(): void;
}

/** Until the client is gone or the signal says so. */
export async function serveUntil(server: ForwardServer, signal: AbortSignal): Promise<void> {
  const stop = () => server.close();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  await server.closed;
  signal.removeEventListener("abort", stop);
}

export type TakeConnection = (connection: ForwardedConnection) => void;

/** Connects to the port of the pod. */
export type Connect = (port: number, signal: AbortSignal) => Promise<Duplex>;

/** Joins one connection with the pod's port until both halves have ended. Never rejects. */
export async function joinForward(
  connection: ForwardedConnection,
  connect: Connect,
  signal: AbortSignal,
): Promise<void> {
  const { port, data } = connection;
  let target: Duplex;
  try {
    target = await connect(port, signal);
  } catch (error) {
    await connection.fail(SampanError.from(error).message).catch(() => {});
    data.destroy();
    return;
  }
  const stop = () => target.destroy();
  signal.addEventListener("abort", stop, { once: true });
  target.on("error", () => {});
  try {
    await Promise.all([intoDuplex(data, target), fromDuplex(target, data)]);
    await connection.done();
  } catch (error) {
    await connection
      .fail(`cannot go on with port ${port}: ${SampanError.from(error).message}`)
      .catch(() => {});
    data.destroy();
  } finally {
    signal.removeEventListener("abort", stop);
    target.destroy();
  }
}

export async function intoDuplex(from: ByteStream, to: Duplex): Promise<void> {
  for await (const piece of from.input) {
    if (to.destroyed) throw new SampanError("unavailable", "the connection was closed");
    if (!to.write(piece)) await drained(to);
  }
  to.end();
}

async function fromDuplex(from: Duplex, to: ByteStream): Promise<void> {
  // An end of this half alone does not end the other.
  for await (const piece of from.iterator({ destroyOnReturn: false })) await to.write(piece as Buffer);
  await to.end();
}

/** Resolves when there is room, or nobody takes any more. */
async function drained(duplex: Duplex): Promise<void> {
  if (duplex.destroyed) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      duplex.off("drain", done).off("close", done);
      resolve();
    };
    duplex.on("drain", done).on("close", done);
  });
}
