/** What a container has changed of its image's files: `docker diff`. Nothing is mounted; of a running one it is a look at the moment. */
import { SampanError } from "../../base/errors.ts";
import { byteString, textOf, type ByteString } from "../../kernel/fs.ts";
import { namesOf, openChild, openMerged, type Merged } from "../archive/merged.ts";
import { isFolder, type Node } from "../archive/node.ts";
import { placeholders } from "../archive/placeholders.ts";
import { differences, sameFileBytes } from "../archive/same.ts";
import type { LiveEngine } from "../engine.ts";
import { layerFolders } from "../images/diff.ts";

export type ChangesParts = Pick<LiveEngine, "containers" | "leases" | "snapshots">;

export interface FileChange {
  /** Absolute in the container. */
  readonly path: string;
  readonly kind: "changed" | "added" | "deleted";
}

export interface ChangesOptions {
  /** Where something is mounted inside: what stands there in the container's own layer only because of that is left out. */
  readonly targets: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

/** So many entries are looked at between two turns of other work. */
const turn = 200;

/** A folder is `changed` with anything that changed in it. In the order of their paths. */
export async function changesOf(
  engine: ChangesParts,
  reference: string,
  options: ChangesOptions,
): Promise<readonly FileChange[]> {
  const { name, snapshot } = engine.containers.get(reference);
  try {
    await using lease = engine.leases.acquire(`diff ${name}`);
    lease.add("snapshot", snapshot);
    return await compare(foldersOf(engine, snapshot), options);
  } catch (error) {
    throw SampanError.wrap(`cannot compare container "${name}" with its image`, error);
  }
}

interface Folders {
  readonly active: string;
  /** Topmost first. */
  readonly below: readonly string[];
  /** Of overlayfs: what stands in the upper folder was changed. Else each file is a copy, and its bytes tell. */
  readonly isOverlay: boolean;
}

function foldersOf({ snapshots }: ChangesParts, key: string): Folders {
  const parent = snapshots.stat(key)?.parent;
  const below = parent === undefined ? [] : layerFolders(snapshots, parent);
  return { active: snapshots.directory(key), below, isOverlay: snapshots.name === "overlayfs" };
}

async function compare(folders: Folders, { targets, signal }: ChangesOptions): Promise<FileChange[]> {
  const { active, below, isOverlay } = folders;
  const hidden = placeholders({ active, below, targets });
  using before = below.length > 0 ? openMerged(below) : undefined;
  using after = openMerged(isOverlay ? [active, ...below] : [active]);
  const found: FileChange[] = [];
  let steps = 0;
  for (const change of new Comparison(hidden, isOverlay).children(before, after)) {
    if (change) found.push(change);
    if (++steps % turn !== 0) continue;
    await new Promise<void>((resolve) => void setImmediate(resolve));
    signal?.throwIfAborted();
  }
  return sorted(found);
}

/** A folder stands before what is in it, which is found first. */
function sorted(changes: readonly FileChange[]): FileChange[] {
  const keyed = changes.map((change) => ({ change, key: byteString(change.path).replaceAll("/", "\0") }));
  return keyed.toSorted((a, b) => (a.key < b.key ? -1 : 1)).map(({ change }) => change);
}

/** Gives undefined between changes, so that the caller may pause. It returns whether anything changed. */
type Changes = Generator<FileChange | undefined, boolean>;

class Comparison {
  readonly #hidden: ReadonlySet<ByteString>;
  readonly #isOverlay: boolean;

  constructor(hidden: ReadonlySet<ByteString>, isOverlay: boolean) {
    this.#hidden = hidden;
    this.#isOverlay = isOverlay;
  }

  *children(before: Merged | undefined, after: Merged): Changes {
    const isAny = before !== undefined && isFolder(before.node);
    const names = [...(isAny ? namesOf(before) : []), ...namesOf(after)];
    let changed = false;
    for (const name of new Set(names)) {
      using old = isAny ? openChild(before, name) : undefined;
      using now = openChild(after, name);
      changed = (yield* this.#entry(old, now)) || changed;
    }
    return changed;
  }

  *#entry(before: Merged | undefined, after: Merged | undefined): Changes {
    yield undefined;
    if (!after) return before ? yield* one(before.node, "deleted") : false;
    if (this.#hidden.has(after.node.path)) return false;
    if (!before) {
      yield* one(after.node, "added");
      if (isFolder(after.node)) yield* this.children(undefined, after);
      return true;
    }
    if (sameParts(before, after)) return false;
    const inside = isFolder(after.node) && (yield* this.children(before, after));
    return inside || this.#differs(before.node, after.node) ? yield* one(after.node, "changed") : false;
  }

  #differs(before: Node, after: Node): boolean {
    if (isFolder(before) && isFolder(after)) return differences(before, after, sameFileBytes).length > 0;
    return this.#isOverlay || differences(before, after, sameFileBytes).length > 0;
  }
}

function* one(node: Node, kind: FileChange["kind"]): Changes {
  yield { path: `/${textOf(node.path) ?? node.path}`, kind };
  return true;
}

function sameParts(a: Merged, b: Merged): boolean {
  const identity = ({ status }: Node) => `${status.fileSystem}:${status.inode}`;
  return (
    a.parts.length === b.parts.length &&
    a.parts.every((part, index) => identity(part) === identity(b.parts[index] as Node))
  );
}
