/** What a container is asked for beyond Docker's create body: what the CRI knows and Docker's API does not. Stored with the container; nothing here is taken from Docker's clients. */
import type { Remap } from "../snapshots/snapshotter.ts";

export interface ContainerExtras {
  /** What the interface that made it keeps for itself, as it is. */
  readonly origin?: string;
  /** Its log, an absolute path on the host whose folder is there. Whoever asked for it rotates and removes it; the engine writes and can reopen it. */
  readonly logPath?: string;
  /**
   * `strict`: the groups of the image's /etc/group are left out; `merge`: they are in, also where `User` names a group (`uid:gid`). Without it as Docker has it: in, but not with a group.
   * GroupAdd comes to either. `User` may be a name with a group: `name:gid`.
   */
  readonly supplementalGroupsPolicy?: "merge" | "strict";
  /** Further ambient (and with it inheritable, permitted and effective) capabilities: `CAP_NET_BIND_SERVICE`. */
  readonly ambientCapabilities?: readonly string[];
  /** Sizes like `2MB`, bytes. Where the host cannot limit them, they are left out with a warning (`warn` of CreateContainer). */
  readonly hugepages?: readonly { readonly pageSize: string; readonly limit: number }[];
  /** Files of limits of cgroup v2 (`memory.high`) and what is written to them; refused (`failed_precondition`) where the host has v1, or not that controller. */
  readonly unified?: Readonly<Record<string, string>>;
  /** Binds and volumes that are idmapped, by their place in the container; images always are, by the container's own ids. The others have the host's ids, also in a user namespace: what nobody mapped is nobody's there. */
  readonly idmaps?: Readonly<Record<string, Remap>>;
  /** Labels of the process, and of what is mounted for it, over those that the policy has for containers. Left out where the host has no SELinux. */
  readonly selinux?: {
    readonly user?: string;
    readonly role?: string;
    readonly type?: string;
    readonly level?: string;
  };
}
