/** The files of an image archive as they come: names made plain, links kept as words, packed archives unpacked on the way. */
import { invalid, SampanError } from "../../base/errors.ts";
import { textOf } from "../../kernel/fs.ts";
import { compressionOf, decompressed, withHead, type Stream } from "../archive/packing.ts";
import type { Entry } from "../unpack/entry.ts";
import { TarReader } from "../unpack/reader.ts";

/** Takes the bytes of one file. */
export interface FileTaker {
  write(bytes: Uint8Array): Promise<void>;
  end(): Promise<void>;
}

export interface ArchiveTaker {
  /** Undefined: the file is passed over. */
  file(name: string, size: number): Promise<FileTaker | undefined>;
  /** Names by which a file is known a second time: symlinks and hard links, both made plain. */
  link(name: string, target: string): void;
}

const most = { entries: 100_000, piece: 1 << 20 };

type Event =
  | { readonly kind: "begin"; readonly entry: Entry }
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  | { readonly kind: "end" };

/** Errors: `invalid_argument` for what is no archive, `data_loss` for a cut one; what the taker throws. */
export async function readArchive(source: Stream, taker: ArchiveTaker, signal: AbortSignal): Promise<void> {
  const { head, stream } = await withHead(source);
  if (head.length === 0) throw invalid("it is empty, wanted a tar archive");
  const events: Event[] = [];
  let begun = false;
  const reader = new TarReader({
    begin: (entry) => {
      begun = true;
      events.push({ kind: "begin", entry });
    },
    data: (bytes, start, end) => events.push({ kind: "data", bytes: bytes.subarray(start, end) }),
    end: () => events.push({ kind: "end" }),
  });
  const passing = new Passing(taker);
  // What fails before its first entry was never an archive, whatever its bytes looked like to the reader.
  const read = (step: () => void) => {
    try {
      step();
    } catch (error) {
      if (begun) throw error;
      throw new SampanError(
        "invalid_argument",
        "it is no image archive, wanted a tar archive, plain or packed by gzip or zstd",
        { cause: error },
      );
    }
  };
  for await (const bytes of decompressed(stream, compressionOf(head))) {
    for (let at = 0; at < bytes.length; at += most.piece) {
      signal.throwIfAborted();
      const part = bytes.subarray(at, at + most.piece);
      read(() => reader.feed(Buffer.from(part.buffer, part.byteOffset, part.byteLength)));
      for (const event of events.splice(0)) await passing.take(event);
    }
  }
  read(() => reader.finish());
  for (const event of events.splice(0)) await passing.take(event);
}

class Passing {
  readonly #taker: ArchiveTaker;
  #file: FileTaker | undefined;
  #entries = 0;

  constructor(taker: ArchiveTaker) {
    this.#taker = taker;
  }

  async take(event: Event): Promise<void> {
    if (event.kind === "begin") await this.#begin(event.entry);
    else if (event.kind === "data") await this.#file?.write(event.bytes);
    else {
      await this.#file?.end();
      this.#file = undefined;
    }
  }

  async #begin(entry: Entry): Promise<void> {
    this.#entries += 1;
    if (this.#entries > most.entries)
      throw new SampanError("resource_exhausted", `it has more than ${most.entries} entries`);
    const name = plainPath("", textOf(entry.name) ?? entry.name);
    if (name === undefined) throw invalid(`its entry "${entry.name.slice(0, 200)}" leads out of the archive`);
    if (entry.type === "file") {
      if (entry.segments) throw invalid(`its entry "${name.slice(0, 200)}" has holes, wanted whole bytes`);
      this.#file = await this.#taker.file(name, entry.size);
      return;
    }
    if (entry.type !== "symlink" && entry.type !== "link") return;
    const folder = entry.type === "symlink" ? name.slice(0, Math.max(0, name.lastIndexOf("/"))) : "";
    const target = plainPath(folder, textOf(entry.target) ?? entry.target);
    // One that leads out of the archive leads to nothing in it.
    if (target !== undefined) this.#taker.link(name, target);
  }
}

/** Without `.`, `..` and doubled slashes; undefined when it leads above the archive's root. */
export function plainPath(folder: string, path: string): string | undefined {
  const parts: string[] = [];
  for (const part of `${folder}/${path}`.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join("/");
}
