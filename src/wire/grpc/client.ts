/** gRPC to a unix socket. */
import { connect } from "node:net";
import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";

export interface GrpcConnection extends Disposable {
  readonly transport: Transport;
}

export interface GrpcClientOptions {
  /** Bytes of one message; 16 MiB. */
  readonly messageLimit?: number;
}

/** Connects with the first call, and again when the connection was lost. Calls have the deadlines that their callers give them. */
export function openGrpcClient(
  path: string,
  { messageLimit = 16 << 20 }: GrpcClientOptions = {},
): GrpcConnection {
  const baseUrl = "http://localhost";
  const sessionManager = new Http2SessionManager(baseUrl, undefined, {
    createConnection: () => connect(path),
  });
  const transport = createGrpcTransport({
    baseUrl,
    sessionManager,
    readMaxBytes: messageLimit,
    writeMaxBytes: messageLimit,
  });
  return { transport, [Symbol.dispose]: () => sessionManager.abort() };
}
