/** `sampan network ls`. */
import type { NetworkInspect } from "../../spec/docker/networks.ts";
import { define } from "../command.ts";
import { filterFlag, parseFilters } from "../filters.ts";
import { formatFlag, jsonFlag, type Row, writeJson, writeRows } from "../format.ts";
import { joinLabels, shortId } from "../text/identifier.ts";

const heads = {
  ID: "NETWORK ID",
  Name: "NAME",
  Driver: "DRIVER",
  Scope: "SCOPE",
  IPv4: "IPV4",
  IPv6: "IPV6",
  Internal: "INTERNAL",
  Labels: "LABELS",
  CreatedAt: "CREATED AT",
} as const;

function row(network: NetworkInspect, full: boolean): Row {
  return {
    ID: full ? network.Id : shortId(network.Id),
    Name: network.Name,
    Driver: network.Driver,
    Scope: network.Scope,
    IPv4: String(network.EnableIPv4 ?? true),
    IPv6: String(network.EnableIPv6),
    Internal: String(network.Internal),
    Labels: joinLabels(network.Labels),
    CreatedAt: network.Created,
  };
}

export const command = define({
  summary: "List networks",
  usage: "[OPTIONS]",
  flags: {
    filter: filterFlag,
    format: formatFlag,
    json: jsonFlag,
    "no-trunc": { kind: "yes", help: "Do not cut ids" },
    quiet: { kind: "yes", short: "q", help: "Print ids only" },
  },
  words: { least: 0, most: 0 },
  more: "Filters: dangling=true, driver=NAME, id=ID, label=KEY[=VALUE], name=TEXT, scope=local, type=custom|builtin.",
  examples: [["network ls --filter driver=bridge", "Bridges only"]],
  run: async ({ flags, daemon, out }) => {
    const filters = parseFilters(flags.filter, [
      "dangling",
      "driver",
      "id",
      "label",
      "name",
      "scope",
      "type",
    ]);
    const found = (await (await daemon()).networks(filters)).toSorted((a, b) =>
      a.Name.localeCompare(b.Name, "en", { numeric: true }),
    );
    if (flags.json) {
      await writeJson(out, found);
      return 0;
    }
    await writeRows(
      out,
      found.map((network) => row(network, flags["no-trunc"])),
      {
        format: flags.quiet ? "{{.ID}}" : flags.format,
        columns: "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
        heads,
      },
    );
    return 0;
  },
});
