/** A short list of texts on the disk: the topics and addresses of rules. Replaced as a whole, so that it is the old one or the new one. */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { SampanError } from "../../../base/errors.ts";
import { line, list } from "../../link/codec.ts";
import { parseJson } from "../../link/json.ts";

const items = list(line(), 1000);

export class KeptList {
  readonly #file: string;
  #items: ReadonlySet<string>;

  /** What is there and cannot be read is put aside, and said. */
  constructor(folder: string, name: string, log: (text: string) => void) {
    this.#file = join(folder, name);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#items = new Set(read(this.#file, log));
  }

  get items(): ReadonlySet<string> {
    return this.#items;
  }

  /** True when it was not there; on the disk when this returns. Errors: `resource_exhausted`, `unavailable`. */
  add(item: string): boolean {
    if (this.#items.has(item)) return false;
    if (this.#items.size >= 1000)
      throw new SampanError(
        "resource_exhausted",
        `cannot keep ${JSON.stringify(item.slice(0, 80))}: 1000 are kept`,
      );
    this.#write(new Set([...this.#items, item]));
    return true;
  }

  remove(item: string): boolean {
    if (!this.#items.has(item)) return false;
    this.#write(new Set([...this.#items].filter((each) => each !== item)));
    return true;
  }

  #write(after: ReadonlySet<string>): void {
    try {
      const fd = openSync(`${this.#file}.new`, "w", 0o600);
      try {
        writeSync(fd, JSON.stringify(items.write([...after])));
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(`${this.#file}.new`, this.#file);
      syncFolder(dirname(this.#file));
    } catch (cause) {
      throw new SampanError(
        "unavailable",
        `cannot write "${this.#file}": ${SampanError.from(cause).message}`,
        {
          cause,
        },
      );
    }
    this.#items = after;
  }
}

function syncFolder(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function read(file: string, log: (text: string) => void): readonly string[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return [];
    throw error;
  }
  try {
    return items.read(parseJson(text, "the list", 4), "the list");
  } catch (error) {
    log(`cannot read "${file}", which is put aside: ${SampanError.from(error).message}`);
    renameSync(file, `${file}.damaged`);
    return [];
  }
}
