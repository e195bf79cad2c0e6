/**
 * The door to namespaces other than networks' and to cgroups that hold several containers: a JavaScript process cannot enter one, and the engine knows no runtime's insides. bin joins it with
 * src/runtime/native/pods.ts.
 */
import type { OciResources } from "../../spec/oci/config.ts";
import type { Remap } from "../snapshots/snapshotter.ts";

export interface NewNamespaces {
  /** Absolute paths that they are pinned at; files are made there. */
  readonly ipc?: string;
  readonly uts?: { readonly path: string; readonly hostname: string };
  /** A network namespace that is there already, for the parameters of net. */
  readonly network?: string;
  /** Where the user namespace is mounted that is to own them. */
  readonly user?: string;
  /** `net.ipv4.ip_forward` → `1`, set in the new IPC namespace and in that network. */
  readonly sysctls: Readonly<Record<string, string>>;
}

export interface PodDoor {
  /** Held by a mount at this absolute path; a file is made there. */
  makeUserNamespace(path: string, ids: Remap): Promise<void>;
  /** All or none. */
  makeNamespaces(wanted: NewNamespaces): Promise<void>;
  /** A cgroup with limits; one that is there gets them. Errors name the limit. */
  makeCgroup(path: string, resources: OciResources): void;
  /** New limits for one that is there, which has `before` again when one cannot be set. Errors name the limit. One that is not there is no error. */
  updateCgroup(path: string, limits: { readonly now: OciResources; readonly before: OciResources }): void;
  /** With those in it, which must be empty. One that is not there is no error. Those `above` go with it where nothing else is in them, in that order. */
  removeCgroup(path: string, above: readonly string[]): Promise<void>;
}
