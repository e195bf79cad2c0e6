/** The helper process that looks at a place of the host which may never answer: it is held up then, and nobody else. */
import { statSync } from "node:fs";
import { dieWithParent } from "../../kernel/fs.ts";

/** The word that chooses it among the helpers. */
export const lookWord = "look";

/** The exit status: 0 when the place has answered, be it that it is not there. */
export function lookWorker([path = ""]: readonly string[]): number {
  dieWithParent();
  try {
    statSync(path);
  } catch {
    // That is an answer.
  }
  return 0;
}
