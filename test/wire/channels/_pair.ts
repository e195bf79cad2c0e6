/** Two ends of one connection on the loopback interface. */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface Pair extends AsyncDisposable {
  readonly near: Socket;
  readonly far: Socket;
}

export async function socketPair(): Promise<Pair> {
  const accepted = Promise.withResolvers<Socket>();
  const server = createServer({ allowHalfOpen: true }, accepted.resolve);
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const near = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const far = await accepted.promise;
  for (const socket of [near, far]) socket.on("error", () => {});
  server.close();
  return {
    near,
    far,
    [Symbol.asyncDispose]: async () => {
      near.destroy();
      far.destroy();
    },
  };
}

export async function textOf(input: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of input) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
