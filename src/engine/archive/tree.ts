/** Archives of folder trees: a whole one, and what an overlayfs upper folder says of the layers below it. */
import { SampanError } from "../../base/errors.ts";
import { isWhiteout, overlayValue } from "./merged.ts";
import type { ByteString } from "../../kernel/fs.ts";
import { failure, isFolder, openRoot, walk, type Node } from "./node.ts";
import {
  opaqueName,
  refuseWhiteoutName,
  TarWriter,
  whiteoutEntry,
  type Owners,
  type Pieces,
} from "./writer.ts";

/** The tree as it is, root included; mounts in it are empty folders. In the order of names, so the same tree gives the same bytes. */
export function* archiveTree(root: string, owners?: Owners): Pieces {
  const writer = new TarWriter(owners);
  using top = openRoot(root);
  for (const node of walk(top)) yield* writer.node(node);
  yield* writer.end();
}

/**
 * The layer that an overlayfs upper folder holds (OCI image specification 1.1, layer.md; Linux, filesystems/overlayfs.rst): whiteouts and opaque folders
 * become their entries, overlayfs's own attributes are left out. Folders above a change stand in an upper folder anyway. Paths of `without` are left out, a folder
 * only together with all that is in it.
 */
export function* archiveUpper(
  upper: string,
  owners?: Owners,
  without: ReadonlySet<ByteString> = new Set(),
): Pieces {
  const writer = new TarWriter(owners);
  using top = openRoot(upper);
  for (const node of walk(top)) if (!without.has(node.path)) yield* upperNode(writer, node);
  yield* writer.end();
}

function* upperNode(writer: TarWriter, node: Node): Pieces {
  if (node.path !== "" && isWhiteout(node)) return yield* writer.header(whiteoutEntry(node.path));
  refuseWhiteoutName(node);
  refuseIndirect(node);
  yield* writer.node(node);
  if (!isFolder(node) || overlayValue(node, "opaque") !== "y") return;
  yield* writer.header(whiteoutEntry(node.path === "" ? opaqueName : `${node.path}/${opaqueName}`));
}

/** Mounts with redirect_dir or metacopy leave names or data below: the upper folder alone is then no layer. */
function refuseIndirect(node: Node): void {
  const key = ["redirect", "metacopy"].find((name) => overlayValue(node, name) !== undefined);
  if (key)
    throw failure(
      node.path,
      new SampanError(
        "failed_precondition",
        `overlayfs keeps a part of it below (${key}), wanted a mount without that option`,
      ),
    );
}
