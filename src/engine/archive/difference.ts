/**
 * The layer between two trees, for snapshots that are copies: what `active` has that `parent` has not or has otherwise, and a whiteout for what is gone. Bytes
 * are compared, since size and time alone would lose what a reproducible build has rewritten. Names of one file are kept together: when one of
 * them changes, all of them are in the layer.
 */
import { type, type ByteString } from "../../kernel/fs.ts";
import { isFolder, namesIn, openNode, openRoot, walk, type Node } from "./node.ts";
import { differences, sameFileBytes } from "./same.ts";
import { refuseWhiteoutName, TarWriter, whiteoutEntry, type Owners, type Pieces } from "./writer.ts";

export interface Trees {
  /** Undefined is the empty tree. */
  readonly parent: string | undefined;
  readonly active: string;
  /** Paths that are left out, a folder only together with all that is in it. */
  readonly without?: ReadonlySet<ByteString>;
}

export function* archiveDifference({ parent, active, without }: Trees, owners?: Owners): Pieces {
  const writer = new TarWriter(owners);
  using top = openRoot(active);
  if (parent === undefined) {
    for (const node of walk(top)) if (!without?.has(node.path)) yield* added(writer, node);
  } else {
    using below = openRoot(parent);
    const links = { before: linksOf(parent), after: linksOf(active) };
    yield* new Comparison(writer, links, without ?? new Set()).folder(below, top);
  }
  yield* writer.end();
}

function* added(writer: TarWriter, node: Node): Pieces {
  refuseWhiteoutName(node);
  yield* writer.node(node);
}

/** Each name of a file that has several, and all of them in one string. */
type Links = ReadonlyMap<ByteString, string>;

function linksOf(root: string): Links {
  const byInode = new Map<string, ByteString[]>();
  using top = openRoot(root);
  for (const { status, path } of walk(top)) {
    if ((status.mode & type.MASK) === type.DIRECTORY || status.links < 2) continue;
    const key = `${status.fileSystem}:${status.inode}`;
    const names = byInode.get(key);
    if (names) names.push(path);
    else byInode.set(key, [path]);
  }
  return new Map(
    [...byInode.values()].flatMap((names) => {
      const all = names.join("\0");
      return names.map((name) => [name, all] as const);
    }),
  );
}

class Comparison {
  readonly #writer: TarWriter;
  readonly #before: Links;
  readonly #after: Links;
  readonly #without: ReadonlySet<ByteString>;
  /** Folders on the way down that are not written yet, outermost first. */
  readonly #above: { node: Node; written: boolean }[] = [];

  constructor(
    writer: TarWriter,
    { before, after }: { before: Links; after: Links },
    without: ReadonlySet<ByteString>,
  ) {
    this.#writer = writer;
    this.#before = before;
    this.#after = after;
    this.#without = without;
  }

  *folder(before: Node, after: Node): Pieces {
    this.#above.push({ node: after, written: false });
    if (differences(before, after, sameFileBytes).length > 0) yield* this.#ancestors();
    const [old, now] = [new Set(namesIn(before)), new Set(namesIn(after))];
    for (const name of [...new Set([...old, ...now])].toSorted())
      yield* this.#name(old.has(name) ? before : undefined, after, name);
    this.#above.pop();
  }

  *#name(before: Node | undefined, after: Node, name: ByteString): Pieces {
    using now = openNode(after, name);
    using old = before && openNode(before, name);
    if (!now) {
      if (!old) return;
      yield* this.#ancestors();
      yield* this.#writer.header(whiteoutEntry(old.path));
    } else if (this.#without.has(now.path)) return;
    else if (old && isFolder(old) && isFolder(now)) yield* this.folder(old, now);
    else if (!old || this.#changed(old, now)) {
      yield* this.#ancestors();
      for (const node of isFolder(now) ? walk(now) : [now]) yield* added(this.#writer, node);
    }
  }

  #changed(old: Node, now: Node): boolean {
    if (this.#before.get(now.path) !== this.#after.get(now.path)) return true;
    return differences(old, now, sameFileBytes).length > 0;
  }

  *#ancestors(): Pieces {
    for (const folder of this.#above) {
      if (folder.written) continue;
      folder.written = true;
      yield* added(this.#writer, folder.node);
    }
  }
}
