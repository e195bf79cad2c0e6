/** A gRPC server on a unix socket, for clients of any age (door.ts). Its methods are @connectrpc's. */
import { constants, createServer as createHttp2, type ServerHttp2Session } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import type { ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { SampanError } from "../../base/errors.ts";
import { listenUnix, occupantOf } from "../unix-socket.ts";
import { openDoor } from "./door.ts";

export interface GrpcServerOptions {
  readonly path: string;
  /** 0o660 */
  readonly mode?: number;
  readonly routes: (router: ConnectRouter) => void;
  /** Bytes of one message, both ways; 16 MiB. */
  readonly messageLimit?: number;
  /** Of one that comes in; the same without it. */
  readonly requestLimit?: number;
  /** Connections at a time; 256. More are closed at once. */
  readonly connections?: number;
  readonly log: (text: string) => void;
}

export interface GrpcServer extends AsyncDisposable {
  readonly path: string;
}

/** Resolves when it listens. A socket that nobody listens on any more is replaced. Errors: `already_exists` when somebody does, or when the path is no socket. */
export async function openGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const { path, mode = 0o660, messageLimit = 16 << 20, connections = 256, log } = options;
  await refuseTaken(path);
  const handler = connectNodeAdapter({
    routes: options.routes,
    connect: false,
    grpcWeb: false,
    readMaxBytes: options.requestLimit ?? messageLimit,
    writeMaxBytes: messageLimit,
  });
  const http = createHttp2(
    { settings: { maxHeaderListSize: 65_536, maxConcurrentStreams: 2048 } },
    (request, response) => {
      try {
        handler(request, response);
      } catch (error) {
        // Of a path that is none, for instance: the stream ends, the server goes on.
        log(`a call on "${path}" was dropped: ${SampanError.from(error).message}`);
        response.stream.close(constants.NGHTTP2_PROTOCOL_ERROR);
      }
    },
  );
  const sessions = new Set<ServerHttp2Session>();
  http.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  // Of clients that went without a word, too: the end of their connection is all there is to it.
  http.on("sessionError", () => {});
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    http.emit("connection", openDoor(socket));
  });
  server.maxConnections = connections;
  const place = await listen(server, path, mode);
  return {
    path,
    async [Symbol.asyncDispose]() {
      place[Symbol.dispose]();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function listen(server: Server, path: string, mode: number): Promise<Disposable> {
  try {
    return await listenUnix(server, path, { mode });
  } catch (error) {
    const { message } = SampanError.from(error);
    throw new SampanError("failed_precondition", `cannot listen on "${path}": ${message}`, { cause: error });
  }
}

async function refuseTaken(path: string): Promise<void> {
  const why = { file: "it is no socket", listener: "another process does" } as const;
  const found = await occupantOf(path);
  if (found === "file" || found === "listener")
    throw new SampanError("already_exists", `cannot listen on "${path}": ${why[found]}`);
}
