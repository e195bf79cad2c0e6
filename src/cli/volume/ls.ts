/** `sampan volume ls`. */
import type { Volume } from "../../spec/docker/volumes.ts";
import { define } from "../command.ts";
import { filterFlag, parseFilters } from "../filters.ts";
import { formatFlag, jsonFlag, type Row, writeJson, writeRows } from "../format.ts";
import { printable, joinLabels } from "../text/identifier.ts";
import { formatSize } from "../text/size.ts";

const heads = {
  Driver: "DRIVER",
  Name: "VOLUME NAME",
  Scope: "SCOPE",
  Mountpoint: "MOUNTPOINT",
  Labels: "LABELS",
  Links: "LINKS",
  Size: "SIZE",
  Availability: "AVAILABILITY",
  Group: "GROUP",
  Status: "STATUS",
} as const;

function row({ Driver, Name, Scope, Mountpoint, Labels, UsageData }: Volume): Row {
  return {
    Driver,
    Name,
    Scope,
    Mountpoint,
    Labels: joinLabels(Labels),
    Links: UsageData ? String(UsageData.RefCount) : "N/A",
    Size: UsageData && UsageData.Size >= 0 ? formatSize(UsageData.Size) : "N/A",
    Availability: "N/A",
    Group: "N/A",
    Status: "N/A",
  };
}

export const command = define({
  summary: "List volumes",
  usage: "[OPTIONS]",
  flags: {
    cluster: { kind: "yes", help: "", absent: "Sampan is in no cluster" },
    filter: filterFlag,
    format: formatFlag,
    json: jsonFlag,
    quiet: { kind: "yes", short: "q", help: "Print names only" },
  },
  words: { least: 0, most: 0 },
  more: "Filters: dangling=true, driver=NAME, label=KEY[=VALUE], name=TEXT.",
  examples: [["volume ls -qf dangling=true", "Names of those that no container uses"]],
  run: async ({ flags, daemon, out, err }) => {
    const filters = parseFilters(flags.filter, ["dangling", "driver", "label", "name"]);
    const { Volumes, Warnings } = await (await daemon()).volumes(filters);
    const found = (Volumes ?? []).toSorted((a, b) => a.Name.localeCompare(b.Name, "en", { numeric: true }));
    for (const warning of Warnings ?? []) await err.write(`WARNING: ${printable(warning)}\n`);
    if (flags.json) {
      await writeJson(out, found);
      return 0;
    }
    await writeRows(out, found.map(row), {
      format: flags.quiet ? "{{.Name}}" : flags.format,
      columns: "{{.Driver}}\t{{.Name}}",
      heads,
    });
    return 0;
  },
});
