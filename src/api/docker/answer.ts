/** Answers, for the last line of a handler. */
import type { Answer, Headers, Out } from "./route.ts";
import { messageOf } from "./errors.ts";

/** 200 with JSON; another status where the API says so. */
export function json(value: unknown, status = 200): Answer {
  return { kind: "json", status, value };
}

export function text(words: string, headers: Headers = {}): Answer {
  return { kind: "text", status: 200, text: words, headers };
}

/** Without a body: 204, or 304 for what is so already. */
export function empty(status: 200 | 201 | 204 | 304 = 204, headers: Headers = {}): Answer {
  return { kind: "empty", status, headers };
}

/** Bytes that come as they are made: an archive. */
export function bytes(type: string, pieces: AsyncIterable<Uint8Array>, headers: Headers = {}): Answer {
  return {
    kind: "stream",
    type,
    headers,
    write: async (out) => {
      for await (const piece of pieces) await out.write(piece);
    },
  };
}

export type Line = Readonly<Record<string, unknown>>;

/** Lines of JSON. An error after the first of them is a line too, as docker's progress streams have it. */
export function jsonLines(write: (line: (value: Line) => Promise<void>, out: Out) => Promise<void>): Answer {
  return {
    kind: "stream",
    type: "application/json",
    write: (out) => write((value) => out.write(lineOf(value)), out),
    late: (error) => {
      const message = messageOf(error);
      return lineOf({ errorDetail: { message }, error: message });
    },
  };
}

function lineOf(value: Line): string {
  return `${JSON.stringify(value)}\r\n`;
}

export const rawStream = "application/vnd.docker.raw-stream";
export const multiplexedStream = "application/vnd.docker.multiplexed-stream";
