/** Writes a tar archive as a stream of pieces of about half a mebibyte; no more than one is held. */
import { invalid, SampanError } from "../../base/errors.ts";
import { systemError } from "../../kernel/errno.ts";
import { readBytesAt, statAt, type, type ByteString } from "../../kernel/fs.ts";
import { dataSize, encodeHeader, padding, type ArchiveEntry } from "./header.ts";
import { attributesInside } from "./inside.ts";
import { failure, isFile, kindOf, segmentsOf, type Node } from "./node.ts";

const PIECE = 512 << 10;

export type Pieces = Generator<Uint8Array, void, undefined>;

const typeOf: Readonly<Record<number, ArchiveEntry["type"]>> = {
  [type.REGULAR]: "file",
  [type.DIRECTORY]: "directory",
  [type.SYMLINK]: "symlink",
  [type.CHARACTER]: "character",
  [type.BLOCK]: "block",
  [type.FIFO]: "fifo",
};

/** Attributes that belong to the host's policies or to overlayfs, not to the file. */
const hostAttribute = /^(?:(?:trusted|user)\.overlay\.|security\.(?:selinux|ima|evm|apparmor|SMACK64))/;

/** From the ids on disk to those that the archive says: of a container with a user namespace, the ones inside. */
export interface Owners {
  uid(onDisk: number): number;
  gid(onDisk: number): number;
}

export class TarWriter {
  readonly #owners: Owners | undefined;
  readonly #living: boolean;
  #piece = Buffer.allocUnsafeSlow(PIECE);
  #at = 0;
  /** Of files with several links: the name that stands for it in this archive. */
  readonly #linked = new Map<string, ByteString>();

  /** `living`: a file that grows while it is read is taken as long as it was when it was begun. */
  constructor(owners?: Owners, { living = false }: { readonly living?: boolean } = {}) {
    this.#owners = owners;
    this.#living = living;
  }

  /** A header and, for what has none of its own, no data. */
  *header(entry: ArchiveEntry): Pieces {
    yield* this.#put(encodeHeader(entry));
  }

  /** An entry whose data are in memory. */
  *file(entry: Omit<ArchiveEntry, "type" | "size">, bytes: Uint8Array): Pieces {
    yield* this.header({ ...entry, type: "file", size: bytes.length });
    yield* this.#put(bytes);
    yield* this.#zeros(padding(bytes.length));
  }

  /** Data that were announced by `header`, from elsewhere; ended by `pad`. */
  *data(bytes: Uint8Array): Pieces {
    yield* this.#put(bytes);
  }

  *pad(size: number): Pieces {
    yield* this.#zeros(padding(size));
  }

