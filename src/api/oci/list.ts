/** sampan runtime list */
import { invalid } from "../../base/errors.ts";
import { list, type ListedContainer } from "../../runtime/native/list.ts";
import { parseFlags } from "./flags.ts";
import { print } from "./log.ts";
import type { Command } from "./main.ts";
import { table } from "./_table.ts";

export const flags = {
  format: { kind: "text", short: "f", value: "table|json", help: "how to print them (default: table)" },
  quiet: { kind: "yes", short: "q", help: "print only the ids" },
} as const;

export const command: Command = async ({ runtime, args }) => {
  const { flags: given, words } = parseFlags(flags, args);
  if (words.length > 0) throw invalid('sampan runtime: "list" requires exactly 0 argument(s)');
  const format = given.format ?? "table";
  if (format !== "table" && format !== "json")
    throw invalid(`cannot use --format "${format}": invalid format option, wanted table or json`);
  const containers = await list(runtime);
  if (given.quiet) print(containers.map(({ id }) => `${id}\n`).join(""));
  // Callers of runc read `null` where there are none.
  else if (format === "json") print(`${JSON.stringify(containers.length === 0 ? null : containers)}\n`);
  else print(listTable(containers));
  return 0;
};

const columns = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"] as const;

export function listTable(containers: readonly ListedContainer[]): string {
  const rows = containers.map(({ id, pid, status, bundle, created, owner }) => [
    id,
    String(pid),
    status,
    bundle,
    created,
    owner,
  ]);
  return table([columns, ...rows]);
}
