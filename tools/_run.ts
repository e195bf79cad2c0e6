/** One command of a test run: its output is kept, and past its deadline it is ended with all of its process group. */
export interface Ran {
  readonly ok: boolean;
  readonly output: string;
  readonly seconds: number;
  /** Why it failed, where the output cannot say it. */
  readonly reason?: string;
}

export interface RunOptions {
  readonly deadlineSeconds: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Never throws: a program that cannot be started is a run that failed. */
export async function run(command: readonly string[], options: RunOptions): Promise<Ran> {
  const begin = performance.now();
  const seconds = () => (performance.now() - begin) / 1000;
  let child;
  try {
    child = Bun.spawn([...command], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
      env: { ...process.env, ...options.env },
    });
  } catch (error) {
    return { ok: false, output: "", seconds: seconds(), reason: String(error) };
  }
  const { pid } = child;
  const output = collect([child.stdout, child.stderr]);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    process.kill(-pid, "SIGKILL");
  }, options.deadlineSeconds * 1000);
  const status = await child.exited;
  clearTimeout(timer);
  // A process that outlived the command may hold the pipes open: what came until now is the output.
  const text = await Promise.race([output.done, Bun.sleep(500).then(() => output.soFar())]);
  const ran = { ok: status === 0, output: text, seconds: seconds() };
  if (late) return { ...ran, ok: false, reason: `still running after ${options.deadlineSeconds} s` };
  return child.signalCode ? { ...ran, reason: `ended by ${child.signalCode}` } : ran;
}

function collect(streams: readonly ReadableStream<Uint8Array>[]) {
  const parts: Uint8Array[] = [];
  const soFar = () => Buffer.concat(parts).toString();
  const drain = async (stream: ReadableStream<Uint8Array>) => {
    for await (const part of stream) parts.push(part);
  };
  return { soFar, done: Promise.all(streams.map(drain)).then(soFar) };
}
