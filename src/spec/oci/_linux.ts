import type {
  OciConfig,
  OciDevice,
  OciIntelRdt,
  OciLinux,
  OciMemoryPolicy,
  OciNamespace,
  OciNetDevice,
  OciPersonality,
  OciTimeOffset,
} from "./config.ts";
import type { Fault, ListShape, MapShape, ShapeOf, TextShape } from "./_shape.ts";
import { absolutePath, flag, int53, show, text, textMap, uint32 } from "./_shape.ts";
import { findMappingFault, idMappings } from "./_mounts.ts";
import { resourcesShape } from "./_resources.ts";
import { seccompShape } from "./_seccomp.ts";
import { parseNumberList } from "./number-list.ts";
import {
  deviceTypes,
  memoryPolicyFlags,
  memoryPolicyModes,
  namespaceTypes,
  personalityDomains,
  rootfsPropagations,
} from "./values.ts";

const absolutePaths: ListShape = { is: "list", of: absolutePath };

const namespace: ShapeOf<OciNamespace> = {
  is: "object",
  fields: {
    type: { is: "name", of: namespaceTypes },
    path: { is: "text", like: /^(\/|$)/, wanted: "an absolute path" },
  },
  needs: ["type"],
};

const timeOffset: ShapeOf<OciTimeOffset> = {
  is: "object",
  fields: { secs: int53, nanosecs: { is: "integer", from: 0, to: 999_999_999 } },
  needs: [],
};

/** A map and not an object, so that another clock is refused. */
const timeOffsets: MapShape = {
  is: "map",
  keys: { is: "name", of: ["monotonic", "boottime"] },
  of: timeOffset,
};

const device: ShapeOf<OciDevice> = {
  is: "object",
  fields: {
    path: absolutePath,
    type: { is: "name", of: deviceTypes },
    major: uint32,
    minor: uint32,
    fileMode: uint32,
    uid: uint32,
    gid: uint32,
  },
  needs: ["path", "type"],
};

/** IFNAMSIZ is 16 with the final NUL; the rest is dev_valid_name() in Linux's net/core/dev.c. */
const interfaceName: TextShape = {
  is: "text",
  like: /^(?!\.\.?$)[^\s/:]{1,15}$/,
  wanted: "the name of a network device",
};

const netDevice: ShapeOf<OciNetDevice> = {
  is: "object",
  fields: { name: { ...interfaceName, like: /^((?!\.\.?$)[^\s/:]{1,15})?$/ } },
  needs: [],
};

const line: TextShape = { is: "text", like: /^[^\n]*$/, wanted: "one line" };

const intelRdt: ShapeOf<OciIntelRdt> = {
  is: "object",
  fields: {
    closID: { is: "text", like: /^(\/|(?!\.\.?$)[^/]*)$/, wanted: 'a directory name or "/"' },
    schemata: { is: "list", of: line },
    l3CacheSchema: line,
    memBwSchema: { is: "text", like: /^(MB:[^\n]*)?$/, wanted: 'one line that begins with "MB:"' },
    enableCMT: flag,
    enableMBM: flag,
    enableMonitoring: flag,
  },
  needs: [],
};

const personality: ShapeOf<OciPersonality> = {
  is: "object",
  fields: { domain: { is: "name", of: personalityDomains }, flags: { is: "list", of: text, most: 0 } },
  needs: ["domain"],
};

const memoryPolicy: ShapeOf<OciMemoryPolicy> = {
  is: "object",
  fields: {
    mode: { is: "name", of: memoryPolicyModes },
    nodes: text,
    flags: { is: "list", of: { is: "name", of: memoryPolicyFlags } },
  },
  needs: ["mode"],
};

/** config-linux.md. */
export const linuxShape: ShapeOf<OciLinux> = {
  is: "object",
  fields: {
    namespaces: { is: "list", of: namespace },
    uidMappings: idMappings,
    gidMappings: idMappings,
    timeOffsets,
    devices: { is: "list", of: device },
    netDevices: { is: "map", keys: interfaceName, of: netDevice },
    cgroupsPath: text,
    resources: resourcesShape,
    rootfsPropagation: { is: "name", of: rootfsPropagations, blank: true },
    seccomp: seccompShape,
    sysctl: textMap,
    maskedPaths: absolutePaths,
    readonlyPaths: absolutePaths,
    mountLabel: text,
    intelRdt,
    personality,
    memoryPolicy,
  },
  needs: [],
};

/** The rules of single chapters. Paths are relative to `linux`. */
export function findLinuxFault(linux: OciLinux): Fault | undefined {
  return findDeviceFault(linux.devices ?? []) ?? findMappingFault(linux) ?? findMemoryPolicyFault(linux);
}

function findDeviceFault(devices: OciDevice[]): Fault | undefined {
  for (const [index, { type, major, minor }] of devices.entries()) {
    if (type === "p" || (major !== undefined && minor !== undefined)) continue;
    const missing = major === undefined ? "major" : "minor";
    return { at: `.devices[${index}].${missing}`, is: `is missing, wanted for a device of type "${type}"` };
  }
  return undefined;
}

/** set_mempolicy(2): which modes take nodes, and which flags go together. */
function findMemoryPolicyFault({ memoryPolicy: policy }: OciLinux): Fault | undefined {
  if (policy === undefined) return undefined;
  const { mode, nodes = "", flags = [] } = policy;
  const list = parseNumberList(nodes);
  const at = ".memoryPolicy.nodes";
  if (list === undefined) return { at, is: `${show(nodes)} does not fit, wanted a list like "0-3,7"` };
  const alone = mode === "MPOL_DEFAULT" || mode === "MPOL_LOCAL";
  if (alone && list.length > 0) return { at, is: `${show(nodes)} is set, but ${mode} takes none` };
  if (!alone && mode !== "MPOL_PREFERRED" && list.length === 0) {
    return { at, is: `is without a node, wanted at least one for ${mode}` };
  }
  if (!flags.includes("MPOL_F_STATIC_NODES") || !flags.includes("MPOL_F_RELATIVE_NODES")) return undefined;
  return {
    at: ".memoryPolicy.flags",
    is: "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other",
  };
}

export type NamespaceTable = Map<OciNamespace["type"], OciNamespace>;

/** The container's namespaces by type; a fault when a type is there twice. */
export function namespacesOf(config: OciConfig): NamespaceTable | Fault {
  const table: NamespaceTable = new Map();
  for (const [index, entry] of (config.linux?.namespaces ?? []).entries()) {
    if (table.has(entry.type)) {
      return { at: `.linux.namespaces[${index}].type`, is: `${show(entry.type)} is there twice` };
    }
    table.set(entry.type, entry);
  }
  return table;
}
