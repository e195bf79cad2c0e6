/** `sampan system prune`. */
import { define } from "../command.ts";
import { confirm, forceFlag } from "../confirm.ts";
import { parseFilters, pruneFilterFlag } from "../filters.ts";
import { formatTotal } from "../text/size.ts";
import { pruneAll } from "./_prune-all.ts";

function warning({ all, volumes }: { all: boolean; volumes: boolean }): string {
  const images = all ? "all images without at least one container associated to them" : "all dangling images";
  const what = [
    "all stopped containers",
    "all networks not used by at least one container",
    ...(volumes ? ["all anonymous volumes not used by at least one container"] : []),
    images,
    "partial downloads and other garbage",
  ];
  return `This will remove:\n${what.map((each) => `  - ${each}\n`).join("")}`;
}

export const command = define({
  summary: "Remove all that nothing uses",
  usage: "[OPTIONS]",
  flags: {
    all: { kind: "yes", short: "a", help: "Also images with a name that no container uses" },
    volumes: { kind: "yes", help: "Also anonymous volumes that no container uses" },
    force: forceFlag,
    filter: pruneFilterFlag,
  },
  words: { least: 0, most: 0 },
  examples: [["system prune --all --force", "As much as can be, without a question"]],
  more: "Filters: until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE].",
  run: async ({ flags, daemon, ...io }) => {
    const filters = parseFilters(flags.filter, ["until", "label", "label!"]);
    if (!(await confirm(io, warning(flags), flags.force))) return 0;
    const { removed, reclaimed } = await pruneAll(await daemon(), { ...flags, filters, signal: io.signal });
    if (removed.length > 0) await io.out.write(`Deleted:\n${removed.join("\n")}\n\n`);
    await io.out.write(`Total reclaimed space: ${formatTotal(reclaimed)}\n`);
    return 0;
  },
});
