/** Dials a cloud's tunnel port and waits for its answer. */
import { SampanError } from "../../../base/errors.ts";
import { type MessagePipe, pipeOf } from "../../../wire/websocket.ts";
import { frameLimit, tunnelFeatures } from "../../link/tunnel.ts";

export interface TunnelTls {
  /** PEM: who must have signed the cloud's certificate. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

export interface DialOptions {
  /** `wss://cloud.example.com:10004` */
  readonly address: string;
  readonly node: string;
  /** The node's own address as its Node says it. */
  readonly internalIp: string;
  readonly tls: TunnelTls;
  readonly onSign: () => void;
  readonly signal: AbortSignal;
}

export interface Dialled {
  readonly pipe: MessagePipe;
  /** The cloud is one of ours. */
  readonly ours: boolean;
}

const patience = 15_000;
/** A frame's head is at most two numbers of eight bytes. */
const largest = frameLimit + 16;

/** Errors: `unavailable` with what the cloud said, `deadline_exceeded`. */
export async function dial(options: DialOptions): Promise<Dialled> {
  const { address, node, internalIp, tls, signal } = options;
  const { WebSocket } = await import("ws");
  const socket = new WebSocket(new URL("/v1/kubeedge/connect", address), {
    headers: {
      SessionHostNameOverride: node,
      SessionInternalIP: internalIp,
      [tunnelFeatures.header]: tunnelFeatures.value,
    },
    ca: tls.ca,
    cert: tls.certificate,
    key: tls.key,
    perMessageDeflate: false,
    skipUTF8Validation: true,
    maxPayload: largest,
    handshakeTimeout: patience,
  });
  let ours = false;
  socket.on("upgrade", (response) => (ours = tunnelFeatures.header in response.headers));
  // From the first message on: none may come before there is an ear.
  const pipe = pipeOf(socket, { largest, onSign: options.onSign });
  const opened = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => opened.reject(new SampanError("deadline_exceeded", "the cloud does not answer")),
    patience,
  );
  const stop = () => opened.reject(signal.reason as Error);
  signal.addEventListener("abort", stop, { once: true });
  socket.on("open", () => opened.resolve());
  socket.on("error", (error) =>
    opened.reject(new SampanError("unavailable", error.message, { cause: error })),
  );
  socket.on("close", () => opened.reject(new SampanError("unavailable", "the cloud has closed")));
  try {
    if (signal.aborted) stop();
    await opened.promise;
    return { pipe, ours };
  } catch (error) {
    socket.terminate();
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}
