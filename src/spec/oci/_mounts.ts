import type { OciConfig, OciIdMapping, OciMount, OciRoot } from "./config.ts";
import type { Fault, ListShape, ShapeOf } from "./_shape.ts";
import { flag, path, text, textList, uint32 } from "./_shape.ts";

const idMapping: ShapeOf<OciIdMapping> = {
  is: "object",
  fields: { containerID: uint32, hostID: uint32, size: { is: "integer", from: 1, to: 4_294_967_295 } },
  needs: ["containerID", "hostID", "size"],
};

/** config-linux.md, "User namespace mappings". */
export const idMappings: ListShape = { is: "list", of: idMapping };

/** config.md, "Root". */
export const rootShape: ShapeOf<OciRoot> = {
  is: "object",
  fields: { path, readonly: flag },
  needs: ["path"],
};

/** config.md, "Mounts". Relative destinations are deprecated, not refused. */
export const mountShape: ShapeOf<OciMount> = {
  is: "object",
  fields: {
    destination: path,
    type: text,
    source: text,
    options: textList,
    uidMappings: idMappings,
    gidMappings: idMappings,
  },
  needs: ["destination"],
};

/** Rules for mounts whose owners are mapped: config.md, options "idmap" and "ridmap". */
export function findMountFault({ mounts = [], linux }: OciConfig): Fault | undefined {
  const inUserNamespace = linux?.namespaces?.some(({ type }) => type === "user") ?? false;
  for (const [index, mount] of mounts.entries()) {
    const fault = findOwnerMappingFault(mount, inUserNamespace);
    if (fault !== undefined) return { at: `.mounts[${index}]${fault.at}`, is: fault.is };
  }
  return undefined;
}

function findOwnerMappingFault(mount: OciMount, inUserNamespace: boolean): Fault | undefined {
  const { uidMappings: uids = [], gidMappings: gids = [], options = [] } = mount;
  const asked = options.find((option) => option === "idmap" || option === "ridmap");
  if (uids.length === 0 && gids.length === 0) {
    if (asked === undefined || inUserNamespace) return bindOnly(asked !== undefined, options);
    return { at: ".options", is: `"${asked}" is set, but neither the mount nor the container has mappings` };
  }
  if (uids.length === 0) return { at: ".uidMappings", is: "is missing, wanted beside gidMappings" };
  if (gids.length === 0) return { at: ".gidMappings", is: "is missing, wanted beside uidMappings" };
  return bindOnly(true, options) ?? findMappingFault(mount);
}

function bindOnly(mapped: boolean, options: string[]): Fault | undefined {
  if (!mapped || options.includes("bind") || options.includes("rbind")) return undefined;
  return { at: ".options", is: 'neither "bind" nor "rbind" is set, and only bind mounts can be id-mapped' };
}

type Mapped = { uidMappings?: OciIdMapping[]; gidMappings?: OciIdMapping[] };

/** Ranges that overlap or pass 2^32, which the kernel refuses without saying which (user_namespaces(7)). */
export function findMappingFault(mapped: Mapped): Fault | undefined {
  for (const list of ["uidMappings", "gidMappings"] as const) {
    const mappings = mapped[list] ?? [];
    const fault = findRangeFault(mappings, "containerID") ?? findRangeFault(mappings, "hostID");
    if (fault !== undefined) return { at: `.${list}${fault.at}`, is: fault.is };
  }
  return undefined;
}

function findRangeFault(mappings: OciIdMapping[], side: "containerID" | "hostID"): Fault | undefined {
  for (const [index, mapping] of mappings.entries()) {
    const first = mapping[side];
    const end = first + mapping.size;
    const at = `[${index}].${side}`;
    if (end > 2 ** 32) return { at, is: `${first} and size ${mapping.size} pass 4294967295` };
    const other = mappings.slice(0, index).findIndex((it) => first < it[side] + it.size && it[side] < end);
    if (other !== -1) return { at, is: `${first} and size ${mapping.size} overlap entry ${other}` };
  }
  return undefined;
}
