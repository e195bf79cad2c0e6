/**
 * The stream frames of the tunnel by which logs, exec, attach and metrics reach a node: one WebSocket text message is a connection's number and a type, both as unsigned varint, and data.
 * The text messages hold any bytes, not UTF-8. The request that opens a connection is JSON with Go's `url.URL` in it.
 */
import { invalid, SampanError } from "../../base/errors.ts";
import { flag, line, natural, needed, nullable, object, optional, zero, anything } from "./codec.ts";
import { headers, type Headers } from "./http-headers.ts";
import { parseJson } from "./json.ts";

export const frameTypes = {
  logs: 0,
  exec: 1,
  metrics: 2,
  data: 3,
  remove: 4,
  close: 5,
  attach: 6,
  /** Ours, only between two that have said so in the handshake: bytes more that may be sent on a connection. */
  window: 7,
} as const;

/** The header of the handshake, both ways, in which two of ours say what they do beyond KubeEdge: `window`, `head` (an HTTP head before the body of logs and metrics). */
export const tunnelFeatures = { header: "x-sampan-tunnel", value: "window, head" } as const;

export type FrameType = keyof typeof frameTypes;

export interface Frame {
  /** From 1, by the cloud. */
  readonly connection: number;
  readonly type: FrameType;
  readonly data: Uint8Array;
}

export const frameLimit = 1 << 20;
const names = Object.keys(frameTypes) as FrameType[];

/** @throws SampanError invalid_argument, or resource_exhausted when the data is larger than 1 MiB. */
export function decodeFrame(message: Uint8Array): Frame {
  const [connection, afterConnection] = readVarint(message, 0);
  const [number, start] = readVarint(message, afterConnection);
  const type = names.find((name) => frameTypes[name] === number);
  if (type === undefined) throw invalid(`cannot read the frame: its type is ${number}, wanted 0 to 7`);
  bounded(message.byteLength - start);
  return { connection, type, data: message.subarray(start) };
}

/** The WebSocket message; it is to be sent with the opcode of texts. */
export function encodeFrame({ connection, type, data }: Frame): Uint8Array {
  bounded(data.byteLength);
  const head = [...varint(connection), ...varint(frameTypes[type])];
  const message = new Uint8Array(head.length + data.byteLength);
  message.set(head);
  message.set(data, head.length);
  return message;
}

function bounded(size: number): void {
  if (size > frameLimit)
    throw new SampanError(
      "resource_exhausted",
      `cannot take the frame: it has ${size} bytes of data, wanted at most ${frameLimit}`,
    );
}

function readVarint(from: Uint8Array, start: number): [value: number, end: number] {
  let value = 0;
  for (let index = start; index < start + 8; index++) {
    const byte = from[index];
    if (byte === undefined) throw invalid("cannot read the frame: it ends within a number");
    value += (byte & 0x7f) * 2 ** (7 * (index - start));
    if (byte < 0x80) {
      if (!Number.isSafeInteger(value)) break;
      return [value, index + 1];
    }
  }
  throw invalid("cannot read the frame: a number has more than 53 bits");
}

function varint(value: number): number[] {
  if (!Number.isSafeInteger(value) || value < 0)
    throw invalid(`cannot write the frame: its connection is ${value}, wanted a number from 0`);
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}

/** The data of a frame of the type window. */
export function formatWindow(bytes: number): Uint8Array {
  return Uint8Array.from(varint(bytes));
}

/** @throws SampanError invalid_argument */
export function parseWindow(data: Uint8Array): number {
  const [bytes, end] = readVarint(data, 0);
  if (end !== data.byteLength || bytes > 1 << 30)
    throw invalid("cannot read the window: wanted a number of bytes and nothing else");
  return bytes;
}

/** Go's net/url.URL, as encoding/json writes it. */
export interface TunnelUrl {
  readonly Scheme: string;
  readonly Opaque: string;
  readonly User: unknown;
  /** The kubelet as the cloud takes it to be. An edge asks its own, whatever stands here. */
  readonly Host: string;
  readonly Path: string;
  readonly RawPath: string;
  readonly OmitHost: boolean;
  readonly ForceQuery: boolean;
  readonly RawQuery: string;
  readonly Fragment: string;
  readonly RawFragment: string;
}

export interface Connect {
  readonly MessID: number;
  readonly url: TunnelUrl;
  readonly header: Headers | null;
  /** Of exec and attach. */
  readonly method?: string;
}

const address = line({ most: 8192 });
const path = line({ most: 8192, like: /^\//, wanted: "a path" });

const url = object<TunnelUrl>({
  Scheme: zero(line({ most: 16 }), ""),
  Opaque: zero(address, ""),
  User: nullable(anything),
  Host: zero(line({ most: 512 }), ""),
  Path: needed(path),
  RawPath: zero(address, ""),
  OmitHost: zero(flag, false),
  ForceQuery: zero(flag, false),
  RawQuery: zero(address, ""),
  Fragment: zero(address, ""),
  RawFragment: zero(address, ""),
});

const connect = object<Connect>({
  MessID: needed(natural),
  url: needed(url),
  header: nullable(headers),
  method: optional(line({ most: 16, like: /^[A-Z]+$/, wanted: "an HTTP method" })),
});

/** The data of a frame of the types logs, exec, attach and metrics. */
export function parseConnect(data: Uint8Array): Connect {
  return connect.read(parseJson(Buffer.from(data).toString("utf8"), "the request", 16), "the request");
}

export function formatConnect(request: Connect): Uint8Array {
  return new Uint8Array(Buffer.from(JSON.stringify(connect.write(request))));
}

/** What to ask the own kubelet for: path and query only, never the address that the other side sent. */
export function targetOf({ url: { Path, RawPath, RawQuery } }: Connect): string {
  const escaped = RawPath.startsWith("/") && decodes(RawPath) === Path ? RawPath : escape(Path);
  return RawQuery === "" ? escaped : `${escaped}?${RawQuery}`;
}

function decodes(escaped: string): string | undefined {
  try {
    return decodeURIComponent(escaped);
  } catch {
    return undefined;
  }
}

function escape(given: string): string {
  return given.toWellFormed().split("/").map(encodeURIComponent).join("/");
}
