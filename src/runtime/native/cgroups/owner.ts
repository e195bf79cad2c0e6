/** Who owns a container's cgroup on v2 (config-linux.md of the specification, "Cgroup ownership"). Pure. */
import type { OciConfig, OciMount } from "../../../spec/oci/config.ts";

/**
 * The host's number for the container's user, where the container is to manage its own cgroup: it has a cgroup namespace of its own and the
 * cgroup file system mounted for writing. Undefined when the cgroup stays root's.
 */
export function cgroupOwner({ process, mounts = [], linux = {} }: OciConfig): number | undefined {
  const own = (type: string): boolean =>
    (linux.namespaces ?? []).some((namespace) => namespace.type === type && !namespace.path);
  if (!own("cgroup") || !mounts.some(isWritableCgroup)) return undefined;
  const user = process?.user?.uid ?? 0;
  const users = (linux.namespaces ?? []).some(({ type }) => type === "user");
  const owner = users ? hostUid(user, linux.uidMappings ?? []) : user;
  return owner === 0 ? undefined : owner;
}

function isWritableCgroup({ source, type, options = [] }: OciMount): boolean {
  return source === "cgroup" && (type === "cgroup" || type === "cgroup2") && !options.includes("ro");
}

/** Undefined for a user that the map leaves out: a namespace that is joined has no map here. */
function hostUid(
  user: number,
  mappings: readonly { readonly containerID: number; readonly hostID: number; readonly size: number }[],
): number | undefined {
  const range = mappings.find(({ containerID, size }) => user >= containerID && user < containerID + size);
  return range && range.hostID + user - range.containerID;
}
