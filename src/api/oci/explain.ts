/** sampan runtime explain: what `create` does, from a bundle or of a container. */
import { invalid } from "../../base/errors.ts";
import { explainBundle, explainContainer } from "../../runtime/native/explain.ts";
import { explanationText } from "../../runtime/native/plan/explain/explain.ts";
import { bundleDir } from "./_words.ts";
import { parseFlags } from "./flags.ts";
import { print } from "./log.ts";
import type { Command } from "./main.ts";

export const flags = {
  bundle: {
    kind: "text",
    short: "b",
    value: "DIR",
    help: "folder of the bundle (default: the working directory)",
  },
  id: {
    kind: "text",
    value: "ID",
    help: "alone: the plan that this container was made with; with --bundle: as if it was made with this id",
  },
  json: { kind: "yes", help: "print an array of operations instead of lines" },
} as const;

export const command: Command = async ({ runtime, args }) => {
  const { flags: given, words } = parseFlags(flags, args);
  if (words.length > 0) throw invalid('sampan runtime: "explain" requires exactly 0 argument(s)');
  const { id, bundle } = given;
  const explained =
    id !== undefined && bundle === undefined
      ? await explainContainer(runtime, id)
      : await explainBundle(runtime, bundleDir(bundle), id ?? "ID");
  if (given.json) print(`${JSON.stringify(explained, undefined, 2)}\n`);
  else print(explanationText(explained));
  return 0;
};
