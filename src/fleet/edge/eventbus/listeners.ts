/** Where clients of the broker inside come in. A port that is taken is waited for: pods do not wait for MQTT, and the process that has it may be the last one of this edge, which is about to end. */
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Clock } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import type { BrokerTls } from "./options.ts";

export interface ListenerOptions {
  readonly clock: Clock;
  readonly log: (text: string) => void;
  readonly take: (socket: Socket) => void;
  /** Connections at once, of all listeners. */
  readonly most: number;
}

/** Milliseconds. */
const times = { again: 5000, handshake: 10_000, alive: 60_000 } as const;

interface Place {
  readonly host: string;
  readonly port: number;
}

export class Listeners implements AsyncDisposable {
  readonly #options: ListenerOptions;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #waiting = new Set<() => void>();
  #closed = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** Resolves when it listens, or will as soon as the port is free. Errors: `invalid_argument` of a certificate. */
  async listen(place: Place, tls?: BrokerTls): Promise<void> {
    const server = tls
      ? await tlsServer(tls, (socket) => this.#take(socket))
      : createServer((socket) => this.#take(socket));
    await this.#bind(server, place);
  }

  /** Of those that listen, in the order of their calls. */
  get ports(): readonly number[] {
    return this.#servers.map((each) => (each.address() as AddressInfo).port);
  }

  async #bind(server: Server, place: Place): Promise<void> {
    server.listen(place.port, place.host);
    try {
      await once(server, "listening");
    } catch (error) {
      if (this.#closed) return;
      const why = SampanError.from(error).message;
      this.#options.log(`eventbus: cannot listen on ${place.host}:${place.port}, and tries again: ${why}`);
      this.#again(server, place);
      return;
    }
    server.on("error", (error) => this.#options.log(`eventbus: ${error.message}`));
    this.#servers.push(server);
    if (this.#closed) await close(server);
  }

  #again(server: Server, place: Place): void {
    const cancel = this.#options.clock.after(times.again, () => {
      this.#waiting.delete(cancel);
      void this.#bind(server, place);
    });
    this.#waiting.add(cancel);
  }

  #take(socket: Socket): void {
    socket.on("error", () => {});
    if (this.#sockets.size >= this.#options.most) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.setNoDelay(true);
    // A client may ask for no keepalive of MQTT's.
    socket.setKeepAlive(true, times.alive);
    this.#options.take(socket);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const cancel of this.#waiting) cancel();
    const closed = this.#servers.map(close);
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }
}

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, "close");
}

async function tlsServer({ cert, key, ca }: BrokerTls, take: (socket: Socket) => void): Promise<Server> {
  const { createServer: createTlsServer } = await import("node:tls");
  try {
    return createTlsServer(
      {
        cert,
        key,
        minVersion: "TLSv1.2",
        handshakeTimeout: times.handshake,
        ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true }),
      },
      take,
    );
  } catch (cause) {
    throw new SampanError(
      "invalid_argument",
      `cannot use the certificate of MQTT: ${SampanError.from(cause).message}`,
      { cause },
    );
  }
}
