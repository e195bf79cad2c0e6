/** Extended attributes of archives: which are taken, and how. */
import { errno } from "../../kernel/errno.ts";
import type { Attribute, Entry } from "./entry.ts";
import { done } from "./_failure.ts";

/**
 * overlayfs keeps its own marks in these (Documentation/filesystems/overlayfs.rst): a layer that brought them could redirect a folder to files that are not its
 * own. They are dropped.
 */
const ofOverlay = /^(?:trusted|user)\.overlay(?:\.|$)/;

/** A folder's default ACL changes the modes of what is made in it: it is set when all is made. */
export const late = (attribute: Attribute): boolean => attribute.name === "system.posix_acl_default";

export function setAttributes(
  entry: Entry,
  attributes: readonly Attribute[],
  set: (attribute: Attribute) => number,
): void {
  for (const attribute of attributes) {
    if (ofOverlay.test(attribute.name)) continue;
    const result = set(attribute);
    if (result === -errno.EOPNOTSUPP) continue;
    // Linux has no user attributes on symlinks and special files (xattr(7)).
    if (result === -errno.EPERM && attribute.name.startsWith("user.") && entry.type !== "file") continue;
    done(result, `set its attribute "${attribute.name}"`);
  }
}
