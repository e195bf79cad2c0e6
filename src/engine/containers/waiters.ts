/** Those who wait for the end of a container. An end that another process writes down is found by looking at the rows, as long as somebody waits. */

export type LifeEvent =
  | { readonly kind: "exit"; readonly code: number; readonly restarting: boolean }
  | { readonly kind: "removed" };

export interface Waiter {
  readonly tell: (event: LifeEvent) => void;
  /** Looks at the row. */
  readonly look: () => void;
}

/** Milliseconds between two looks. */
const pace = 500;

export class Waiters {
  readonly #byId = new Map<string, Set<Waiter>>();
  readonly #isChanged: () => boolean;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** `isChanged`: others have written to the database since it was last asked. */
  constructor(isChanged: () => boolean) {
    this.#isChanged = isChanged;
  }

  add(id: string, waiter: Waiter): Disposable {
    const set = this.#byId.get(id) ?? new Set();
    this.#byId.set(id, set.add(waiter));
    this.#timer ??= setInterval(() => {
      if (this.#isChanged()) this.#lookAll();
    }, pace);
    return {
      [Symbol.dispose]: () => {
        set.delete(waiter);
        if (set.size === 0 && this.#byId.get(id) === set) this.#byId.delete(id);
        if (this.#byId.size === 0) this.close();
      },
    };
  }

  tell(id: string, event: LifeEvent): void {
    for (const waiter of this.#byId.get(id) ?? []) waiter.tell(event);
  }

  #lookAll(): void {
    for (const set of this.#byId.values()) for (const waiter of set) waiter.look();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
