/** What commands have in common: one container id, and the folder of a bundle. */
import { invalid } from "../../base/errors.ts";
import { real } from "../../runtime/native/caller.ts";

/** The only word: the container's id. */
export function onlyId(command: string, words: readonly string[]): string {
  if (words.length !== 1) throw invalid(`sampan runtime: "${command}" requires exactly 1 argument(s)`);
  const [id = ""] = words;
  if (id === "") throw invalid("container id cannot be empty");
  return id;
}

/** --bundle, absolute and without links; the working directory when it is left out. */
export function bundleDir(flag: string | undefined): string {
  const given = flag === undefined || flag === "" ? "." : flag;
  const dir = real(given);
  if (dir === undefined) {
    throw invalid(`cannot use bundle "${given}": chdir ${given}: no such file or directory`);
  }
  return dir;
}
