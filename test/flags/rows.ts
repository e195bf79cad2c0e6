/** One row: what a person types, and what that person sees of it. */
export interface Row {
  /** For bash; `run` is `docker run --rm`, `box` is the image. Standard error comes with standard output. */
  readonly type: string;
  /** All of it, or what it must match; ids are ID, and `= 3` stands last where the status is 3. */
  readonly see: string | RegExp;
  /** Why the other daemon is not asked. */
  readonly onlySampan?: string;
}

export type Rows = Readonly<Record<string, readonly Row[]>>;

export function row(type: string, see: string | RegExp, onlySampan?: string): Row {
  return { type, see, ...(onlySampan !== undefined && { onlySampan }) };
}

/** Refused before anything runs, in whatever words that match. */
export function refused(type: string, words: string, onlySampan?: string): Row {
  return row(type, new RegExp(`(?:${words})[^]*= (?:125|127|126)$`, "i"), onlySampan);
}

export const newer = "its API is older";
export const noCapabilities = "its runtime asks for more capabilities than a caller in a sandbox has";
