/** The life of a container's row: created → running → exited → running … A running one names the process that looks after it. */
import { SampanError } from "../../base/errors.ts";
import { bootId, processStart } from "../../kernel/process.ts";
import type { Store } from "../store/store.ts";
import type { ContainerInfo } from "./containers.ts";

/** Who looks after a running container; pids are given again, hence the rest. */
export interface Owner {
  readonly pid: number | null;
  readonly start_time: string | null;
  readonly boot_id: string | null;
}

/** It is this process's now. Errors: `failed_precondition` when it runs. */
export function claim(store: Store, { id, name }: ContainerInfo): void {
  store.transaction(() => {
    const { changes } = store.db
      .query("UPDATE containers SET state = 'running', exit_code = NULL WHERE id = ? AND state <> 'running'")
      .run(id);
    if (changes === 0)
      throw new SampanError(
        "failed_precondition",
        `cannot run container "${name}": it is running or removed, wanted created or exited`,
      );
    owned(store, id, process.pid);
  });
}

/** The process whose end is the container's. */
export function owned(store: Store, id: string, pid: number): void {
  store.db
    .query("UPDATE containers SET pid = ?, start_time = ?, boot_id = ? WHERE id = ?")
    .run(pid, processStart(pid) ?? "", bootId(), id);
}

/** Of one that was removed meanwhile, nothing. */
export function exited(store: Store, id: string, status: number): void {
  store.db
    .query(
      "UPDATE containers SET state = 'exited', exit_code = ?, pid = NULL, start_time = NULL, boot_id = NULL WHERE id = ?",
    )
    .run(status, id);
}

/** Ids of containers that are said to run and whose process is gone: all, or this one if it is. */
export function orphans(store: Store, id?: string): string[] {
  return store.db
    .query<Owner & { id: string }, []>(
      "SELECT id, pid, start_time, boot_id FROM containers WHERE state = 'running'",
    )
    .all()
    .filter((row) => (id === undefined || row.id === id) && !isAlive(row))
    .map((row) => row.id);
}

export function isAlive({ pid, start_time, boot_id }: Owner): boolean {
  return pid !== null && boot_id === bootId() && processStart(pid) === start_time;
}
