/** The chapter that an operation belongs to: by the field that asked for it, and where that says nothing, by what came before. */
import type { Operation, Stage } from "../operations.ts";

export const groups = ["monitor", "parent", "namespaces", "mounts", "devices", "security", "exec"] as const;
export type Group = (typeof groups)[number];

/** The first that the reason begins with counts. */
const prefixes: readonly (readonly [string, Group])[] = [
  ["linux.namespaces", "namespaces"],
  ["linux.uidMappings", "namespaces"],
  ["linux.gidMappings", "namespaces"],
  ["linux.timeOffsets", "namespaces"],
  ["linux.netDevices", "namespaces"],
  ["linux.sysctl", "namespaces"],
  ["hostname", "namespaces"],
  ["domainname", "namespaces"],
  ["--no-new-keyring", "namespaces"],
  ["mounts", "mounts"],
  ["root", "mounts"],
  ["linux.rootfsPropagation", "mounts"],
  ["linux.maskedPaths", "mounts"],
  ["linux.readonlyPaths", "mounts"],
  ["linux.mountLabel", "mounts"],
  ["hooks.createContainer", "mounts"],
  ["NOTIFY_SOCKET", "mounts"],
  ["--no-pivot", "mounts"],
  ["linux.devices", "devices"],
  ["default devices", "devices"],
  ["dev symbolic links", "devices"],
  ["process.terminal", "devices"],
  ["process.args", "exec"],
  ["process.cwd", "exec"],
  ["process.env", "exec"],
  ["hooks.startContainer", "exec"],
  ["--preserve-fds", "exec"],
  ["process", "security"],
  ["linux.seccomp", "security"],
  ["linux.personality", "security"],
  ["linux.memoryPolicy", "security"],
];

/** `before` is the group of the operation before it in the same process. */
export function groupOf(stage: Stage, { why }: Operation, before: Group): Group {
  if (stage === "monitor" || stage === "parent") return stage;
  if (stage !== "init") return "namespaces";
  return prefixes.find(([prefix]) => why.startsWith(prefix))?.[1] ?? before;
}
