/** This program again, as another of its parts: the executable itself, or Bun with the program's source. */
import { join } from "node:path";

/** One executable, and not Bun with the source. */
export function isCompiled(): boolean {
  return import.meta.dir.startsWith("/$bunfs/");
}

/** The beginning of the argument list; the part's own arguments follow. */
export function programCommand(...words: readonly string[]): string[] {
  return isCompiled()
    ? [process.execPath, ...words]
    : [process.execPath, join(import.meta.dir, "sampan.ts"), ...words];
}
