/** Extended attributes of what was unpacked, held against those of its entry. */
import { errno } from "../../kernel/errno.ts";
import { removeAttribute, type ByteString } from "../../kernel/fs.ts";
import type { Node } from "../archive/node.ts";
import type { Entry } from "../unpack/entry.ts";

/**
 * Left out: overlayfs's own; access lists, which the kernel rewrites in its own form; and what security modules put on each file by themselves.
 */
const ignored =
  /^(?:(?:trusted|user)\.overlay(?:\.|$)|system\.posix_acl_|security\.(?:selinux|ima|evm|SMACK64)$)/;

export class Attributes {
  readonly #root: number;
  readonly #kept = new Map<string, boolean>();

  constructor(root: number) {
    this.#root = root;
  }

  compare(node: Node, entry: Entry, mode: "layer" | "tree"): string | undefined {
    if (node.attributes.length === 0 && entry.attributes.length === 0) return undefined;
    const here = new Map(node.attributes.map(({ name, value }) => [name, value]));
    const wanted = entry.attributes.filter(({ name }) => !ignored.test(name));
    for (const { name, value } of wanted) {
      const found = here.get(name);
      if (found ? Buffer.compare(found, value) !== 0 : this.#canHave(entry, name))
        return `its attribute "${name}" ${found ? "differs" : "is gone"}`;
    }
    // A folder of a copy may have more, from the layers below.
    if (mode === "tree" && entry.type === "directory") return undefined;
    const names = new Set(wanted.map(({ name }) => name));
    const more = node.attributes.find(({ name }) => !ignored.test(name) && !names.has(name));
    return more && `it has an attribute "${more.name}" that its layer does not give it`;
  }

  /** Linux has no user attributes on symlinks and special files (xattr(7)), and some file systems have none at all. */
  #canHave(entry: Entry, name: ByteString): boolean {
    const space = name.slice(0, name.indexOf("."));
    if (space === "user" && entry.type !== "file" && entry.type !== "directory") return false;
    const known = this.#kept.get(space);
    if (known !== undefined) return known;
    // To remove what nothing has changes nothing; the error tells whether such names can be.
    const kept = removeAttribute(this.#root, `${space}.sampan.none`) !== -errno.EOPNOTSUPP;
    this.#kept.set(space, kept);
    return kept;
  }
}
