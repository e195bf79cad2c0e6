/** Leases as rows, which need not outlive a power cut, since no holder does; who holds one is told by process id, start time, boot id and process namespace. */
import { randomUUID } from "node:crypto";
import { SampanError } from "../../base/errors.ts";
import { bootId, pidNamespace, processStart } from "../../kernel/process.ts";
import type { Store } from "../store/store.ts";
import type { Lease, LeasedKind, Leases } from "./gc.ts";

interface LeaseRow {
  readonly id: string;
  readonly purpose: string;
  readonly pid: number;
  readonly start_time: string;
  readonly boot_id: string;
  readonly namespace: string;
  readonly created: number;
}

/** A holder in another process namespace cannot be looked up; it is believed for a day. */
const strangerLives = 24 * 3600 * 1000;

const volatile = { durable: false } as const;

export function openLeases(store: Store): Leases {
  const unreleased = new Set<string>();
  return {
    acquire: (purpose) => acquire(store, unreleased, purpose),
    list: () =>
      leaseRows(store).map((row) => ({
        id: row.id,
        purpose: row.purpose,
        pid: row.pid,
        alive: isAlive(row),
        created: new Date(row.created),
      })),
  };
}

/** `unreleased`: leases whose release failed; the next one takes them along. */
function acquire(store: Store, unreleased: Set<string>, purpose: string): Lease {
  const id = randomUUID();
  const me = self();
  let released = false;
  const change = (sql: string, ...values: (string | number)[]) => {
    store.transaction(() => store.db.query(sql).run(...values), volatile);
  };
  const sql =
    "INSERT INTO leases (id, purpose, pid, start_time, boot_id, namespace, created) VALUES (?, ?, ?, ?, ?, ?, ?)";
  const drop = "DELETE FROM leases WHERE id = ?";
  store.transaction(() => {
    for (const left of unreleased) change(drop, left);
    change(sql, id, purpose, process.pid, me.start, me.boot, me.namespace, Date.now());
  }, volatile);
  unreleased.clear();
  const release = () => {
    if (released) return;
    change(drop, id);
    released = true;
  };
  return {
    id,
    add: (kind: LeasedKind, key: string) => {
      if (released) throw new SampanError("internal", `cannot add to lease "${purpose}": it was released`);
      change("INSERT OR IGNORE INTO lease_items (lease, kind, key) VALUES (?, ?, ?)", id, kind, key);
    },
    release,
    [Symbol.asyncDispose]: () => {
      try {
        release();
      } catch {
        // A full disk, say. What the lease was for has come to its end, well or not, and must not fail of this: at the latest the lease ends with the process.
        unreleased.add(id);
      }
      return Promise.resolve();
    },
  };
}

/** Whether a live lease of this very process holds the thing already. */
export function isLeasedHere(store: Store, kind: LeasedKind, key: string): boolean {
  const me = self();
  const sql = `SELECT 1 AS found FROM lease_items JOIN leases ON leases.id = lease
    WHERE kind = ? AND key = ? AND pid = ? AND start_time = ? AND boot_id = ? AND namespace = ? LIMIT 1`;
  return store.db.query(sql).get(kind, key, process.pid, me.start, me.boot, me.namespace) !== null;
}

/** Removes the leases of processes that are gone. For use inside a transaction, so that what remains is what protects. Gives their purposes. */
export function dropDeadLeases(store: Store): string[] {
  const dead = leaseRows(store).filter((row) => !isAlive(row));
  for (const { id } of dead) store.db.query("DELETE FROM leases WHERE id = ?").run(id);
  return dead.map(({ purpose }) => purpose);
}

function leaseRows(store: Store): LeaseRow[] {
  return store.db.query<LeaseRow, []>("SELECT * FROM leases ORDER BY created, id").all();
}

function isAlive(row: LeaseRow): boolean {
  const me = self();
  if (row.boot_id !== me.boot) return false;
  if (row.namespace !== me.namespace) return Date.now() - row.created < strangerLives;
  return processStart(row.pid) === row.start_time;
}

let identity: { start: string; boot: string; namespace: string } | undefined;

/** Of this process, read once: none of it changes while it lives. */
function self() {
  identity ??= { start: processStart(process.pid) ?? "", boot: bootId(), namespace: pidNamespace() };
  return identity;
}
