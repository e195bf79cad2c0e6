/** Keys that leave a container running: `ctrl-p,ctrl-q`, or others of one's own. */
import { invalid } from "../../base/errors.ts";

export const usualKeys = "ctrl-p,ctrl-q";

const named: Readonly<Record<string, number>> = { "@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, _: 31 };

/** `ctrl-a`, `ctrl-[`, or a key as it is, parted by commas. Errors: `invalid_argument`. */
export function parseKeys(text: string): readonly number[] {
  return text.split(",").map((word) => {
    const [, key] = /^ctrl-(.)$/i.exec(word) ?? [];
    if (key === undefined && word.length === 1) return word.charCodeAt(0);
    const letter = key?.toLowerCase() ?? "";
    const code = /^[a-z]$/.test(letter) ? letter.charCodeAt(0) - 96 : named[letter];
    if (code === undefined)
      throw invalid(`cannot use detach keys "${text}": wanted letters or ctrl-LETTER, parted by commas`);
    return code;
  });
}

/** Watches what is typed. The beginning of the keys is held back until it is known whether the rest comes. */
export class KeyWatch {
  private readonly keys: readonly number[];
  private held = 0;

  constructor(keys: readonly number[]) {
    this.keys = keys;
  }

  feed(bytes: Uint8Array): { readonly send: Uint8Array; readonly detached: boolean } {
    const send: number[] = [];
    for (const byte of bytes) {
      if (byte === this.keys[this.held]) {
        this.held++;
        if (this.held === this.keys.length) return { send: Uint8Array.from(send), detached: true };
        continue;
      }
      send.push(...this.keys.slice(0, this.held));
      this.held = 0;
      if (byte === this.keys[0] && this.keys.length > 1) this.held = 1;
      else send.push(byte);
    }
    return { send: Uint8Array.from(send), detached: false };
  }
}
