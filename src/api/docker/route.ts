/**
 * The contract of a group of endpoints: a table of routes, each a method, a pattern and a function from a call to its answer. A function translates and does nothing else; what it
 * throws becomes an error body (errors.ts). It never sees the connection, so that it is tested with plain values.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Query } from "./query.ts";

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "DELETE";

export interface Call {
  readonly method: Method;
  /** Without the version in front: `/images/json`. */
  readonly path: string;
  /** The minor number: 51 for /v1.51 and for a path that names none. */
  readonly version: number;
  /** A part of the path that the pattern names, decoded. */
  readonly param: (name: string) => string;
  readonly query: Query;
  readonly headers: IncomingHttpHeaders;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
  /** The body as it comes; for archives. */
  readonly body: AsyncIterable<Uint8Array>;
  /** The body as JSON, at most 4 MiB; `parse` gets undefined where there is none. Errors: `invalid_argument`. */
  readonly json: <Value>(parse: (value: unknown) => Value) => Promise<Value>;
}

export type Headers = Readonly<Record<string, string>>;

/** Bytes to the client. Resolves when there is room for more; rejects with `cancelled` when the client has gone. */
export interface Out {
  readonly write: (bytes: Uint8Array | string) => Promise<void>;
  /** Sends the head now, with status 200; else it goes with the first bytes, and what is thrown before is an error of its own. */
  readonly begin: () => void;
}

/** Both ways, once the connection belongs to it: hijacked or a websocket. */
export interface Conversation {
  /** Ends when the client says no more; it may still listen. */
  readonly input: AsyncIterable<Uint8Array>;
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** Aborts when the connection is gone. */
  readonly signal: AbortSignal;
}

export type Answer =
  | { readonly kind: "empty"; readonly status: number; readonly headers?: Headers }
  | { readonly kind: "json"; readonly status: number; readonly value: unknown; readonly headers?: Headers }
  | { readonly kind: "text"; readonly status: number; readonly text: string; readonly headers?: Headers }
  | {
      readonly kind: "stream";
      readonly type: string;
      readonly headers?: Headers;
      /** The answer ends when it resolves. */
      readonly write: (out: Out) => Promise<void>;
      /** What is sent in the stream for an error after the head; without it the connection is cut, so that the client sees that it is not whole. */
      readonly late?: (error: unknown) => string;
    }
  | {
      readonly kind: "hijack";
      readonly type: string;
      /** Called when the head is out; the connection ends when it resolves. Refusals belong before it. */
      readonly talk: (conversation: Conversation) => Promise<void>;
    }
  | { readonly kind: "websocket"; readonly talk: (conversation: Conversation) => Promise<void> };

export interface Route {
  readonly method: Method;
  /** `/images/{name}/json`; `{name*}` takes slashes too. The first route that fits is taken. */
  readonly pattern: string;
  readonly handle: (call: Call) => Answer | Promise<Answer>;
}

/** One row of a table. */
export function route(method: Method, pattern: string, handle: Route["handle"]): Route {
  return { method, pattern, handle };
}
