/** Messages about the connection and about other messages. */
import {
  anything,
  bytes,
  natural,
  needed,
  nothing,
  object,
  oneOf,
  text,
  word,
  type Codec,
} from "../codec.ts";
import { parseJson } from "../json.ts";
import { kind } from "./kind.ts";

/** Every 15 s, the first one at once. Not answered. */
export const keepalive = kind<string>("keepalive", {
  way: "up",
  on: { operation: "keepalive" },
  content: text,
});

/** Of the transport itself; answered by a response with the content `ack`. */
export const control = kind<unknown>("control", {
  way: "both",
  on: { operation: ["config", "ping", "pong"] },
  content: anything,
});

/** `OK` to what a message brought, after it was stored. Only its parent counts: the content may be anything. */
export const acknowledgement = kind<unknown>("acknowledgement", {
  way: "up",
  on: { operation: "response", answer: true },
  content: anything,
});

/** The edge could not store what its parent brought, and why. */
export const failure = kind<string>("failure", {
  way: "up",
  on: { operation: "error", answer: true },
  content: text,
});

/** Inside of an edge, to the groups `twin`, `meta` and `bus`. */
export const connectionState = kind<"cloud_connected" | "cloud_disconnected">("state of the connection", {
  way: "local",
  on: { operation: "connect", resource: "node/connection" },
  content: oneOf("cloud_connected", "cloud_disconnected"),
});

export interface NodeConnection {
  readonly event_type: "connected" | "disconnected";
  /** Unix time, seconds. */
  readonly timestamp: number;
  readonly client_id: string;
}

const nodeConnection = object<NodeConnection>({
  event_type: needed(oneOf("connected", "disconnected")),
  timestamp: needed(natural),
  client_id: needed(word),
});

/** JSON in base64. */
export function inBytes<T>(of: Codec<T>): Codec<T> {
  return {
    read: (value, at) => of.read(parseJson(Buffer.from(bytes.read(value, at)).toString("utf8"), at, 64), at),
    write: (value) => Buffer.from(JSON.stringify(of.write(value))).toString("base64"),
  };
}

/** Inside of a cloud: an edge came or went. */
export const nodeConnected = kind<NodeConnection>("connection of a node", {
  way: "local",
  on: { source: "cloudhub", operation: ["connected", "disconnected"] },
  content: inBytes(nodeConnection),
});

/** Edges of 1.15 send envelopes with nothing in them; they are dropped. */
export const empty = kind<null>("empty", {
  way: "up",
  on: { source: "", group: "", operation: "", resource: "" },
  content: nothing,
});
