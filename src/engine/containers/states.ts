/**
 * The life of a container's row: created → running → exited → running … What a running one's row cannot tell is whether it still runs: for whoever was to write its
 * end may have been killed.
 */
import { join } from "node:path";
import { SampanError } from "../../base/errors.ts";
import { readTextIfThere } from "../../kernel/files.ts";
import { processStart } from "../../kernel/process.ts";
import type { Store } from "../store/store.ts";
import type { ContainerInfo } from "./containers.ts";
import { isKept, keep, type Keeping } from "./keeper.ts";

/** This process is its keeper now, until it has written its end and gives it up. Errors: `failed_precondition` when it runs. */
export function claim(store: Store, { id, name }: ContainerInfo): Keeping {
  return store.transaction(() => {
    const { changes } = store.db
      .query(
        "UPDATE containers SET state = 'running', pid = NULL, exit_code = NULL, started = ?, finished = NULL WHERE id = ? AND state <> 'running'",
      )
      .run(Date.now(), id);
    if (changes > 0) return keep(store, id);
    throw new SampanError(
      "failed_precondition",
      `cannot run container "${name}": it is running or removed, wanted created or exited`,
    );
  });
}

/** Of one that was removed meanwhile, nothing. */
export function exited(store: Store, id: string, status: number): void {
  store.transaction(() =>
    store.db
      .query("UPDATE containers SET state = 'exited', exit_code = ?, finished = ? WHERE id = ?")
      .run(status, Date.now(), id),
  );
}

/** By its row alone. */
export function isRunning(store: Store, id: string): boolean {
  return store.db.query("SELECT 1 FROM containers WHERE id = ? AND state = 'running'").get(id) !== null;
}

/** Ids of containers in the foreground that are said to run and of which nothing runs: all, or this one if it is. */
export function orphans(store: Store, id?: string): string[] {
  return store.db
    .query<{ id: string }, []>("SELECT id FROM containers WHERE state = 'running' AND pid IS NULL")
    .all()
    .map((row) => row.id)
    .filter((each) => (id === undefined || each === id) && !isAlive(store, each));
}

/** Its keeper or its runtime lives; or, when both were killed, its own first process. */
export function isAlive(store: Store, id: string): boolean {
  return isKept(store, id) || firstProcess(store, id) !== undefined;
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
