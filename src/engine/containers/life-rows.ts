/** What is written down of a container's life. One durable transaction for a start and one for an end (of a pod's that is made anew: a moment later); what a monitor can tell again costs no fsync. */
import { bootId } from "../../kernel/process.ts";
import type { Store } from "../store/store.ts";
import type { Health, LifeState } from "./life.ts";

let boot: string | undefined;
/** Read once: it does not change while a process lives. */
export function thisBoot(): string {
  return (boot ??= bootId());
}

type Value = string | number | null;

function update(
  store: Store,
  id: string,
  values: Readonly<Record<string, Value>>,
  durable: boolean | "soon",
): boolean {
  const names = Object.keys(values);
  const text = `UPDATE containers SET ${names.map((name) => `${name} = ?`).join(", ")} WHERE id = ?`;
  return store.transaction(() => store.db.query(text).run(...Object.values(values), id).changes > 0, {
    durable,
  });
}

export interface Begun {
  readonly pid: number;
  readonly started: number;
  readonly health: Health | undefined;
  /** Not by its restart policy: that begins to count anew. */
  readonly byPerson: boolean;
  /** isMadeAnew */
  readonly isBrief?: boolean;
}

export function writeBegun(
  store: Store,
  id: string,
  { pid, started, health, byPerson, isBrief }: Begun,
): void {
  const values = {
    state: "running",
    pid,
    boot: thisBoot(),
    started,
    oom_killed: 0,
    error: "",
    health: healthText(health),
  };
  const end = { exit_code: null, finished: null };
  const counts = byPerson ? { restart_count: 0, stopped_by_user: 0 } : {};
  update(store, id, { ...values, ...end, ...counts }, isBrief ? "soon" : true);
}

/** The start has come to nothing: it is again what it was, with the reason. */
export function writeFailed(
  store: Store,
  id: string,
  { state, error, code }: { readonly state: LifeState; readonly error: string; readonly code: number },
): void {
  update(store, id, { state, pid: null, error, exit_code: code }, true);
}

export interface Written {
  readonly state: "exited" | "restarting";
  readonly code: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly oomKilled: boolean;
  readonly restartCount: number;
  readonly error: string;
  readonly health: Health | undefined;
  /** It is removed next, which is durable; or it is one that is made anew, and was stopped, and nobody asks how it has ended. */
  readonly isBrief?: boolean;
}

export function writeEnded(store: Store, id: string, end: Written): void {
  const { state, code, at, oomKilled, restartCount, error, health } = end;
  const numbers = {
    exit_code: code,
    finished: at,
    oom_killed: oomKilled ? 1 : 0,
    restart_count: restartCount,
  };
  update(
    store,
    id,
    { state, pid: null, ...numbers, error, health: healthText(health) },
    end.isBrief ? "soon" : true,
  );
}

/** Lost by a power cut without harm: nothing runs then. */
export function writeState(store: Store, id: string, state: LifeState): void {
  update(store, id, { state }, false);
}

/** Of one that runs on; at its end the counters tell it again. */
export function writeOutOfMemory(store: Store, id: string): void {
  update(store, id, { oom_killed: 1 }, false);
}

/** What is durable after it, its end, makes this durable too. */
export function writeStopped(store: Store, id: string): void {
  update(store, id, { stopped_by_user: 1 }, false);
}

export function writeHealth(store: Store, id: string, health: Health): void {
  update(store, id, { health: healthText(health) }, false);
}

function healthText(health: Health | undefined): string | null {
  return health === undefined ? null : JSON.stringify(health);
}

/** The boot in which it was last started. */
export function bootOf(store: Store, id: string): string | undefined {
  return (
    store.db.query<{ boot: string | null }, [string]>("SELECT boot FROM containers WHERE id = ?").get(id)
      ?.boot ?? undefined
  );
}
