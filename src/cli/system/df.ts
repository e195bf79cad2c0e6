/** `sampan system df`: where every byte under the data root went. */
import { SampanError } from "../../base/errors.ts";
import type { DiskCategory, DiskUsage } from "../../spec/docker/images.ts";
import type { DaemonClient } from "../client/daemon.ts";
import { define } from "../command.ts";
import { formatFlag, jsonFlag, type Row, writeJson, writeRows } from "../format.ts";
import type { Output } from "../io.ts";
import { align } from "../text/columns.ts";
import { printable } from "../text/identifier.ts";
import { formatTotal } from "../text/size.ts";
import { dockerRows } from "./_docker-df.ts";

const heads = {
  Type: "TYPE",
  TotalCount: "TOTAL",
  Active: "ACTIVE",
  Size: "SIZE",
  Reclaimable: "RECLAIMABLE",
} as const;

function title(name: string): string {
  return name.slice(0, 1).toUpperCase() + name.slice(1);
}

function row({ name, count, active, size, reclaimable }: DiskCategory): Row {
  const part = size > 0 ? ` (${Math.floor((100 * reclaimable) / size)}%)` : "";
  return {
    Type: title(name),
    TotalCount: String(count),
    Active: String(active),
    Size: formatTotal(size),
    Reclaimable: `${formatTotal(reclaimable)}${part}`,
  };
}

function total({ root, total: bytes, budget }: DiskUsage): string {
  const limit = budget > 0 ? ` of ${formatTotal(budget)} that it may have` : "";
  return `${formatTotal(bytes)} in ${root}${limit}\n`;
}

/** A table of items for each kind that has some. */
function details(usage: DiskUsage): string {
  return usage.categories
    .filter(({ items }) => items.length > 0)
    .map(({ name, items, size }) => {
      const rows = items
        .toSorted((a, b) => b.size - a.size)
        .map((item) =>
          [
            printable(item.name),
            formatTotal(item.size),
            item.shared ? "yes" : "no",
            printable(item.usedBy.join(", ")) || "nobody",
          ].join("\t"),
        );
      return `${title(name)}: ${formatTotal(size)}\n\n${align(["NAME\tSIZE\tSHARED\tUSED BY", ...rows])}\n`;
    })
    .join("");
}

interface Look {
  readonly json: boolean;
  readonly format: string | undefined;
}

const columns = "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}";

/** A daemon that is not Sampan's has an account of its own. */
async function foreign(daemon: DaemonClient, { json, format }: Look, out: Output): Promise<number> {
  const usage = await daemon.dockerDiskUsage();
  if (json) await writeJson(out, usage);
  else await writeRows(out, dockerRows(usage), { format, columns, heads });
  return 0;
}

export const command = define({
  summary: "Show what uses the disk",
  usage: "[OPTIONS]",
  flags: {
    format: formatFlag,
    json: jsonFlag,
    verbose: { kind: "yes", short: "v", help: "Every thing with its size and who uses it" },
  },
  words: { least: 0, most: 0 },
  more: "ACTIVE is what containers use, or of containers those that run; RECLAIMABLE what system prune -a gives back of the rest. Sizes are what the file system allocated; together they are all that lies under the data root.",
  examples: [
    ["system df", "A line for each kind"],
    ["system df -v", "Everything"],
  ],
  run: async ({ flags, daemon, out }) => {
    const engine = await daemon();
    const usage = await engine.diskUsage().catch((error: unknown) => {
      if (SampanError.from(error).code === "unimplemented") return undefined;
      throw error;
    });
    if (!usage) return foreign(engine, flags, out);
    if (flags.json) await writeJson(out, usage);
    else if (flags.verbose && flags.format === undefined) await out.write(details(usage) + total(usage));
    else {
      await writeRows(out, usage.categories.map(row), {
        format: flags.format,
        columns,
        heads,
      });
      if (flags.format === undefined) await out.write(`\n${total(usage)}`);
    }
    return 0;
  },
});
