/** Extended attributes that hold ids of the host, as a container with a user namespace sees them. Pure. */
import type { ExtendedAttribute } from "../../kernel/xattr.ts";
import type { Owners } from "./writer.ts";

export function attributesInside(
  attributes: readonly ExtendedAttribute[],
  owners: Owners,
): ExtendedAttribute[] {
  return attributes.map(({ name, value }) => {
    if (name === "security.capability") return { name, value: capabilityInside(value, owners) };
    if (name.startsWith("system.posix_acl_")) return { name, value: aclInside(value, owners) };
    return { name, value };
  });
}

/**
 * struct vfs_ns_cap_data (linux/capability.h, capabilities(7)): in revision 3 the last word is the host's id of the root for whom it holds. For root inside it is
 * revision 2, which has none and holds wherever the file is unpacked.
 */
function capabilityInside(value: Uint8Array, owners: Owners): Uint8Array {
  const view = new DataView(value.slice().buffer);
  if (view.byteLength !== 24 || view.getUint8(3) !== 3) return value;
  const root = owners.uid(view.getUint32(20, true));
  view.setUint32(20, root, true);
  if (root === 0) view.setUint8(3, 2);
  return new Uint8Array(view.buffer, 0, root === 0 ? 20 : 24);
}

const USER = 2;
const GROUP = 8;

/** struct posix_acl_xattr_entry (linux/posix_acl_xattr.h): behind a version of four bytes, eight for each: tag, rights, id. Only named users and groups have ids. */
function aclInside(value: Uint8Array, owners: Owners): Uint8Array {
  const view = new DataView(value.slice().buffer);
  for (let at = 4; at + 8 <= view.byteLength; at += 8) {
    const [tag, id] = [view.getUint16(at, true), view.getUint32(at + 4, true)];
    if (tag === USER) view.setUint32(at + 4, owners.uid(id), true);
    if (tag === GROUP) view.setUint32(at + 4, owners.gid(id), true);
  }
  return new Uint8Array(view.buffer);
}
