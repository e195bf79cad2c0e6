/**
 * What is in a data root and what is wrong with it, as JSON: `bun _look.ts CLEAN ROOT`, where CLEAN is the root of a clean run. A process of its own: SQLite knows
 * files by device and inode, and a process that has seen many disks takes one for another.
 */
import { openSmallEngine } from "./_engine.ts";
import { faults, leftovers, treesOf } from "./_state.ts";

export interface Seen {
  /** Of images and containers. */
  readonly names: readonly string[];
  readonly wrong: readonly string[];
}

async function look(clean: string, root: string): Promise<Seen> {
  await using known = await openSmallEngine(clean, "unprobed");
  await using engine = await openSmallEngine(root, "unprobed");
  const images = engine.images.list().flatMap(({ names }) => names);
  const names = [...images, ...engine.containers.list().map(({ name }) => name)].toSorted();
  const wrong = await faults(engine, treesOf(known));
  return { names, wrong: [...wrong, ...(await leftovers(engine))] };
}

if (import.meta.main) console.log(JSON.stringify(await look(process.argv[2] ?? "", process.argv[3] ?? "")));
