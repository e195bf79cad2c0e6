/** Runs a program with runc's command line, and says what it said when it failed. */
import { SampanError, type Code } from "../../base/errors.ts";

export interface Program {
  /** As `--runtime` names it. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  /** Before all others: `--platform=ptrace`. */
  readonly args: readonly string[];
  readonly root: string;
}

const deadlineMs = 60_000;
/** Of streams that others hold when the program has ended. */
const graceMs = 2000;
/** Characters that are kept of each stream. */
const most = 4 << 20;

/** Its standard output. Errors: what it said, by the code that its words stand for; `cancelled`, `deadline_exceeded`. */
export async function command(
  { name, path, args, root }: Program,
  words: readonly string[],
  { signal, input }: { readonly signal?: AbortSignal | undefined; readonly input?: string } = {},
): Promise<string> {
  const late = AbortSignal.timeout(deadlineMs);
  const child = Bun.spawn([path, ...args, "--root", root, "--log-format", "json", ...words], {
    stdin: input === undefined ? "ignore" : new TextEncoder().encode(input),
    stdout: "pipe",
    stderr: "pipe",
    signal: signal ? AbortSignal.any([signal, late]) : late,
  });
  const over = new AbortController();
  const reading = Promise.all([textOf(child.stdout, over.signal), textOf(child.stderr, over.signal)]);
  const status = await child.exited;
  // What it has left running may hold its streams for ever.
  using _grace = later(graceMs, () => over.abort());
  const [output, said] = await reading;
  if (status === 0) return output;
  const doing = `${words.find((word) => !word.startsWith("-"))} container by runtime "${name}"`;
  if (signal?.aborted) throw new SampanError("cancelled", `cannot ${doing}: it was cancelled`);
  if (late.aborted)
    throw new SampanError(
      "deadline_exceeded",
      `cannot ${doing}: it has not ended after ${deadlineMs / 1000} s`,
    );
  throw errorOf(doing, said);
}

/** Until its end or the signal's; what is beyond the bound is read and left out. */
async function textOf(stream: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<string> {
  const reader = stream.getReader();
  const stop = () => void reader.cancel().catch(() => undefined);
  signal.addEventListener("abort", stop, { once: true });
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text;
    if (text.length < most) text += decoder.decode(value, { stream: true });
  }
}

function later(milliseconds: number, call: () => void): Disposable {
  const timer = setTimeout(call, milliseconds);
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

const codes: readonly (readonly [RegExp, Code])[] = [
  [/executable file not found|no such file or directory|does not exist/i, "not_found"],
  [/permission denied|exec format error|is a directory/i, "permission_denied"],
  [/already exists|already in use/i, "already_exists"],
  [/not running|not paused|already running|paused|stopped|cannot start/i, "failed_precondition"],
];

/** From a log in JSON lines or plain words. */
export function errorOf(doing: string, log: string): SampanError {
  const text = log.split("\n").flatMap(messageOf).at(-1) ?? "it ended and said nothing";
  const code = codes.find(([words]) => words.test(text))?.[1] ?? "unknown";
  return new SampanError(code, `cannot ${doing}: ${text}`);
}

function messageOf(line: string): string[] {
  if (line.trim() === "") return [];
  try {
    const { msg } = JSON.parse(line) as { msg?: unknown };
    return typeof msg === "string" ? [msg] : [];
  } catch {
    return [line.trim()];
  }
}
