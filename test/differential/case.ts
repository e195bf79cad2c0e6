/** One bundle to try on two runtimes: plain data, made from a seed. */
import type { OciConfig, OciProcess } from "../../src/spec/oci/config.ts";
import type { NamespaceType } from "../../src/spec/oci/values.ts";

/**
 * `config` may have these words in its texts, which stand for what differs between two runs: `$BUNDLE` (the bundle's folder), `$ID` (the
 * container), `$NS` (the folder of the namespaces to join), `$TREE` (mounts on the host to bind).
 */
export interface Case {
  readonly seed: number;
  readonly config: OciConfig;
  readonly files: readonly FileEntry[];
  /** Owner of the folders of the root file system: the host's id of the container's root. */
  readonly owner: number;
  /** Namespaces that have to be there to be joined. */
  readonly held: readonly NamespaceType[];
  readonly way: Way;
}

/** What is in the bundle beyond the usual root file system; paths are relative to the bundle. */
export interface FileEntry {
  readonly path: string;
  readonly kind: "folder" | "file" | "link";
  readonly mode?: number;
  /** Of a file its content, of a link its target. */
  readonly text?: string;
}

/** How the container is led through its life. */
export type Way =
  /** `run` in the foreground. */
  | { readonly kind: "run"; readonly preserve: number }
  /** create, state, what the host sees, start, end, state, delete. */
  | { readonly kind: "life"; readonly end: "exits" | "killed" | "forced" | "paused" }
  /** A container that waits, and a process in it. */
  | { readonly kind: "exec"; readonly process: OciProcess; readonly flags: readonly string[] | undefined };
