/** `sampan system audit`: does this host have what containers are made of, and nothing else of theirs? */
import type { AuditItem } from "../../spec/docker/system.ts";
import { define } from "../command.ts";
import { jsonFlag, writeJson } from "../format.ts";
import { align } from "../text/columns.ts";
import { printableCell } from "../text/identifier.ts";

function report(items: readonly AuditItem[]): string {
  if (items.length === 0) return "All is there, and nothing is left over.\n";
  const rows = items.map(({ kind, name, owner, problem, repaired }) =>
    [kind, name, owner === "" ? "nobody" : owner, repaired ? `${problem}, repaired` : problem]
      .map(printableCell)
      .join("\t"),
  );
  return align(["KIND\tNAME\tOWNER\tPROBLEM", ...rows]);
}

export const command = define({
  summary: "Show monitors, mounts, cgroups, interfaces and rules that are missing or left over",
  usage: "[OPTIONS]",
  flags: {
    repair: { kind: "yes", help: "Take away what is left over" },
    json: jsonFlag,
  },
  words: { least: 0, most: 0 },
  more: "Exits with 1 when something is wrong and was not repaired.",
  examples: [
    ["system audit", "A line for each thing"],
    ["system audit --repair --json", "Put right, for programs"],
  ],
  run: async ({ flags, daemon, ...io }) => {
    const items = await (await daemon()).audit({ repair: flags.repair, signal: io.signal });
    if (flags.json) await writeJson(io.out, items);
    else await io.out.write(report(items));
    return items.some(({ repaired }) => !repaired) ? 1 : 0;
  },
});
