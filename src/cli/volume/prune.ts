/** `sampan volume prune`. */
import { define } from "../command.ts";
import { confirm, forceFlag } from "../confirm.ts";
import { parseFilters, pruneFilterFlag } from "../filters.ts";
import { formatTotal } from "../text/size.ts";

export const command = define({
  summary: "Remove volumes that no container uses",
  usage: "[OPTIONS]",
  flags: {
    all: { kind: "yes", short: "a", help: "Also those with a name" },
    filter: pruneFilterFlag,
    force: forceFlag,
  },
  words: { least: 0, most: 0 },
  more: "Filters: label=KEY[=VALUE], label!=KEY[=VALUE].",
  examples: [["volume prune -af", "All unused ones, without a question"]],
  run: async ({ flags, daemon, ...io }) => {
    const filters = parseFilters(flags.filter, ["label", "label!", "all"]);
    const what = flags.all ? "all local volumes" : "anonymous local volumes";
    const warning = `This will remove ${what} not used by at least one container.`;
    if (!(await confirm(io, warning, flags.force))) return 0;
    const wanted = flags.all ? { ...filters, all: ["true"] } : filters;
    const { deleted, reclaimed } = await (await daemon()).pruneVolumes(wanted);
    if (deleted.length > 0) await io.out.write(`Deleted Volumes:\n${deleted.join("\n")}\n\n`);
    await io.out.write(`Total reclaimed space: ${formatTotal(reclaimed)}\n`);
    return 0;
  },
});
