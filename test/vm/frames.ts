/**
 * What the host and the agent in the guest say to each other over the virtio-serial port (guest/agent.c is the other end): a kind
 * (1 byte), the number of the command (4 bytes), the payload's length (4 bytes), the payload. Numbers are little endian.
 */

/** `run`, `kill` and `ping` go to the guest, the others come from it. */
export const kinds = {
  ready: 1,
  run: 2,
  kill: 3,
  stdout: 4,
  stderr: 5,
  exit: 6,
  ping: 7,
  pong: 8,
} as const;

const headerLength = 9;

export interface Frame {
  readonly kind: number;
  readonly command: number;
  readonly payload: Uint8Array;
}

export interface CommandRequest {
  readonly argv: readonly string[];
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly input: Uint8Array;
}

/** How a command ended: `signal` is 0 unless one ended it, and `exitCode` is 0 then. */
export interface CommandEnd {
  readonly exitCode: number;
  readonly signal: number;
}

export function encodeFrame({ kind, command, payload }: Frame): Uint8Array {
  const frame = new Uint8Array(headerLength + payload.length);
  const view = new DataView(frame.buffer);
  view.setUint8(0, kind);
  view.setUint32(1, command, true);
  view.setUint32(5, payload.length, true);
  frame.set(payload, headerLength);
  return frame;
}

/** Payload of `run`: three counts, then the directory, the arguments and the environment as C strings, then stdin. */
export function encodeRequest({ argv, directory, environment, input }: CommandRequest): Uint8Array {
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const texts = new TextEncoder().encode(
    [directory, ...argv, ...variables].map((text) => `${text}\0`).join(""),
  );
  const payload = new Uint8Array(12 + texts.length + input.length);
  const view = new DataView(payload.buffer);
  [argv.length, variables.length, input.length].forEach((count, i) => view.setUint32(4 * i, count, true));
  payload.set(texts, 12);
  payload.set(input, 12 + texts.length);
  return payload;
}

/** Payload of `kill`. */
export function encodeSignal(signal: number): Uint8Array {
  const payload = new Uint8Array(4);
  new DataView(payload.buffer).setUint32(0, signal, true);
  return payload;
}

/** Payload of `exit`. */
export function decodeEnd(payload: Uint8Array): CommandEnd {
  const view = new DataView(payload.buffer, payload.byteOffset);
  return { exitCode: view.getUint32(0, true), signal: view.getUint32(4, true) };
}

/** Cuts a stream into frames, however the bytes arrive. */
export async function* decodeFrames(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  let held = new Uint8Array(0);
  for await (const chunk of stream) {
    held = held.length === 0 ? new Uint8Array(chunk) : joined([held, chunk]);
    let start = 0;
    for (;;) {
      const end = frameEnd(held, start);
      if (end === undefined) break;
      const view = new DataView(held.buffer, held.byteOffset + start);
      yield {
        kind: view.getUint8(0),
        command: view.getUint32(1, true),
        payload: held.slice(start + headerLength, end),
      };
      start = end;
    }
    held = held.subarray(start);
  }
}

/** Where the frame at `start` ends, once all of it is there. */
function frameEnd(bytes: Uint8Array, start: number): number | undefined {
  if (bytes.length - start < headerLength) return undefined;
  const end = start + headerLength + new DataView(bytes.buffer, bytes.byteOffset + start).getUint32(5, true);
  return end <= bytes.length ? end : undefined;
}

/** The parts one after the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
