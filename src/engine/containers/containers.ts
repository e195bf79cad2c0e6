/**
 * The contract of containers as rows: what each was made with, an image and an active snapshot that it holds, and what was last seen of its life. How they live is told in
 * life.ts.
 */
import type { CreateBody } from "../../spec/docker/create.ts";
import type { Digest } from "../../spec/image/digest.ts";
import type { ImageConfigRun } from "../../spec/image/types.ts";
import type { ContainerExtras } from "./extras.ts";
import type { Health, LifeState } from "./life.ts";
import type { VolumeMount } from "./volumes.ts";

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
   * A container outlives who ran it: while one of its own processes or its runtime lives, it is `running`; when these are gone too and nobody was there to hear with
   * what it ended, it is `exited` with 255.
   */
  readonly state: LifeState;
  readonly started: Date | undefined;
  /** Undefined too for one whose end nobody saw, until it is healed. */
  readonly finished: Date | undefined;
  /** Of its first process, as the host numbers it; while it runs. */
  readonly pid: number | undefined;
  readonly exitCode: number | undefined;
  /** The kernel killed a process of it for memory, in its last run. */
  readonly oomKilled: boolean;
  /** Why its last start failed; empty when it did not. */
  readonly error: string;
  /** How often its restart policy has started it since a person did. */
  readonly restartCount: number;
  /** A person ended it: `unless-stopped` leaves it so. */
  readonly stoppedByUser: boolean;
  /** Undefined without a health check. */
  readonly health: Health | undefined;
  /** As it was asked for. */
  readonly body: CreateBody;
  /** What its image says about running it. */
  readonly imageConfig: ImageConfigRun;
  /** What is mounted into it, as it was settled when it was made. */
  readonly volumes: readonly VolumeMount[];
  /** The sandbox that it is a container of. */
  readonly pod: string | undefined;
  readonly extras: ContainerExtras;
}

export interface Containers {
  list(): readonly ContainerInfo[];
  /** By name, id or the beginning of an id. Errors: `not_found`, `invalid_argument` when it fits several. */
  get(reference: string): ContainerInfo;
}
