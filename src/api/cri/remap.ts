/** Mappings of user and group numbers. Pure. */
import { invalid } from "../../base/errors.ts";
import type { PodSandboxRequest } from "../../engine/pods/pods.ts";
import { type IDMapping, NamespaceMode, type UserNamespace } from "../../wire/cri/cri_pb.ts";

export type Remap = NonNullable<PodSandboxRequest["userns"]>;

/** user_namespaces(7): so many lines the kernel takes. */
const most = 340;

/** Undefined: the host's. Errors: `invalid_argument`. */
export function remapOf(options: UserNamespace | undefined): Remap | undefined {
  if (!options || options.mode === NamespaceMode.NODE) {
    if (options && options.uids.length + options.gids.length > 0)
      throw invalid("cannot use mappings of user ids: the pod has the node's user namespace");
    return undefined;
  }
  if (options.mode !== NamespaceMode.POD)
    throw invalid("cannot make a user namespace: it must be the pod's or the node's");
  if (options.uids.length === 0 || options.gids.length === 0)
    throw invalid("cannot make a user namespace: it has no mappings of users or of groups");
  return { uids: rangesOf(options.uids), gids: rangesOf(options.gids) };
}

/** Errors: `invalid_argument`. */
export function rangesOf(mappings: readonly IDMapping[]): Remap["uids"] {
  if (mappings.length > most)
    throw invalid(`cannot map ids: ${mappings.length} ranges, wanted at most ${most}`);
  return mappings.map(({ containerId, hostId, length }) => {
    if (length === 0) throw invalid("cannot map ids: a range of no ids");
    return { containerID: containerId, hostID: hostId, size: length };
  });
}
