/** The keys that end an attachment and leave the program running: `ctrl-p,ctrl-q` unless others are named. Pure. */
import { invalid } from "../../../base/errors.ts";

const usual = Uint8Array.of(0x10, 0x11);

/** `ctrl-p,ctrl-q`, `a`, `ctrl-@` … as bytes. Errors: `invalid_argument`. */
export function parseDetachKeys(text: string | undefined): Uint8Array {
  if (text === undefined || text === "") return usual;
  return Uint8Array.from(text.split(","), (key) => {
    if (key.length === 1) return Buffer.from(key, "latin1")[0] as number;
    const [, letter] = /^ctrl-([a-z@[\\\]^_])$/i.exec(key) ?? [];
    // As terminals do it: the control character of a letter is its lower five bits.
    if (letter !== undefined) return letter.charCodeAt(0) & 0x1f;
    throw invalid(`Invalid detach keys (${text}) provided: Unknown character: '${key}'`);
  });
}

/** Passes on what is typed until the keys came one after the other. What may become them is held back. */
export class DetachFilter {
  readonly #keys: Uint8Array;
  #matched = 0;
  #found = false;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  get found(): boolean {
    return this.#found;
  }

  take(bytes: Uint8Array): Uint8Array {
    const passed: number[] = [];
    for (const byte of bytes) {
      if (byte !== this.#keys[this.#matched] && this.#matched > 0) {
        passed.push(...this.#keys.subarray(0, this.#matched));
        this.#matched = 0;
      }
      if (byte !== this.#keys[this.#matched]) passed.push(byte);
      else if (++this.#matched === this.#keys.length) {
        this.#found = true;
        break;
      }
    }
    return Uint8Array.from(passed);
  }
}
