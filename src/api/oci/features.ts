/** sampan runtime features: features.md of the OCI runtime specification, as JSON. */
import { invalid } from "../../base/errors.ts";
import { runtimeFeatures } from "../../runtime/native/features.ts";
import { parseFlags } from "./flags.ts";
import { print } from "./log.ts";
import type { Command } from "./main.ts";
import { commit, runtimeVersion } from "./version.ts";

export const flags = {} as const;

export const command: Command = async ({ args }) => {
  if (parseFlags(flags, args).words.length > 0)
    throw invalid('sampan runtime: "features" requires exactly 0 argument(s)');
  const document = runtimeFeatures({ version: runtimeVersion, commit: commit() });
  print(`${JSON.stringify(document, undefined, 4)}\n`);
  return 0;
};
