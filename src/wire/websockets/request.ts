/** The request by which a client asks for a WebSocket (RFC 6455, section 4), and the answers to it. Pure. */
import { createHash } from "node:crypto";

export interface Asking {
  readonly method: string;
  readonly path: string;
  /** By lower-case name; several lines of one name are one, with commas. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Bytes of a request's head. */
export const mostOfHead = 32 << 10;

export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const phrases: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  431: "Request Header Fields Too Large",
  503: "Service Unavailable",
};

/** The request, up to the empty line after it; undefined: it is none. */
export function readAsking(text: string): Asking | undefined {
  const [first = "", ...lines] = text.split("\r\n");
  const [, method, path] = /^([A-Z]{1,16}) (\S{1,8192}) HTTP\/1\.1$/.exec(first) ?? [];
  if (method === undefined || path === undefined) return undefined;
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const line of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined || value === undefined) return undefined;
    const known = headers[name.toLowerCase()];
    headers[name.toLowerCase()] = known === undefined ? value : `${known}, ${value}`;
  }
  return { method, path, headers };
}

/** Whether a client wants a WebSocket at all. */
export function wantsUpgrade({ headers }: Asking): boolean {
  const wanted = (headers["connection"] ?? "").split(",").map((each) => each.trim().toLowerCase());
  return wanted.includes("upgrade") && (headers["upgrade"] ?? "").toLowerCase() === "websocket";
}

/** Why no WebSocket can be made of it. */
export function refuseAsking({ method, headers }: Asking): Answer | undefined {
  if (method !== "GET") return { status: 405, reason: "a WebSocket begins with GET" };
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers["sec-websocket-key"] ?? ""))
    return { status: 400, reason: "header Sec-WebSocket-Key is missing or no key" };
  if (headers["sec-websocket-version"] !== "13")
    return {
      status: 400,
      reason: "header Sec-WebSocket-Version is not 13",
      headers: { "Sec-WebSocket-Version": "13" },
    };
  return undefined;
}

const magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

export function accepting({ headers }: Asking, more: Readonly<Record<string, string>> = {}): string {
  const accept = createHash("sha1")
    .update(`${headers["sec-websocket-key"] ?? ""}${magic}`)
    .digest("base64");
  return head("101 Switching Protocols", {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Accept": accept,
    ...more,
  });
}

/** The connection ends with it. */
export function refusing({ status, reason, headers }: Answer): string {
  const body = `${reason}\n`;
  return (
    head(`${status} ${phrases[status] ?? "Error"}`, {
      Connection: "close",
      "Content-Type": "text/plain; charset=utf-8",
      "Content-Length": String(Buffer.byteLength(body)),
      ...headers,
    }) + body
  );
}

function head(status: string, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status}\r\n${lines.join("")}\r\n`;
}
