/** One edge's tunnel, seen from the cloud: channels that are opened with a request each. */
import { SampanError } from "../../../base/errors.ts";
import { broken } from "../../../wire/byte-stream.ts";
import { Channel } from "../../../wire/channel.ts";
import type { MessagePipe } from "../../../wire/websocket.ts";
import {
  decodeFrame,
  encodeFrame,
  formatConnect,
  formatWindow,
  type Frame,
  type FrameType,
  parseWindow,
} from "../../link/tunnel.ts";

export interface TunnelOptions {
  readonly node: string;
  /** As the edge says it; nothing proves it. */
  readonly internalIp: string;
  readonly pipe: MessagePipe;
  /** The edge is one of ours: windows, and a head before bodies. */
  readonly ours: boolean;
  /** Numbers of connections, over all tunnels. */
  readonly nextId: () => number;
  /** Milliseconds for a stream without windows that nobody takes, before it is cut for the others' sake; 10,000. */
  readonly patience?: number | undefined;
}

/** What the edge is to ask its kubelet. */
export interface TunnelRequest {
  readonly type: "logs" | "metrics" | "exec" | "attach";
  readonly path: string;
  /** Without its question mark. */
  readonly query: string;
  readonly headers?: Readonly<Record<string, readonly string[]>>;
}

const mostChannels = 256;
const usualPatience = 10_000;

export class Tunnel {
  readonly node: string;
  readonly internalIp: string;
  readonly ours: boolean;
  private readonly pipe: MessagePipe;
  private readonly nextId: () => number;
  private readonly patience: number;
  private readonly channels = new Map<number, Channel>();

  constructor({ node, internalIp, pipe, ours, nextId, patience = usualPatience }: TunnelOptions) {
    this.node = node;
    this.internalIp = internalIp;
    this.pipe = pipe;
    this.ours = ours;
    this.nextId = nextId;
    this.patience = patience;
  }

  /** Errors: `unavailable` when the tunnel breaks, `resource_exhausted` for too many at once. */
  async open(request: TunnelRequest): Promise<Channel> {
    if (this.channels.size >= mostChannels)
      throw new SampanError(
        "resource_exhausted",
        `cannot reach node "${this.node}": ${mostChannels} streams are open, which is the limit`,
      );
    const id = this.nextId();
    const channel = new Channel(this.door(id), { windows: this.ours });
    this.channels.set(id, channel);
    channel.once("close", () => this.channels.delete(id));
    try {
      await this.send(id, request.type, connectOf(id, request));
      return channel;
    } catch (error) {
      channel.destroy();
      throw error;
    }
  }

  /** Resolves when the connection is over. Never rejects; what is wrong with what the edge sends ends it. */
  async run(): Promise<SampanError | undefined> {
    try {
      for await (const message of this.pipe.messages) await this.take(decodeFrame(message));
      return undefined;
    } catch (error) {
      return SampanError.from(error);
    } finally {
      for (const channel of this.channels.values())
        channel.destroy(broken(`the tunnel of node "${this.node}" broke`));
      this.pipe.terminate();
    }
  }

  close(): void {
    this.pipe.terminate();
  }

  private async take({ connection, type, data }: Frame): Promise<void> {
    const channel = this.channels.get(connection);
    // One that was left here a moment ago, or one that never was.
    if (!channel) return;
    if (type === "data") {
      if (channel.receive(data)) return;
      const timer = setTimeout(
        () => channel.destroy(broken("the stream was cut: nobody takes what comes")),
        this.ours ? 0 : this.patience,
      );
      await channel.room();
      clearTimeout(timer);
    } else if (type === "window" && this.ours) channel.granted(parseWindow(data));
    else if (type === "remove" || type === "close") channel.ended();
  }

  private door(id: number) {
    return {
      data: async (bytes: Uint8Array) => await this.send(id, "data", bytes),
      taken: (bytes: number) => {
        if (this.ours) void this.send(id, "window", formatWindow(bytes)).catch(() => {});
      },
      left: () => void this.send(id, "remove", new Uint8Array()).catch(() => {}),
    };
  }

  private async send(connection: number, type: FrameType, data: Uint8Array): Promise<void> {
    await this.pipe.send(encodeFrame({ connection, type, data }), { text: true });
  }
}

function connectOf(id: number, { type, path, query, headers }: TunnelRequest): Uint8Array {
  return formatConnect({
    MessID: id,
    url: {
      Scheme: "http",
      Opaque: "",
      User: null,
      Host: "127.0.0.1:10350",
      Path: path,
      RawPath: "",
      OmitHost: false,
      ForceQuery: false,
      RawQuery: query,
      Fragment: "",
      RawFragment: "",
    },
    header: headers ?? {},
    ...(type === "exec" || type === "attach" ? { method: "POST" } : {}),
  });
}
