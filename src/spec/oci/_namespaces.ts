import type { OciConfig, OciLinux } from "./config.ts";
import type { Fault } from "./_shape.ts";
import type { NamespaceTable } from "./_linux.ts";
import { show } from "./_shape.ts";
import { sysctlPath } from "./sysctl.ts";

/** Fields that change what the host sees unless the container has a namespace of its own for them. */
export function findNamespaceFault(config: OciConfig, namespaces: NamespaceTable): Fault | undefined {
  const linux = config.linux ?? {};
  return (
    findUnshared(config, namespaces) ??
    findLongName(config) ??
    findUserFault(linux, namespaces) ??
    findTimeFault(linux, namespaces) ??
    findSysctlFault(linux, namespaces)
  );
}

function findUnshared(
  { hostname, domainname, linux = {} }: OciConfig,
  has: NamespaceTable,
): Fault | undefined {
  const bound = [
    [".hostname", hostname, "uts"],
    [".domainname", domainname, "uts"],
    [".linux.maskedPaths", linux.maskedPaths?.[0], "mount"],
    [".linux.readonlyPaths", linux.readonlyPaths?.[0], "mount"],
    [".linux.netDevices", Object.keys(linux.netDevices ?? {})[0], "network"],
    [".linux.uidMappings", linux.uidMappings?.[0], "user"],
    [".linux.gidMappings", linux.gidMappings?.[0], "user"],
    [".linux.timeOffsets", Object.keys(linux.timeOffsets ?? {})[0], "time"],
  ] as const;
  for (const [at, value, type] of bound) {
    if (value === undefined || value === "" || has.has(type)) continue;
    const said = typeof value === "string" ? `${show(value)} is set` : "is set";
    return { at, is: `${said}, but the container has no ${type} namespace` };
  }
  return undefined;
}

/** __NEW_UTS_LEN: sethostname(2) and setdomainname(2) take 64 bytes. */
function findLongName(config: OciConfig): Fault | undefined {
  for (const name of ["hostname", "domainname"] as const) {
    const bytes = Buffer.byteLength(config[name] ?? "");
    if (bytes > 64)
      return { at: `.${name}`, is: `${show(config[name])} has ${bytes} bytes, wanted at most 64` };
  }
  return undefined;
}

/** A new user namespace can do nothing without mappings. Those of a joined one are compared by who opens it. */
function findUserFault(linux: OciLinux, namespaces: NamespaceTable): Fault | undefined {
  const user = namespaces.get("user");
  if (user === undefined || (user.path ?? "") !== "") return undefined;
  for (const list of ["uidMappings", "gidMappings"] as const) {
    if ((linux[list]?.length ?? 0) > 0) continue;
    return { at: `.linux.${list}`, is: "is empty, wanted at least one mapping for the new user namespace" };
  }
  return undefined;
}

/** time_namespaces(7): offsets can be set only before the first process enters. */
function findTimeFault(linux: OciLinux, namespaces: NamespaceTable): Fault | undefined {
  const path = namespaces.get("time")?.path ?? "";
  if (path === "" || Object.keys(linux.timeOffsets ?? {}).length === 0) return undefined;
  return { at: ".linux.timeOffsets", is: `is set, but the time namespace is joined from ${show(path)}` };
}

/** The parameters of an IPC namespace besides fs/mqueue: ipc_namespaces(7). */
const ipcParameters: readonly string[] = [
  "kernel/msgmax",
  "kernel/msgmnb",
  "kernel/msgmni",
  "kernel/sem",
  "kernel/shmall",
  "kernel/shmmax",
  "kernel/shmmni",
  "kernel/shm_rmid_forced",
];

/** Which namespace a parameter belongs to; undefined: to the whole host. */
function ownerOf(path: string): "ipc" | "network" | "uts" | "user" | undefined {
  if (ipcParameters.includes(path) || path.startsWith("fs/mqueue/")) return "ipc";
  if (path.startsWith("net/")) return "network";
  if (path.startsWith("user/")) return "user";
  return path === "kernel/domainname" || path === "kernel/hostname" ? "uts" : undefined;
}

/**
 * Only parameters of the container's own namespaces may be set. That a joined network namespace is not the host's is
 * for who opens it to see.
 */
function findSysctlFault(linux: OciLinux, namespaces: NamespaceTable): Fault | undefined {
  for (const name of Object.keys(linux.sysctl ?? {})) {
    const complaint = sysctlComplaint(name, namespaces);
    if (complaint !== undefined) return { at: `.linux.sysctl[${show(name)}]`, is: complaint };
  }
  return undefined;
}

function sysctlComplaint(name: string, namespaces: NamespaceTable): string | undefined {
  const path = sysctlPath(name);
  if (path === undefined) return "is no kernel parameter";
  const owner = ownerOf(path);
  if (owner === undefined) return "is the whole host's, wanted one of a namespace";
  if (!namespaces.has(owner)) return `is the host's, because the container has no ${owner} namespace`;
  return path === "kernel/hostname" ? "is set by hostname, wanted only there" : undefined;
}
