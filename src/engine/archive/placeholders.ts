/**
 * What a runtime has made in a container's own layer only to mount something on it: an empty file or folder at the place of a mount, which the layers below do not
 * have, and the folders that were made above it. Nobody in the container could have put anything there: the mount was over it.
 */
import { byteString, type ByteString } from "../../kernel/fs.ts";
import { openChild, openMerged, overlayValue, type Merged } from "./merged.ts";
import { isFile, isFolder, namesIn, openNode, openRoot, type Node } from "./node.ts";
import { differences } from "./same.ts";

export interface Layered {
  /** A container's own folder: only its changes, or the whole tree. */
  readonly active: string;
  /** The layers below, topmost first. */
  readonly below: readonly string[];
  /** Absolute paths in the container. */
  readonly targets: readonly string[];
}

/** Names by name, down to a place of a mount. */
interface Place {
  isTarget: boolean;
  readonly in: Map<ByteString, Place>;
}

/** Paths, relative to the root, that a layer of the container's changes leaves out. With a folder go all paths in it. */
export function placeholders({ active, below, targets }: Layered): ReadonlySet<ByteString> {
  const found = new Set<ByteString>();
  using top = openRoot(active);
  using under = below.length > 0 ? openMerged(below) : undefined;
  for (const [name, place] of tree(targets).in) look({ parent: top, name, place, under, found });
  return found;
}

function tree(targets: readonly string[]): Place {
  const root: Place = { isTarget: false, in: new Map() };
  for (const target of targets) {
    let at = root;
    for (const name of target.split("/").filter(Boolean).map(byteString)) {
      const next: Place = at.in.get(name) ?? { isTarget: false, in: new Map() };
      at.in.set(name, next);
      at = next;
    }
    at.isTarget = true;
  }
  return root;
}

interface Look {
  readonly parent: Node;
  readonly name: ByteString;
  readonly place: Place;
  readonly under: Merged | undefined;
  readonly found: Set<ByteString>;
}

function look({ parent, name, place, under, found }: Look): void {
  using node = openNode(parent, name);
  if (!node) return;
  using old = under && isFolder(under.node) ? openChild(under, name) : undefined;
  if (isFolder(node))
    for (const [child, next] of place.in) look({ parent: node, name: child, place: next, under: old, found });
  if (isOurs(node, place, { old, found })) found.add(node.path);
}

/** Of a folder: that nothing else is in it; and of one that was there before, that it stands in the layer only because of what was made in it. */
function isOurs(
  node: Node,
  place: Place,
  { old, found }: { old: Merged | undefined; found: ReadonlySet<ByteString> },
): boolean {
  if (!isFolder(node)) return place.isTarget && !old && isFile(node) && node.status.size === 0;
  const names = namesIn(node);
  if (!names.every((name) => found.has(`${node.path}/${name}`))) return false;
  if (!old) return place.isTarget || names.length > 0;
  const isSame = differences(old.node, node, () => true).every((what) => what === "time");
  return names.length > 0 && isSame && overlayValue(node, "opaque") !== "y";
}
