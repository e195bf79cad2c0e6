/** The program that runs, as bin knows it. */
export interface OwnProgram {
  /** Its executable; undefined when it runs from source. */
  readonly path: string | undefined;
  readonly version: string;
  /** This process is the new program itself, started by the one from before to see whether it works. */
  readonly onTrial: boolean;
  /** Ends the edge in this process in order, and starts the new program of the store beside it. */
  tryNew(): void;
  /** Ends this process, which is on trial: the store says how it went. */
  endTrial(): void;
}

export const newProgram = (path: string) => `${path}.new`;
export const programBefore = (path: string) => `${path}.before`;
