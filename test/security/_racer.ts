/** The racer: a process that swaps names as fast as the kernel lets it, beside whatever the test does. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { program, scratch } from "./_place.ts";

/** Runs of the runtime beside a racer. SAMPAN_RACES=10000 is for a machine that has an hour. */
export const races = Number(process.env["SAMPAN_RACES"] ?? 100);

/** Swaps the two names of each pair until disposed; resolves when the first swaps are done. Both must exist, on one file system. */
export async function racer(...pairs: readonly (readonly [string, string])[]): Promise<AsyncDisposable> {
  const folder = scratch();
  const flag = join(folder.path, "ready");
  const racing = Bun.spawn([program("racer", folder.path), flag, ...pairs.flat()], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  while (!existsSync(flag)) {
    if (racing.exitCode !== null) throw new Error(await new Response(racing.stderr).text());
    await Bun.sleep(1);
  }
  return {
    async [Symbol.asyncDispose]() {
      racing.kill("SIGKILL");
      await racing.exited;
      folder[Symbol.dispose]();
    },
  };
}
