/** What this process knows of containers that live: the connections to their monitors, who waits for them, what is planned for them. One in an engine. */
import type { Exit, MonitorConnection } from "../../runtime/runtime.ts";
import { ExecTable } from "./exec-table.ts";
import type { PendingAttachment } from "./pending-attachment.ts";
import { Waiters } from "./waiters.ts";

export interface Task {
  readonly connection: MonitorConnection;
  readonly started: Date;
  /** Resolves when its end is written down, or another process has done so. */
  readonly written: Promise<void>;
  /** Fires with its end: whoever watches it goes. */
  readonly over: AbortSignal;
}

export interface PlannedRestart {
  readonly cancel: () => void;
}

/** What follows an end, a delay, a start: it begins where one has ended, so openTasks (tasks.ts) ties the ring. */
export interface Reactions {
  readonly end: (id: string, exit: Exit | undefined) => Promise<void>;
  readonly restart: (id: string) => Promise<void>;
  /** Its health and its memory. */
  readonly watch: (id: string, task: Task) => void;
  /** A moment, for a disk to have room again, or for others to go first. False when the engine closes. */
  readonly rest: () => Promise<boolean>;
  /** Of work that nobody waits for. */
  readonly report: (error: unknown) => void;
}

export class TaskTable {
  readonly reactions: Reactions;
  /** Restart policies and health checks are looked after by this process. */
  supervising = false;
  /** The engine goes; what lives goes on without it. */
  closing = false;
  readonly running = new Map<string, Task>();
  /** Those who have attached before it runs. */
  readonly pending = new Map<string, Set<PendingAttachment>>();
  readonly restarts = new Map<string, PlannedRestart>();
  /** Those that a person restarts: their end takes none of them away. */
  readonly restartedByPerson = new Set<string>();
  /** What a restart policy waited for last, milliseconds. */
  readonly delays = new Map<string, number>();
  readonly execs = new ExecTable();
  readonly waiters: Waiters;
  /** Ends that are being written, and whatever else goes on in the background. */
  readonly background = new Set<Promise<unknown>>();

  constructor(reactions: Reactions, isChanged: () => boolean) {
    this.reactions = reactions;
    this.waiters = new Waiters(isChanged);
  }

  inBackground(work: Promise<unknown>): void {
    const settled: Promise<unknown> = work
      .catch(this.reactions.report)
      .finally(() => this.background.delete(settled));
    this.background.add(settled);
  }

  forget(id: string): void {
    this.restarts.get(id)?.cancel();
    this.restarts.delete(id);
    this.delays.delete(id);
    this.inBackground(this.execs.forget(id));
  }
}
