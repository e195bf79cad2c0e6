/** `sampan system audit`: what containers are made of on this host, and what belongs to none. */
import type { AuditItem } from "../../spec/docker/system.ts";
import { define } from "../command.ts";
import { jsonFlag, writeJson } from "../format.ts";
import { align } from "../text/columns.ts";
import { printableCell } from "../text/identifier.ts";

function table(items: readonly AuditItem[]): string {
  const rows = items.map(({ kind, name, owner }) =>
    [printableCell(kind), printableCell(name), owner === "" ? "nobody" : printableCell(owner)].join("\t"),
  );
  return rows.length > 0 ? align(["KIND\tNAME\tBELONGS TO", ...rows]) : "";
}

export const command = define({
  summary: "Show monitors, mounts, cgroups, interfaces and rules, and any that belong to nothing",
  usage: "[OPTIONS]",
  flags: {
    all: { kind: "yes", short: "a", help: "Also those that belong to something" },
    json: jsonFlag,
  },
  words: { least: 0, most: 0 },
  more: "Exits with 1 when there are left-overs.",
  examples: [
    ["system audit", "Left-overs only"],
    ["system audit --all --json", "Everything, for programs"],
  ],
  run: async ({ flags, daemon, ...io }) => {
    const items = await (await daemon()).audit({ signal: io.signal });
    const left = items.filter(({ owner }) => owner === "");
    const shown = flags.all ? items : left;
    if (flags.json) await writeJson(io.out, shown);
    else {
      const sum =
        left.length === 0 ? `All ${items.length} belong to something.` : `Left over: ${left.length}`;
      await io.out.write(`${table(shown)}${sum}\n`);
    }
    return left.length > 0 ? 1 : 0;
  },
});
