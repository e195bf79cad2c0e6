/** The program on a terminal: what the screen got so far, and keys. */

/** The program, its environment, and the folder it is called in. */
export interface Called {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
}

export interface OnTerminal {
  readonly text: () => string;
  /** Resolves when the screen has had the text. Errors: what it had, when the program ends before. */
  readonly shows: (text: string) => Promise<void>;
  readonly type: (keys: string) => void;
  readonly resize: (columns: number, rows: number) => void;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly exited: Promise<number>;
}

export function onTerminal({ command, env, folder }: Called, args: readonly string[]): OnTerminal {
  let text = "";
  const waiting = new Set<() => void>();
  const child = Bun.spawn([...command, ...args], {
    cwd: folder,
    env,
    timeout: 60_000,
    terminal: {
      cols: 100,
      rows: 30,
      data: (_, bytes) => {
        text += Buffer.from(bytes).toString();
        for (const look of waiting) look();
      },
    },
  });
  const exited = child.exited.then((status) => {
    for (const look of waiting) look();
    return status;
  });
  return {
    text: () => text,
    exited,
    type: (keys) => {
      child.terminal?.write(keys);
    },
    resize: (columns, rows) => child.terminal?.resize(columns, rows),
    kill: (signal) => child.kill(signal),
    shows: (wanted) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!text.includes(wanted) && child.exitCode === null) return;
          waiting.delete(look);
          if (text.includes(wanted)) resolve();
          else reject(new Error(`the program ended with ${child.exitCode}: ${JSON.stringify(text)}`));
        };
        waiting.add(look);
        look();
      }),
  };
}
