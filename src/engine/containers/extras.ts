/** What a container is asked for beyond Docker's create body: what the CRI knows and Docker's API does not. Stored with the container; nothing here is taken from Docker's clients. */
import type { Remap } from "../snapshots/snapshotter.ts";

export interface ContainerExtras {
  /** What the interface that made it keeps for itself, as it is. */
  readonly origin?: string;
  /** Its log, an absolute path on the host whose folder is there. Whoever asked for it rotates and removes it; the engine writes and can reopen it. */
  readonly logPath?: string;
  /** `strict`: the groups of the image's /etc/group are left out. Merge without it. */
  readonly supplementalGroupsPolicy?: "merge" | "strict";
  /** Further ambient (and with it inheritable, permitted and effective) capabilities: `CAP_NET_BIND_SERVICE`. */
  readonly ambientCapabilities?: readonly string[];
  readonly hugepages?: readonly { readonly pageSize: string; readonly limit: number }[];
  /** Files of cgroup v2 and what is written to them. */
  readonly unified?: Readonly<Record<string, string>>;
  /** Mounts that are idmapped, by their place in the container. */
  readonly idmaps?: Readonly<Record<string, Remap>>;
  readonly selinux?: {
    readonly user?: string;
    readonly role?: string;
    readonly type?: string;
    readonly level?: string;
  };
}
