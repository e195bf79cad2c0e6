/** A client program of test/clients, written in TypeScript, run by Node as its users run it: types taken off, in a folder from which the npm packages are found. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import type { Ran, RunOptions, World } from "./_world.ts";

export async function runInNode(world: World, file: string, options: RunOptions = {}): Promise<Ran> {
  const source = await Bun.file(join(import.meta.dir, file)).text();
  const folder = resolve(import.meta.dir, "../../build/clients");
  mkdirSync(folder, { recursive: true });
  const program = join(folder, `${process.pid}-${basename(file, ".ts")}.mjs`);
  writeFileSync(program, new Bun.Transpiler({ loader: "ts", target: "node" }).transformSync(source));
  try {
    return await world.run(["node", program], options);
  } finally {
    rmSync(program, { force: true });
  }
}
