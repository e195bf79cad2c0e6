/**
 * The contract of containers, first half: a container is a row that holds an image and an active snapshot. Its life with monitor, networks and logs
 * comes with the daemon; here it is created, run in the foreground by an OCI runtime, committed, exported and removed.
 */
import type { Digest } from "../../spec/image/digest.ts";

export interface ContainerInfo {
  /** 64 hexadecimal digits. */
  readonly id: string;
  readonly name: string;
  /** As the user wrote it. */
  readonly image: string;
  readonly imageId: Digest;
  readonly manifest: Digest;
  /** Key of the active snapshot: its id. */
  readonly snapshot: string;
  readonly command: readonly string[];
  readonly created: Date;
  /**
   * `created` → `running` → `exited`. A container outlives who ran it: while one of its own processes or its runtime lives, it is `running`; when these are gone too
   * and nobody was there to hear with what it ended, it is `exited` with 255.
   */
  readonly state: "created" | "running" | "exited";
  readonly started: Date | undefined;
  /** Undefined too for one whose end nobody saw, until it is healed. */
  readonly finished: Date | undefined;
  /** Of its first process, as the host numbers it; while it runs. */
  readonly pid: number | undefined;
  readonly exitCode: number | undefined;
}

export interface Containers {
  list(): readonly ContainerInfo[];
  /** By name, id or the beginning of an id. Errors: `not_found`, `invalid_argument` when it fits several. */
  get(reference: string): ContainerInfo;
}
