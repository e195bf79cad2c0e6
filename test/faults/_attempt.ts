/** A verb in a process of its own, under conditions in which it cannot succeed; and what must hold after it. */
import { openSmallEngine } from "../power-cut/_engine.ts";
import { faults, leftovers, treesOf, treesOfAll, type Trees } from "../power-cut/_state.ts";
import { verbs } from "../power-cut/_verbs.ts";

const program = new URL("../power-cut/_verb.ts", import.meta.url).pathname;

export interface Attempt {
  /** 0 done, 1 an error that says what it is, 3 refused, 4 an error that nobody has thought of; 255 it was ended since it hung. */
  readonly status: number;
  /** `code: text`. */
  readonly error: string;
  /** The engine was open. */
  readonly ready: boolean;
}

/** `wrapper`: a program and its arguments that the verb is started by. */
export async function attempt(
  root: string,
  args: readonly string[],
  wrapper: readonly string[] = [],
): Promise<Attempt> {
  const child = Bun.spawn([...wrapper, process.execPath, program, root, ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 30_000,
    killSignal: "SIGKILL",
  });
  const [out, error, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return {
    status: child.signalCode === "SIGKILL" ? 255 : status,
    error: error.trim(),
    ready: out.includes("ready"),
  };
}

/** In this process. */
export async function act(root: string, verb: string, ...args: string[]): Promise<void> {
  {
    await using engine = await openSmallEngine(root, "unprobed");
    await verbs[verb]?.(engine, ...args);
  }
  // A database stays open as long as one of its statements is in memory.
  Bun.gc(true);
}

export async function treesIn(root: string, ...more: readonly Trees[]): Promise<Trees> {
  await using engine = await openSmallEngine(root, "unprobed");
  return treesOfAll(...more, treesOf(engine));
}

/** What is there by name. */
export async function things(root: string): Promise<string[]> {
  await using engine = await openSmallEngine(root, "unprobed");
  const images = engine.images.list().flatMap(({ names }) => names);
  return [...images, ...engine.containers.list().map(({ name }) => name)].toSorted();
}

/** What is wrong with the root, and what a collection leaves of what a failure left. */
export async function wrongs(root: string, trees: Trees): Promise<string[]> {
  await using engine = await openSmallEngine(root, "unprobed");
  return [...(await faults(engine, trees)), ...(await leftovers(engine))];
}
