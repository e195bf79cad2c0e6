/** This program again, as another of its parts: the executable itself, or Bun with the program's source. */
import { join } from "node:path";

/** The beginning of the argument list; the part's own arguments follow. */
export function programCommand(...words: readonly string[]): string[] {
  const compiled = import.meta.dir.startsWith("/$bunfs/");
  return compiled
    ? [process.execPath, ...words]
    : [process.execPath, join(import.meta.dir, "sampan.ts"), ...words];
}
