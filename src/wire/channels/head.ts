/** Heads of HTTP/1.1 answers, written and read by hand where a connection is upgraded. */
import type { Duplex } from "node:stream";
import { invalid, SampanError } from "../../base/errors.ts";
import { broken } from "../byte-stream.ts";

export interface Head {
  readonly status: number;
  readonly reason: string;
  /** By lower-case name; of several lines of one name the last. */
  readonly headers: ReadonlyMap<string, string>;
}

const largest = 16 << 10;

export const switching = (headers: Readonly<Record<string, string>>): string =>
  formatHead(101, "Switching Protocols", { Connection: "Upgrade", ...headers });

export function formatHead(
  status: number,
  reason: string,
  headers: Readonly<Record<string, string>>,
): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${reason}\r\n${lines.join("")}\r\n`;
}

/** Reads as far as the end of the head and puts the rest back. Errors: `unavailable` when the other side ends before, `invalid_argument` for what is no head. */
export async function readHead(from: Duplex, signal: AbortSignal): Promise<Head> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    const end = bytes.indexOf("\r\n\r\n");
    if (end >= 0) {
      const rest = bytes.subarray(end + 4);
      if (rest.length > 0) from.unshift(rest);
      return parseHead(bytes.toString("latin1", 0, end));
    }
    if (bytes.length > largest)
      throw new SampanError(
        "resource_exhausted",
        `cannot read the answer: its head has more than ${largest} bytes`,
      );
    bytes = Buffer.concat([bytes, await chunk(from, signal)]);
  }
}

/** The rest of an answer that is no upgrade, as far as it is wanted: `most` bytes. */
export async function readBody(
  from: Duplex,
  head: Head,
  { signal, most = largest }: { readonly signal: AbortSignal; readonly most?: number },
): Promise<string> {
  const wanted = Math.min(Number(head.headers.get("content-length") ?? most), most);
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    while (size < wanted) {
      const piece = await chunk(from, signal);
      pieces.push(piece);
      size += piece.length;
    }
  } catch (error) {
    if (signal.aborted) throw error;
  }
  return Buffer.concat(pieces).toString("utf8", 0, Math.min(size, wanted));
}

async function chunk(from: Duplex, signal: AbortSignal): Promise<Buffer> {
  for (;;) {
    signal.throwIfAborted();
    const data = from.read() as Buffer | null;
    if (data !== null) return data;
    if (from.readableEnded || from.destroyed) throw broken("the other side ended before it answered");
    await new Promise<void>((resolve, reject) => {
      const stop = () => finish(() => reject(signal.reason as Error));
      const go = () => finish(resolve);
      const fail = (error: Error) => finish(() => reject(broken("the other side broke off", error)));
      const finish = (settle: () => void) => {
        for (const name of ["readable", "end", "close"]) from.off(name, go);
        from.off("error", fail);
        signal.removeEventListener("abort", stop);
        settle();
      };
      for (const name of ["readable", "end", "close"]) from.on(name, go);
      from.on("error", fail);
      signal.addEventListener("abort", stop, { once: true });
    });
  }
}

function parseHead(text: string): Head {
  const [first = "", ...lines] = text.split("\r\n");
  const [, status, reason = ""] = /^HTTP\/1\.[01] (\d{3})(?: (.*))?$/.exec(first) ?? [];
  if (status === undefined) throw invalid("cannot read the answer: it does not begin with HTTP/1.1");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon <= 0) throw invalid("cannot read the answer: a line of its head has no name");
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { status: Number(status), reason, headers };
}
