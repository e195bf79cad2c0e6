/** What stays in memory while a container runs in the foreground: the runtime's own process, from /proc/PID/smaps_rollup (proc(5)). */
import { readFileSync } from "node:fs";
import type { Runtime } from "./_runtimes.ts";

/** MiB that only the process in the foreground has. `bundle` is of a container that writes a line when it runs, then waits to be killed. */
export async function privateMiB(runtime: Runtime, bundle: string): Promise<number> {
  const id = `sampan-bench-memory-${runtime.name}`;
  const child = Bun.spawn([...runtime.words, "run", "--bundle", bundle, id], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  try {
    await child.stdout.getReader().read();
    const text = readFileSync(`/proc/${child.pid}/smaps_rollup`, "utf8");
    const kib = [...text.matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB$/gm)].map(([, number]) =>
      Number(number),
    );
    return kib.reduce((sum, each) => sum + each, 0) / 1024;
  } finally {
    await Bun.spawn([...runtime.words, "kill", id, "KILL"]).exited;
    await child.exited;
  }
}
