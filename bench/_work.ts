/**
 * Work inside of a container beside the same work on the host: work.c waits in each place, and the places take turns with portions of some
 * milliseconds, so that whatever else the machine does meets them alike.
 */
import type { Runtime } from "./_runtimes.ts";

export const workKinds = ["cpu", "files"] as const;
export type WorkKind = (typeof workKinds)[number];

export interface WorkSample {
  readonly wallMs: number;
  readonly processorMs: number;
}

/** A process that does a portion whenever it is asked. */
interface Worker {
  readonly name: string;
  portion(): Promise<WorkSample>;
  end(): Promise<void>;
}

function begin(name: string, command: readonly string[]): Worker {
  const child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const lines = child.stdout.getReader();
  return {
    name,
    async portion() {
      void child.stdin.write("x");
      void child.stdin.flush();
      const { value } = await lines.read();
      if (!value) throw new Error(`the work in ${name} ended early`);
      const [wall = NaN, processor = NaN] = Buffer.from(value).toString().split(" ").map(Number);
      return { wallMs: wall / 1e6, processorMs: processor / 1e6 };
    },
    async end() {
      await child.stdin.end();
      await child.exited;
    },
  };
}

export interface WorkPlaces {
  /** The program and a tmpfs of the host. */
  readonly host: readonly string[];
  readonly runtimes: readonly Runtime[];
  readonly bundle: string;
  readonly rounds: number;
}

/** Samples by place: "host" and the runtimes' names. */
export async function work(kind: WorkKind, places: WorkPlaces): Promise<Map<string, WorkSample[]>> {
  const workers = [
    begin("host", places.host),
    ...places.runtimes.map(({ name, words }) =>
      begin(name, [...words, "run", "--bundle", places.bundle, `sampan-bench-work-${kind}-${name}`]),
    ),
  ];
  const samples = new Map(workers.map(({ name }): [string, WorkSample[]] => [name, []]));
  try {
    // The first portion of each meets cold caches.
    for (const worker of workers) await worker.portion();
    for (let round = 0; round < places.rounds; round++) {
      for (const worker of round % 2 === 0 ? workers : workers.toReversed())
        samples.get(worker.name)?.push(await worker.portion());
    }
  } finally {
    for (const worker of workers) await worker.end();
  }
  return samples;
}
