/**
 * The door to network namespaces. A JavaScript process has many threads and cannot enter one, so each call is a list of steps for the launcher, executed in order in
 * one start of it; the first that fails ends it with its own error. Changes to the host's own devices go the same way, since some of them wait for other processors.
 */

/** A message of rtnetlink(7) of which the launcher may fill in what only it knows. */
export interface LinkRequest {
  readonly message: Uint8Array;
  /** The index of this device goes to `indexAt`. */
  readonly device?: string;
  readonly indexAt?: number;
  /** The descriptor of the namespace goes here. */
  readonly namespaceAt?: number;
  /** Errnos that are no failure; `device` not being there is ENODEV. */
  readonly tolerate?: readonly number[];
  /** What it is for, in a failure's text. */
  readonly why: string;
}

export type Step =
  /** To the host's namespace, in which the engine runs. */
  | { readonly host: LinkRequest }
  /** In the namespace that the path names. */
  | { readonly inside: LinkRequest }
  /** A transaction of nftables, in the namespace. */
  | { readonly rules: Pick<LinkRequest, "message" | "why"> }
  /** In the namespace: `net/ipv4/ip_forward`. What the kernel does not have is passed over. */
  | { readonly sysctl: string; readonly value: string }
  /** Mounted on this folder of the host: shows the devices of the namespace. */
  | { readonly sysfs: string };

export interface NamespaceDoor {
  /** A new namespace with its loopback device up, held by a mount at `path`; a file is made there. Owned by the user namespace that is mounted at `user`. Nothing is left of a failed one. */
  make(path: string, steps: readonly Step[], user?: string): Promise<void>;
  run(path: string, steps: readonly Step[]): Promise<void>;
  /** `host` steps, then the mount and its file. One that is not there is no error. The namespace lives on as long as a process is in it. */
  remove(path: string, steps: readonly Step[]): Promise<void>;
  /** `host` steps alone. */
  host(steps: readonly Step[]): Promise<void>;
}
