/** Reads what strace writes with -f -y -xx: one call at a time, its arguments as values. Strings are byte strings (latin1). */
import { createReadStream } from "node:fs";

export interface Call {
  readonly pid: number;
  readonly name: string;
  readonly args: readonly Argument[];
  /** The number that the call gave back; -1 with an error. */
  readonly result: number;
  /** The path of a descriptor that the call gave back. */
  readonly resultPath: string | undefined;
  /** Line numbers of its beginning and its end. */
  readonly begin: number;
  readonly end: number;
}

export interface Argument {
  /** As strace printed it: `O_RDWR|O_CREAT`, `{flags=O_RDONLY}`, `0644`, `[{iov_base=…}]`. */
  readonly text: string;
  /** The decoded string, if it is one. */
  readonly string: string | undefined;
  /** Of a descriptor: its number and path, and whether the path's file has been deleted. */
  readonly descriptor: Descriptor | undefined;
}

export interface Descriptor {
  /** -100 is AT_FDCWD. */
  readonly fd: number;
  readonly path: string;
  readonly deleted: boolean;
}

export function decode(hex: string): string {
  return Buffer.from(hex.replaceAll("\\x", ""), "hex").toString("latin1");
}

const opening = "([{<";
const closing = ")]}>";

/** Splits `a, {b, c}, "d"` at its outer commas. `<` opens only where a path follows it. */
export function splitArguments(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] as string;
    if (char === '"') {
      at = text.indexOf('"', at + 1);
      if (at < 0) throw new Error(`cannot read the trace: a string has no end: ${text.slice(0, 200)}`);
    } else if (char === "<" && text[at + 1] !== "<") {
      at = text.indexOf(">", at + 1);
    } else if (opening.includes(char)) depth++;
    else if (closing.includes(char)) depth--;
    else if (char === "," && depth === 0) {
      parts.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  const last = text.slice(start).trim();
  return last === "" && parts.length === 0 ? [] : [...parts, last];
}

export function parseDescriptor(text: string): Descriptor | undefined {
  const match = /^(AT_FDCWD|\d+)<([^>]*)>(\(deleted\))?/.exec(text);
  if (!match) return undefined;
  const [, number = "", path = "", deleted] = match;
  return {
    fd: number === "AT_FDCWD" ? -100 : Number(number),
    path: path.startsWith("\\x") ? decode(path) : path,
    deleted: deleted !== undefined,
  };
}

function parseArgument(text: string): Argument {
  if (text.startsWith('"')) {
    if (text.endsWith('"...')) throw new Error("cannot follow the trace: strace cut a string short");
    return { text, string: decode(text.slice(1, -1)), descriptor: undefined };
  }
  return { text, string: undefined, descriptor: parseDescriptor(text) };
}

/** Where the argument list that begins at `open` ends. */
function closingOf(text: string, open: number): number {
  // The result cannot hold ") = ", but a string in the arguments is only hex, so the last one is the call's.
  const at = text.lastIndexOf(") = ");
  if (at < open) throw new Error(`cannot read the trace: ${text.slice(0, 200)}`);
  return at;
}

interface Begun {
  readonly text: string;
  readonly begin: number;
}

/** A machine that is fed lines and gives a call for each line that ends one. */
export class TraceReader {
  readonly #unfinished = new Map<number, Begun>();
  #line = 0;

  /** Begins that have not ended: calls that were in progress when the process died. */
  get unfinished(): number {
    return this.#unfinished.size;
  }

  line(line: string): Call | undefined {
    const number = ++this.#line;
    const match = /^(\d+)\s+/.exec(line);
    if (!match) return undefined;
    const pid = Number(match[1]);
    const text = line.slice(match[0].length);
    if (text.startsWith("---") || text.startsWith("+++")) return undefined;
    const unfinished = text.lastIndexOf(" <unfinished ...>");
    if (unfinished >= 0) {
      this.#unfinished.set(pid, { text: text.slice(0, unfinished), begin: number });
      return undefined;
    }
    const resumed = /^<\.\.\. \S+ resumed>/.exec(text);
    if (!resumed) return parseCall(pid, text, number, number);
    const begun = this.#unfinished.get(pid);
    this.#unfinished.delete(pid);
    return begun && parseCall(pid, begun.text + text.slice(resumed[0].length), begun.begin, number);
  }
}

function parseCall(pid: number, text: string, begin: number, end: number): Call | undefined {
  const open = text.indexOf("(");
  // Of one that was killed before strace saw which call it was in: `???( <detached ...>`.
  if (open < 0 || text.startsWith("???")) return undefined;
  if (text.includes(") = ?", open) && !/\) = \d/.test(text)) return undefined;
  const close = closingOf(text, open);
  const result = text.slice(close + 4);
  const value = /^(0x[0-9a-f]+|-?\d+)/.exec(result)?.[1];
  return {
    pid,
    name: text.slice(0, open),
    args: splitArguments(text.slice(open + 1, close)).map(parseArgument),
    result: value === undefined ? -1 : Number(value),
    resultPath: parseDescriptor(result)?.path,
    begin,
    end,
  };
}

/** All calls of a trace file in the order in which they ended. */
export async function* readTrace(path: string): AsyncGenerator<Call> {
  const reader = new TraceReader();
  let rest: string[] = [];
  for await (const chunk of createReadStream(path, {
    encoding: "latin1",
    highWaterMark: 1 << 20,
  }) as AsyncIterable<string>) {
    const lines = chunk.split("\n");
    if (lines.length === 1) {
      rest.push(chunk);
      continue;
    }
    lines[0] = rest.join("") + (lines[0] as string);
    rest = [lines.pop() as string];
    for (const line of lines) {
      const call = reader.line(line);
      if (call) yield call;
    }
  }
}