  /**
   * Whatever stands in a tree. A socket is left out: no archive can hold one. A file's second name becomes a link to its first.
   * Errors: `aborted` when a file changed while it was read.
   */
  *node(node: Node): Pieces {
    const kind = typeOf[kindOf(node.status)];
    if (!kind) return;
    const target = this.#firstName(node);
    if (target !== undefined) return yield* this.header({ ...this.#entry(node, "link"), size: 0, target });
    if (kind !== "file") return yield* this.header({ ...this.#entry(node, kind), size: 0 });
    const segments = segmentsOf(node);
    yield* this.header({ ...this.#entry(node, "file"), segments });
    yield* this.#content(node, segments ?? [0, node.status.size]);
    yield* this.#zeros(padding(dataSize({ size: node.status.size, segments })));
    this.#checkUnchanged(node);
  }

  /** The two blocks that end an archive, and what is still held. */
  *end(): Pieces {
    yield* this.#zeros(1024);
    if (this.#at > 0) yield this.#piece.subarray(0, this.#at);
    this.#at = 0;
  }

  #entry(node: Node, kind: ArchiveEntry["type"]): ArchiveEntry {
    const entry = headerOf(node, kind);
    const owners = this.#owners;
    if (!owners) return entry;
    const attributes = attributesInside(entry.attributes ?? [], owners);
    return { ...entry, uid: owners.uid(entry.uid), gid: owners.gid(entry.gid), attributes };
  }

  #firstName(node: Node): ByteString | undefined {
    const { links, inode, fileSystem } = node.status;
    if (links < 2 || kindOf(node.status) === type.DIRECTORY) return undefined;
    const key = `${fileSystem}:${inode}`;
    const first = this.#linked.get(key);
    if (first === undefined) this.#linked.set(key, node.path);
    return first;
  }

  *#content(node: Node, segments: readonly number[]): Pieces {
    for (let i = 0; i < segments.length; i += 2) {
      const start = segments[i] as number;
      const end = start + (segments[i + 1] as number);
      for (let at = start; at < end;) {
        if (this.#at === PIECE) yield this.#full();
        const room = this.#piece.subarray(this.#at, this.#at + Math.min(PIECE - this.#at, end - at));
        const n = readBytesAt(node.fd, room, at);
        if (n < 0) throw failure(node.path, systemError("read it", -n));
        if (n === 0) throw changed(node);
        at += n;
        this.#at += n;
      }
    }
  }

  #checkUnchanged(node: Node): void {
    if (!isFile(node) || this.#living) return;
    const now = statAt(node.fd, "");
    const { size, seconds, nanoseconds } = node.status;
    if (typeof now === "number") throw failure(node.path, systemError("read its status", -now));
    if (now.size !== size || now.seconds !== seconds || now.nanoseconds !== nanoseconds) throw changed(node);
  }

  #full(): Uint8Array {
    const piece = this.#piece;
    this.#piece = Buffer.allocUnsafeSlow(PIECE);
    this.#at = 0;
    return piece;
  }

  *#put(bytes: Uint8Array): Pieces {
    for (let from = 0; from < bytes.length;) {
      if (this.#at === PIECE) yield this.#full();
      const part = bytes.subarray(from, from + PIECE - this.#at);
      this.#piece.set(part, this.#at);
      this.#at += part.length;
      from += part.length;
    }
  }

  *#zeros(count: number): Pieces {
    for (let left = count; left > 0;) {
      if (this.#at === PIECE) yield this.#full();
      const part = Math.min(left, PIECE - this.#at);
      this.#piece.fill(0, this.#at, this.#at + part);
      this.#at += part;
      left -= part;
    }
  }
}

function changed(node: Node): SampanError {
  return failure(
    node.path,
    new SampanError("aborted", "it changed while it was read; stop or pause what writes to it"),
  );
}

function headerOf(node: Node, kind: ArchiveEntry["type"]): ArchiveEntry {
  const { status } = node;
  const isDevice = kind === "character" || kind === "block";
  return {
    type: kind,
    name: node.path,
    target: node.target,
    mode: status.mode,
    uid: status.uid,
    gid: status.gid,
    size: status.size,
    seconds: status.seconds,
    nanoseconds: status.nanoseconds,
    ...(isDevice ? { major: status.major, minor: status.minor } : {}),
    attributes: kind === "link" ? [] : node.attributes.filter(({ name }) => !hostAttribute.test(name)),
  };
}

export const whiteoutPrefix = ".wh.";
export const opaqueName = ".wh..wh..opq";

/** A name that would mean a removal when the layer is unpacked cannot be put into one. */
export function refuseWhiteoutName(node: Node): void {
  if (node.name.startsWith(whiteoutPrefix))
    throw failure(
      node.path,
      invalid("in a layer a name that begins with .wh. means a removal, so no such file can be kept"),
    );
}

/** The entry that removes `path` of the layers below, or with `.wh..wh..opq` all of a folder. */
export function whiteoutEntry(path: ByteString): ArchiveEntry {
  const slash = path.lastIndexOf("/") + 1;
  const base = path.slice(slash);
  const name = `${path.slice(0, slash)}${base === opaqueName ? "" : whiteoutPrefix}${base}`;
  return { type: "file", name, mode: 0, uid: 0, gid: 0, size: 0, seconds: 0, nanoseconds: 0 };
}
