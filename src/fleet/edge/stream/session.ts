/** One connection of the tunnel, seen from the edge: what the cloud asks of the local kubelet, many at a time. */
import type { IncomingHttpHeaders } from "node:http";
import { invalid, SampanError } from "../../../base/errors.ts";
import { formatHead } from "../../../wire/channels/head.ts";
import { Channel } from "../../../wire/channel.ts";
import type { MessagePipe } from "../../../wire/websocket.ts";
import {
  type Connect,
  decodeFrame,
  encodeFrame,
  type Frame,
  type FrameType,
  formatWindow,
  parseConnect,
  parseWindow,
  targetOf,
} from "../../link/tunnel.ts";
import { type Kubelet, type KubeletAnswer, statusOf } from "../kubelet/kubelet.ts";

export interface SessionOptions {
  readonly pipe: MessagePipe;
  readonly kubelet: Kubelet;
  /** The cloud is one of ours too: windows, and a head before bodies. */
  readonly ours: boolean;
  readonly log: (text: string) => void;
  readonly signal: AbortSignal;
}

/** At once; what is more is refused. */
const mostChannels = 256;
/** Milliseconds for a stream without windows that nobody takes, before it is cut for the others' sake. */
const patience = 10_000;

interface Open {
  readonly channel: Channel;
  readonly gone: AbortController;
}

export class TunnelSession {
  private readonly options: SessionOptions;
  private readonly open = new Map<number, Open>();

  constructor(options: SessionOptions) {
    this.options = options;
  }

  /** Resolves when the connection is over; all that was asked ends with it. */
  async run(): Promise<void> {
    const { pipe } = this.options;
    try {
      for await (const message of pipe.messages) await this.take(decodeFrame(message));
    } finally {
      for (const { channel, gone } of this.open.values()) {
        gone.abort();
        channel.destroy();
      }
      pipe.terminate();
    }
  }

  private async take({ connection, type, data }: Frame): Promise<void> {
    const there = this.open.get(connection);
    switch (type) {
      case "logs":
      case "metrics":
      case "exec":
      case "attach":
        return await this.begin(connection, type, data);
      case "data":
        if (there && !there.channel.receive(data)) await this.roomOf(there.channel);
        return;
      case "window":
        if (this.options.ours) there?.channel.granted(parseWindow(data));
        return;
      case "remove":
        if (!there) return;
        there.channel.ended();
        there.gone.abort();
        return;
      case "close":
        throw new SampanError("unavailable", "the cloud has ended the tunnel");
    }
  }

  private async begin(connection: number, type: FrameType, data: Uint8Array): Promise<void> {
    if (connection === 0 || this.open.has(connection)) throw invalid(`the connection ${connection} is open`);
    if (this.open.size >= mostChannels) return await this.send(connection, "remove");
    const channel = new Channel(this.door(connection), { windows: this.options.ours });
    const gone = new AbortController();
    this.open.set(connection, { channel, gone });
    channel.once("close", () => {
      gone.abort();
      this.open.delete(connection);
    });
    const signal = AbortSignal.any([gone.signal, this.options.signal]);
    const isUpgrade = type === "exec" || type === "attach";
    try {
      const request = parseConnect(data);
      void (isUpgrade ? this.upgrade(channel, request, signal) : this.answer(channel, request, signal));
    } catch (error) {
      await this.refuse(channel, error);
    }
  }

  private door(connection: number) {
    return {
      data: async (bytes: Uint8Array) => await this.send(connection, "data", bytes),
      taken: (bytes: number) => {
        if (this.options.ours) void this.send(connection, "window", formatWindow(bytes)).catch(() => {});
      },
      left: () => void this.send(connection, "remove").catch(() => {}),
    };
  }

  private async answer(channel: Channel, request: Connect, signal: AbortSignal): Promise<void> {
    // Nothing is read of what the cloud may say meanwhile.
    channel.resume();
    try {
      const answer = await this.options.kubelet.answer({ method: "GET", target: targetOf(request) }, signal);
      if (this.options.ours) await written(channel, Buffer.from(headOf(answer)));
      for await (const piece of answer.body) await written(channel, piece);
      channel.end();
    } catch {
      channel.destroy();
    }
  }

  private async upgrade(channel: Channel, request: Connect, signal: AbortSignal): Promise<void> {
    const headers = headersOf(request);
    const target = targetOf(request);
    try {
      const { method = "POST" } = request;
      const head = new Uint8Array();
      await this.options.kubelet.upgrade({ method, target, headers, socket: channel, head }, signal);
    } catch (error) {
      await this.refuse(channel, error);
    }
  }

  private async refuse(channel: Channel, error: unknown): Promise<void> {
    const body = Buffer.from(SampanError.from(error).message);
    const head = formatHead(statusOf(error), "Refused", {
      "Content-Type": "text/plain; charset=utf-8",
      "Content-Length": String(body.length),
      Connection: "close",
    });
    await written(channel, Buffer.concat([Buffer.from(head), body])).catch(() => {});
    channel.end();
  }

  private async send(connection: number, type: FrameType, data: Uint8Array = nothing): Promise<void> {
    await this.options.pipe.send(encodeFrame({ connection, type, data }), { text: true });
  }

  /** Where no windows hold the cloud back, all of it waits, and not for long. */
  private async roomOf(channel: Channel): Promise<void> {
    const timer = setTimeout(() => channel.destroy(), this.options.ours ? 0 : patience);
    await channel.room();
    clearTimeout(timer);
  }
}

const nothing = new Uint8Array();

function headOf({ status, type }: KubeletAnswer): string {
  return formatHead(status, status === 200 ? "OK" : "Refused", {
    "Content-Type": type,
    Connection: "close",
  });
}

/** As node:http would give them: names in lower case, lines of one name joined. */
function headersOf({ header }: Connect): IncomingHttpHeaders {
  return Object.fromEntries(
    Object.entries(header ?? {}).map(([name, values]) => [name.toLowerCase(), values.join(", ")]),
  );
}

async function written(channel: Channel, data: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    channel.write(data, (error) => (error ? reject(error) : resolve()));
  });
}
