/** What the engine and its helper processes say to each other: JSON messages, each behind its length as four bytes, little end first. */
import type { Code } from "../../base/errors.ts";
import { SampanError } from "../../base/errors.ts";
import type { Unpacked, UnpackRequest } from "./unpack.ts";

export type ToWorker =
  | { readonly verb: "unpack"; readonly request: UnpackRequest }
  | { readonly verb: "available"; readonly size: number }
  | { readonly verb: "restart" }
  | { readonly verb: "end" }
  | { readonly verb: "sync"; readonly path: string }
  | { readonly verb: "remove"; readonly path: string };

export type FromWorker =
  | { readonly answer: "done"; readonly unpacked?: Unpacked }
  | { readonly answer: "restarted" }
  | { readonly answer: "failed"; readonly code: Code; readonly message: string };

/** A layer of a million links that wait for the layers below is under this. */
const maxFrame = 1 << 30;

export function frame(message: ToWorker | FromWorker): Buffer {
  const body = Buffer.from(JSON.stringify(message), "utf8");
  const whole = Buffer.allocUnsafe(4 + body.length);
  whole.writeUInt32LE(body.length, 0);
  body.copy(whole, 4);
  return whole;
}

/** Takes bytes as they come and gives the messages that are whole. The other end is this same program: only lengths are checked. */
export class FrameReader<Message> {
  #pieces: Buffer[] = [];
  #length = 0;

  take(bytes: Buffer): Message[] {
    this.#pieces.push(bytes);
    this.#length += bytes.length;
    const messages: Message[] = [];
    for (let body = this.#next(); body; body = this.#next())
      messages.push(JSON.parse(body.toString("utf8")) as Message);
    return messages;
  }

  #next(): Buffer | undefined {
    if (this.#length < 4) return undefined;
    const first = this.#pieces[0] as Buffer;
    if (first.length < 4) this.#pieces = [Buffer.concat(this.#pieces)];
    const length = (this.#pieces[0] as Buffer).readUInt32LE(0);
    if (length > maxFrame)
      throw new SampanError("internal", `cannot read a helper's message: it is ${length} bytes long`);
    if (this.#length < 4 + length) return undefined;
    const all = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces);
    const rest = all.subarray(4 + length);
    this.#pieces = rest.length > 0 ? [rest] : [];
    this.#length = rest.length;
    return all.subarray(4, 4 + length);
  }
}
