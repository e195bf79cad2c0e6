/** Commands with a deadline, their output kept. */

export interface Ran {
  /** 128 and more for a command that a signal ended. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RanOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Written to standard input, which is then closed; without it standard input is /dev/null. */
  readonly input?: string;
  /** After so long the command is killed. */
  readonly seconds?: number;
}

/** What every counterpart is given of the environment. */
export const path = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin";

export async function ran(command: readonly string[], options: RanOptions = {}): Promise<Ran> {
  const child = Bun.spawn([...command], {
    env: { PATH: path, ...options.env },
    ...(options.cwd && { cwd: options.cwd }),
    stdin: options.input === undefined ? "ignore" : new Blob([options.input]),
    stdout: "pipe",
    stderr: "pipe",
    timeout: (options.seconds ?? 60) * 1000,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr, status] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { status, stdout, stderr };
}

/** The standard output of a command that must end well. */
export async function output(command: readonly string[], options: RanOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await ran(command, options);
  if (status !== 0)
    throw new Error(`cannot run "${command.join(" ")}": status ${status}\n${stdout}${stderr}`);
  return stdout;
}
