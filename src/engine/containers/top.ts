/** The processes of a container, as ps of the host shows them: the columns are the host's ps's and the caller's to choose. */
import { execFile } from "node:child_process";
import { invalid, SampanError } from "../../base/errors.ts";
import type { LiveEngine } from "../engine.ts";
import { processTable } from "./top-proc.ts";

export type TopParts = Pick<LiveEngine, "containers" | "runtimes">;

export interface ProcessTable {
  readonly titles: readonly string[];
  /** A row has as many cells as there are titles. */
  readonly processes: readonly (readonly string[])[];
}

/** ps has so long, and may say so much. */
const limits = { timeout: 10_000, maxBuffer: 64 << 20 };

/**
 * `args` are ps's, separated by spaces; `-ef` when there are none. Without ps on the host the columns of `ps -ef` are given, from /proc. Errors: `failed_precondition` for one
 * that does not run, `invalid_argument` where ps refuses or shows no process ids.
 */
export async function topContainer(engine: TopParts, reference: string, args: string): Promise<ProcessTable> {
  const { id, state, body } = engine.containers.get(reference);
  if (state !== "running" && state !== "paused")
    throw new SampanError(
      "failed_precondition",
      `container ${id} is ${state === "restarting" ? "restarting, wait until the container is running" : "not running"}`,
    );
  const pids = await engine.runtimes.get(body.HostConfig?.Runtime || undefined).processes(id);
  const wanted = args.split(" ").filter(Boolean);
  checkArguments(wanted);
  const text = await listed(wanted.length > 0 ? wanted : ["-ef"], pids);
  return text === undefined ? processTable(pids) : rowsOf(text, new Set(pids));
}

/** A column with a title of its own that says PID would be taken for the process ids. */
function checkArguments(args: readonly string[]): void {
  for (const arg of args) {
    const [, column, title] = /(\w*)=\s*(PID\S*)/.exec(arg) ?? [];
    if (column !== undefined && column !== "pid")
      throw invalid(`specifying "${column}=${title}" is not allowed`);
  }
}

/** ps is asked for these processes alone; where its other arguments do not go with that, for all that they ask for. Undefined: there is no ps. */
async function listed(args: readonly string[], pids: readonly number[]): Promise<string | undefined> {
  const few = await ps([...args, `-q${pids.join(",")}`]);
  if (few === "missing") return undefined;
  const all = few.failed === undefined ? few : await ps(args);
  if (all === "missing") return undefined;
  if (all.failed === undefined) return all.text;
  throw invalid(`ps: ${all.failed}`);
}

type Answer = { readonly text: string; readonly failed: string | undefined } | "missing";

function ps(args: readonly string[]): Promise<Answer> {
  const env = {
    PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
    LC_ALL: "C.UTF-8",
    COLUMNS: "10000",
  };
  return new Promise((resolve, reject) => {
    execFile("ps", args, { ...limits, env, encoding: "utf8" }, (error, text, words) => {
      if (!error) return resolve({ text, failed: undefined });
      if (error.code === "ENOENT") return resolve("missing");
      if (error.killed) return reject(new SampanError("deadline_exceeded", "ps took too long"));
      resolve({ text, failed: (words || error.message).trim().split("\n")[0] ?? "" });
    });
  });
}

/** The last column has spaces. Errors: `invalid_argument` without a column of process ids. */
export function rowsOf(text: string, pids: ReadonlySet<number>): ProcessTable {
  const [head = "", ...lines] = text.split("\n");
  const titles = head.split(/\s+/).filter(Boolean);
  const place = titles.indexOf("PID");
  if (place < 0) throw invalid("Couldn't find PID field in ps output");
  let isOurs = false;
  const processes: string[][] = [];
  for (const line of lines) {
    const cells = line.split(/\s+/).filter(Boolean);
    if (cells.length === 0) continue;
    // A thread's line has a dash there: it belongs to the process above it.
    if (cells[place] !== "-") isOurs = pids.has(Number(cells[place]));
    if (!isOurs) continue;
    const last = titles.length - 1;
    processes.push([...cells.slice(0, last), cells.slice(last).join(" ")]);
  }
  return { titles, processes };
}
