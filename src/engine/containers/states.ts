/**
 * The life of a container's row: created → running → exited → running … A running one names its keeper, the process that waits for it and writes its end, and its
 * runtime. When both were killed its own processes may live on.
 */
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { readTextIfThere } from "../../kernel/files.ts";
import { bootId, processStart } from "../../kernel/process.ts";
import type { Store } from "../store/store.ts";
import type { ContainerInfo } from "./containers.ts";

/** Process ids are given again, hence start times and the boot. */
export interface Running {
  readonly id: string;
  readonly pid: number | null;
  readonly start_time: string | null;
  readonly boot_id: string | null;
  readonly runtime_pid: number | null;
  readonly runtime_start: string | null;
}

export const runningColumns = "id, pid, start_time, boot_id, runtime_pid, runtime_start";

/** This process is its keeper now. Errors: `failed_precondition` when it runs. */
export function claim(store: Store, { id, name }: ContainerInfo): void {
  const { changes } = store.db
    .query(
      `UPDATE containers SET state = 'running', exit_code = NULL, started = ?, finished = NULL, pid = ?, start_time = ?, boot_id = ?,
         runtime_pid = NULL, runtime_start = NULL WHERE id = ? AND state <> 'running'`,
    )
    .run(Date.now(), process.pid, processStart(process.pid) ?? "", bootId(), id);
  if (changes === 0)
    throw new SampanError(
      "failed_precondition",
      `cannot run container "${name}": it is running or removed, wanted created or exited`,
    );
}

/** The process whose end is the container's. */
export function ranBy(store: Store, id: string, runtime: number): void {
  store.db
    .query("UPDATE containers SET started = ?, runtime_pid = ?, runtime_start = ? WHERE id = ?")
    .run(Date.now(), runtime, processStart(runtime) ?? "", id);
}

/** Of one that was removed meanwhile, nothing. */
export function exited(store: Store, id: string, status: number): void {
  store.db
    .query(
      `UPDATE containers SET state = 'exited', exit_code = ?, finished = ?, pid = NULL, start_time = NULL, boot_id = NULL,
         runtime_pid = NULL, runtime_start = NULL WHERE id = ?`,
    )
    .run(status, Date.now(), id);
}

/** By its row alone. */
export function isRunning(store: Store, id: string): boolean {
  return store.db.query("SELECT 1 FROM containers WHERE id = ? AND state = 'running'").get(id) !== null;
}

/** Ids of containers that are said to run and of which nothing runs: all, or this one if it is. */
export function orphans(store: Store, id?: string): string[] {
  return store.db
    .query<Running, []>(`SELECT ${runningColumns} FROM containers WHERE state = 'running'`)
    .all()
    .filter((row) => (id === undefined || row.id === id) && !isAlive(store, row))
    .map((row) => row.id);
}

export function isAlive(store: Store, row: Running): boolean {
  return (
    row.boot_id === bootId() &&
    (isProcess(row.pid, row.start_time) ||
      isProcess(row.runtime_pid, row.runtime_start) ||
      firstProcess(store, row.id) !== undefined)
  );
}

function isProcess(pid: number | null, start: string | null): boolean {
  return pid !== null && processStart(pid) === start;
}

/** As the runtime wrote it down; the process of that number must be in the container's cgroup, for the file may be older than the number. */
export function firstProcess({ root }: Pick<Store, "root">, id: string): number | undefined {
  const pid = Number(readTextIfThere(join(root, "containers", id, "pid")));
  if (!Number.isInteger(pid) || pid <= 0 || processStart(pid) === undefined) return undefined;
  return readTextIfThere(`/proc/${pid}/cgroup`)?.includes(cgroupOf(id)) === true ? pid : undefined;
}

/** A name that no other container has, for the same reason also below another program's folder of cgroups. */
export function cgroupOf(id: string): string {
  return `sampan-${id}`;
}
