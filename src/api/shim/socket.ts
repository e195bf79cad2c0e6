/** Where a shim listens: a path that all containers of one group find, made of containerd's address, the namespace and the group. */
import { createHash } from "node:crypto";
import { join } from "node:path";

/** As containerd's own shims; short, since a socket's path has room for 107 bytes. */
const folder = "/run/containerd/s";

export interface Group {
  /** Of containerd: two of them on one host are kept apart. */
  readonly address: string;
  readonly namespace: string;
  /** A pod's id, or nothing for all other containers of the namespace. */
  readonly group: string;
  readonly folder?: string | undefined;
}

export function socketPath({ address, namespace, group, folder: place = folder }: Group): string {
  const name = createHash("sha256").update(JSON.stringify(["sampan", address, namespace, group]));
  return join(place, name.digest("hex"));
}

/** In what containerd is told and writes down. */
export const scheme = "unix://";

export function pathOf(address: string): string {
  return address.startsWith(scheme) ? address.slice(scheme.length) : address;
}
