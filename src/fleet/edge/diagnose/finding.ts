/** What a look at this node found, and what to do about it. */
export interface Finding {
  readonly check: string;
  /** `bad`: something does not work; `warn`: it soon may not. */
  readonly state: "ok" | "warn" | "bad";
  readonly says: string;
  /** What a person can do; empty when nothing is to be done. */
  readonly todo: string;
}

export interface Looking {
  /** Undefined: it has not joined. */
  readonly node: string | undefined;
  readonly clouds: readonly string[];
  readonly certificatePort: number;
  /** Data of the edge. */
  readonly root: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly signal: AbortSignal;
}

export type Check = (looking: Looking) => Promise<readonly Finding[]>;

export const ok = (check: string, says: string): Finding => ({ check, state: "ok", says, todo: "" });
export const warn = (check: string, says: string, todo: string): Finding => ({
  check,
  state: "warn",
  says,
  todo,
});
export const bad = (check: string, says: string, todo: string): Finding => ({
  check,
  state: "bad",
  says,
  todo,
});
