/** Runs a program with runc's command line, and says what it said when it failed. */
import { SampanError, type Code } from "../../base/errors.ts";
import { endsOf, gather } from "../../base/gather.ts";

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
/** Bytes that are kept of each stream. */
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
  await using output = gather(child.stdout, most);
  await using said = gather(child.stderr, most);
  const status = await child.exited;
  await endsOf([output, said], graceMs);
  if (status === 0) return output.text();
  const doing = `${words.find((word) => !word.startsWith("-"))} container by runtime "${name}"`;
  if (signal?.aborted) throw new SampanError("cancelled", `cannot ${doing}: it was cancelled`);
  if (late.aborted)
    throw new SampanError(
      "deadline_exceeded",
      `cannot ${doing}: it has not ended after ${deadlineMs / 1000} s`,
    );
  throw errorOf(doing, said.text());
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
