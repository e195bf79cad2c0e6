/** Passing a question on to the servers of the host, bounded in number and in time. */
import dgram from "node:dgram";
import net from "node:net";

const patience = 3000;
const mostAtOnce = 512;
/** Of one container, so that it takes no others' place. */
const mostOfOne = 64;
const largest = 65_535;

export interface Forwarder {
  /** The answer as it came, with the question's own id; undefined when no server answered in time, or too many are asked already. */
  ask(query: Uint8Array, options: AskOptions): Promise<Uint8Array | undefined>;
}

export interface AskOptions {
  readonly servers: readonly string[];
  readonly byStream: boolean;
  /** The address that the question is from. */
  readonly who: string;
}

export function openForwarder(): Forwarder {
  let asked = 0;
  const byWho = new Map<string, number>();
  const count = (who: string, by: 1 | -1) => {
    asked += by;
    const now = (byWho.get(who) ?? 0) + by;
    if (now === 0) byWho.delete(who);
    else byWho.set(who, now);
  };
  return {
    async ask(query, { servers, byStream, who }) {
      if (asked >= mostAtOnce || (byWho.get(who) ?? 0) >= mostOfOne) return undefined;
      count(who, 1);
      try {
        for (const server of servers) {
          const answer = await (byStream ? askByStream(query, server) : askByDatagram(query, server));
          if (answer) return answer;
        }
        return undefined;
      } finally {
        count(who, -1);
      }
    },
  };
}

const isAnswerTo = (query: Uint8Array, answer: Uint8Array): boolean =>
  answer.length >= 12 && answer[0] === query[0] && answer[1] === query[1] && ((answer[2] ?? 0) & 0x80) !== 0;

/** From a port of its own each time, to be hard to guess for who would answer in the server's place; connected, so that only the server is heard. */
function askByDatagram(query: Uint8Array, server: string): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const socket = dgram.createSocket(server.includes(":") ? "udp6" : "udp4");
    const end = (answer?: Uint8Array) => {
      clearTimeout(timer);
      socket.removeAllListeners("message");
      try {
        socket.close();
      } catch {
        // closed already
      }
      resolve(answer);
    };
    const timer = setTimeout(end, patience);
    socket.on("error", () => end());
    socket.on("message", (answer) => {
      if (isAnswerTo(query, answer)) end(answer);
    });
    socket.connect(53, server, () => socket.send(query));
  });
}

function askByStream(query: Uint8Array, server: string): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: server, port: 53 });
    const end = (answer?: Uint8Array) => {
      socket.destroy();
      resolve(answer);
    };
    let got = Buffer.alloc(0);
    socket.setTimeout(patience, () => end());
    socket.on("error", () => end());
    socket.on("close", () => end());
    socket.on("connect", () => socket.write(framed(query)));
    socket.on("data", (bytes: Buffer) => {
      got = Buffer.concat([got, bytes]);
      if (got.length > largest + 2) end();
      else if (got.length >= 2 && got.length >= 2 + got.readUInt16BE(0)) {
        const answer = got.subarray(2, 2 + got.readUInt16BE(0));
        end(isAnswerTo(query, answer) ? answer : undefined);
      }
    });
  });
}

/** With its length in front, as DNS over TCP has it (RFC 1035, 4.2.2). */
export function framed(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(2 + message.length);
  new DataView(bytes.buffer).setUint16(0, message.length);
  bytes.set(message, 2);
  return bytes;
}
