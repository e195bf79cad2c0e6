/** sampan runtime ps ID [options of ps] */
import { invalid } from "../../base/errors.ts";
import { containerPids, ps } from "../../runtime/native/ps.ts";
import { parseFlags } from "./flags.ts";
import { print } from "./log.ts";
import type { Command } from "./main.ts";

export const flags = {
  format: { kind: "text", short: "f", value: "table|json", help: "how to print them (default: table)" },
} as const;

export const command: Command = async ({ runtime, args }) => {
  // Behind the id it would be an option of ps.
  if (args[0] === "--help" || args[0] === "-h") {
    print((await import("./help.ts")).helpText("ps"));
    return 0;
  }
  const { flags: given, words } = parseFlags(flags, args);
  const [id = "", ...options] = words;
  if (id === "") throw invalid('sampan runtime: "ps" requires a minimum of 1 argument');
  const format = given.format ?? "table";
  if (format === "json") {
    const pids = containerPids(runtime, id);
    // Callers of runc read `null` where there are none.
    print(`${JSON.stringify(pids.length === 0 ? null : pids)}\n`);
  } else if (format === "table") print(ps(runtime, id, options));
  else throw invalid(`cannot use --format "${format}": invalid format option, wanted table or json`);
  return 0;
};
