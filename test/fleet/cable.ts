/** A cable between the edge and the cloud that can be pulled: while it is out, bytes vanish without a word, as in a tunnel or behind a NAT that forgot. */
import { connect, createServer, type Socket } from "node:net";

export interface Cable extends AsyncDisposable {
  readonly port: number;
  readonly isOut: boolean;
  /** Bytes of both ways, without the kernel's own headers. */
  readonly carried: number;
  pull(): void;
  plugIn(): void;
}

/** Resolves when it can be used. */
export async function openCable(to: { readonly host: string; readonly port: number }): Promise<Cable> {
  const sockets = new Set<Socket>();
  const state = { isOut: false, carried: 0 };
  const kept = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy()).once("close", () => sockets.delete(socket));
    return socket;
  };
  const server = createServer((near) => {
    kept(near);
    const far = kept(connect(to));
    for (const [from, into] of [
      [near, far],
      [far, near],
    ] as const) {
      // What was under way is lost with its connection, as it is when a cable is out for longer than TCP waits.
      from.on("data", (data) => {
        if (state.isOut) return;
        state.carried += data.length;
        into.write(data);
      });
      from.once("close", () => {
        if (!state.isOut) into.destroy();
      });
    }
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject).listen(0, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  return {
    port: typeof address === "object" && address ? address.port : 0,
    get isOut() {
      return state.isOut;
    },
    get carried() {
      return state.carried;
    },
    pull() {
      state.isOut = true;
    },
    plugIn() {
      state.isOut = false;
      for (const socket of sockets) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((done) => server.close(() => done()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
