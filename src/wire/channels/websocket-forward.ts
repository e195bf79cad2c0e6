/** Port-forward over a WebSocket: SPDY in messages (kubectl from 1.31), or two channels for each port of the query, data and error, which begin with the port as two bytes. */
import { invalid } from "../../base/errors.ts";
import { broken, Inbox } from "../byte-stream.ts";
import { acceptWebSocket, duplexOf, type MessagePipe } from "../websocket.ts";
import type { ForwardServer, TakeConnection } from "./forward.ts";
import { choose, offered, portForwardWebSocket, tunnelProtocol } from "./protocols.ts";
import { serveForward } from "./spdy-forward.ts";
import type { UpgradeRequest } from "./upgrade.ts";

const largest = 1 << 20;
const largestPiece = 32 << 10;
const mark = 256 << 10;
const mostPorts = 64;

/** Upgrades; the ports are those of the query and count only without the tunnel. Errors: `invalid_argument` when there is no protocol in common or no port; nothing is written then. */
export async function acceptWebSocketForward(
  request: UpgradeRequest,
  ports: readonly number[],
  take: TakeConnection,
): Promise<ForwardServer> {
  const pipe = await acceptForwardPipe(request, ports);
  if (pipe.protocol === tunnelProtocol) return serveForward(duplexOf(pipe), new Uint8Array(), take);
  return await serveChannels(pipe, ports, take);
}

/** As far as the upgrade. */
export async function acceptForwardPipe(
  request: UpgradeRequest,
  ports: readonly number[],
): Promise<MessagePipe> {
  const theirs = offered(request.headers, "sec-websocket-protocol");
  const protocol = choose(portForwardWebSocket, theirs);
  if (protocol === undefined)
    throw invalid(
      `cannot upgrade: the client offers the protocols ${JSON.stringify(theirs.slice(0, 8))}, wanted one of ${portForwardWebSocket.join(", ")}`,
    );
  const right = ports.every((port) => Number.isInteger(port) && port > 0 && port <= 65_535);
  if (protocol !== tunnelProtocol && (ports.length === 0 || ports.length > mostPorts || !right))
    throw invalid(`cannot forward ports: wanted ?ports= with 1 to ${mostPorts} numbers up to 65535`);
  return await acceptWebSocket(request, [protocol], { largest });
}

/** Every port is one connection, from the beginning to the end of the WebSocket. */
export async function serveChannels(
  pipe: MessagePipe,
  ports: readonly number[],
  take: TakeConnection,
): Promise<ForwardServer> {
  const send = async (channel: number, data: Uint8Array) => {
    const message = new Uint8Array(data.byteLength + 1);
    message[0] = channel;
    message.set(data, 1);
    await pipe.send(message);
  };
  const inputs = ports.map(() => new Inbox(mark));
  for (const [index, port] of ports.entries()) {
    const bytes = Uint8Array.of(port & 0xff, port >> 8);
    await send(index * 2, bytes);
    await send(index * 2 + 1, bytes);
  }
  let left = ports.length;
  // There is no sign for the end of one: the last ends all.
  const ended = async () => {
    left -= 1;
    if (left === 0) pipe.close();
  };
  for (const [index, port] of ports.entries()) {
    const input = inputs[index] ?? new Inbox(mark);
    const data = {
      input,
      write: async (bytes: Uint8Array) => {
        for (let start = 0; start < bytes.byteLength; start += largestPiece)
          await send(index * 2, bytes.subarray(start, start + largestPiece));
      },
      end: ended,
      destroy: () => input.close(),
    };
    const fail = async (message: string) => {
      await send(index * 2 + 1, Buffer.from(message));
      await ended();
    };
    take({ port, data, fail, done: async () => {} });
  }
  void distribute(pipe, inputs);
  return { closed: pipe.closed, close: () => pipe.terminate() };
}

async function distribute(pipe: MessagePipe, inputs: readonly Inbox[]): Promise<void> {
  try {
    for await (const message of pipe.messages) {
      const channel = message[0] ?? 0;
      const input = channel % 2 === 0 ? inputs[channel / 2] : undefined;
      input?.push(message.subarray(1));
      await input?.room();
    }
    for (const input of inputs) input.end();
  } catch (error) {
    for (const input of inputs) input.fail(broken("the client went away", error));
  }
}
