/** Requests as a hostile client makes them: as one person or another, and byte by byte. */
import { connect } from "node:tls";
import type { Cluster } from "../_server.ts";

export interface Answer {
  readonly code: number;
  readonly text: string;
}

export interface Credentials {
  readonly certificate?: string;
  readonly key?: string;
  readonly token?: string;
}

export interface Sending {
  readonly body?: string | Uint8Array;
  /** JSON without it. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** `Sending` to an API as somebody. */
export interface Client {
  send(method: string, path: string, sending?: Sending): Promise<Answer>;
  /** Sends bytes as they are, and gives all that comes until the server ends the connection. */
  raw(bytes: string | Uint8Array): Promise<string>;
}

export const nobody: Credentials = {};

/** A user known by a certificate. */
export async function person({ server }: Cluster, user: string, ...groups: string[]): Promise<Credentials> {
  return await server.authority.issueClient({ user, groups });
}

export function clientOf({ server }: Cluster, { certificate, key, token }: Credentials): Client {
  const { authority, port, url } = server;
  const tls = { ca: authority.ca, ...(certificate && key ? { cert: certificate, key } : {}) };
  return {
    send: async (method, path, { body, type = "application/json", headers = {} } = {}) => {
      const bearer = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { ...(body === undefined ? {} : { "content-type": type }), ...bearer, ...headers },
        ...(body === undefined ? {} : { body }),
        tls,
        keepalive: false,
      });
      return { code: response.status, text: await response.text() };
    },
    raw: async (bytes) => {
      const { promise, resolve } = Promise.withResolvers<string>();
      let received = "";
      const socket = connect({ host: "127.0.0.1", port, ...tls }, () => void socket.write(bytes));
      socket.on("data", (data: Buffer) => (received += data.toString("latin1")));
      // A connection that is cut off ends as well.
      socket.on("error", () => {});
      socket.on("close", () => resolve(received));
      return await promise;
    },
  };
}
