/** What a command reads from and writes to. Tests give their own; the program's is src/cli/process.ts. */

export interface Output {
  /** Resolves when the bytes are with the kernel. */
  readonly write: (data: string | Uint8Array) => Promise<void>;
  /** The terminal's size now; undefined when it is no terminal. */
  readonly size: () => { readonly columns: number; readonly rows: number } | undefined;
}

export interface Input {
  readonly terminal: boolean;
  readonly bytes: () => AsyncIterable<Uint8Array>;
}

export interface Io {
  readonly out: Output;
  readonly err: Output;
  readonly input: Input;
  /** A line that the person types after the question; hidden: without echo. Undefined at the end of input. */
  readonly ask: (question: string, options?: { hidden?: boolean }) => Promise<string | undefined>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  /** Fires at Ctrl-C (SIGINT) and SIGTERM. */
  readonly signal: AbortSignal;
  /** From now on the signals belong to the container: `signal` does not fire any more. */
  readonly handOver: () => void;
  /** Keys come as they are pressed, without echo and without a meaning of their own, until it is disposed. */
  readonly raw: () => Disposable;
  /** Called when the terminal's size changes, until it is disposed. */
  readonly onResize: (listener: () => void) => Disposable;
  /** Signals by name (`SIGTERM`), for the listener alone: `signal` does not fire until it is disposed. */
  readonly onSignal: (listener: (name: string) => void) => Disposable;
}
