/** A command's streams over a WebSocket: the first byte of each message is the number of its channel. v5 has a message that ends one: 255 and its number. */
import { invalid, SampanError } from "../../base/errors.ts";
import { Inbox } from "../byte-stream.ts";
import { acceptWebSocket, type MessagePipe } from "../websocket.ts";
import type { CommandClient, CommandStatus, CommandStreams, Output, TerminalSize } from "./command.ts";
import { choose, commandProtocols, offered } from "./protocols.ts";
import { readSizes } from "./sizes.ts";
import type { UpgradeRequest } from "./upgrade.ts";

const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
/** Of one message of a client. */
const largest = 1 << 20;
const largestPiece = 32 << 10;
const mark = 256 << 10;

/** Upgrades. Errors: `invalid_argument` when there is no protocol in common; nothing is written then. */
export async function acceptWebSocketCommand(
  request: UpgradeRequest,
  asked: CommandStreams,
  signal: AbortSignal,
): Promise<CommandClient> {
  const theirs = offered(request.headers, "sec-websocket-protocol");
  const protocol = choose(commandProtocols.webSocket, theirs);
  if (protocol === undefined && theirs.length > 0)
    throw invalid(
      `cannot upgrade: the client offers the protocols ${JSON.stringify(theirs.slice(0, 8))}, wanted one of ${commandProtocols.webSocket.join(", ")}`,
    );
  const pipe = await acceptWebSocket(request, protocol === undefined ? [] : [protocol], { largest });
  const stop = () => pipe.terminate();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  void pipe.closed.then(() => signal.removeEventListener("abort", stop));
  return new WebSocketClient(pipe, asked);
}

class WebSocketClient implements CommandClient {
  readonly stdin: Inbox | undefined;
  readonly sizes: AsyncIterable<TerminalSize>;
  private readonly input = new Inbox(mark);
  private readonly resizes = new Inbox(mark);
  private readonly pipe: MessagePipe;

  constructor(pipe: MessagePipe, { stdin }: CommandStreams) {
    this.pipe = pipe;
    this.stdin = stdin ? this.input : undefined;
    this.sizes = readSizes(this.resizes);
    void this.read();
  }

  get gone(): Promise<void> {
    return this.pipe.closed;
  }

  async write({ stream, data }: Output): Promise<void> {
    for (let start = 0; start < data.byteLength; start += largestPiece)
      await this.send(channels[stream], data.subarray(start, start + largestPiece));
  }

  async finish(status: CommandStatus): Promise<void> {
    // The older protocol has plain words, and only for what failed.
    const text = this.hasStatus ? JSON.stringify(status) : (status.message ?? "");
    if (text !== "") await this.send(channels.error, Buffer.from(text));
    this.pipe.close();
    await this.pipe.closed;
  }

  close(): void {
    this.pipe.terminate();
  }

  private get hasStatus(): boolean {
    return this.pipe.protocol === "v5.channel.k8s.io" || this.pipe.protocol === "v4.channel.k8s.io";
  }

  private async send(channel: number, data: Uint8Array): Promise<void> {
    const message = new Uint8Array(data.byteLength + 1);
    message[0] = channel;
    message.set(data, 1);
    await this.pipe.send(message);
  }

  private async read(): Promise<void> {
    try {
      for await (const message of this.pipe.messages) await this.take(message);
      this.input.end();
    } catch (error) {
      this.input.fail(SampanError.from(error));
    }
    this.resizes.end();
  }

  private async take(message: Uint8Array): Promise<void> {
    const [channel] = message;
    const data = message.subarray(1);
    if (channel === channels.stdin && this.stdin) {
      this.input.push(data);
      await this.input.room();
    } else if (channel === channels.resize) {
      // Whoever asks for sizes faster than they are set loses some.
      if (this.resizes.size < 4096) this.resizes.push(data);
    } else if (channel === channels.close && this.pipe.protocol === "v5.channel.k8s.io") {
      if (data[0] === channels.stdin) this.input.end();
    }
  }
}
