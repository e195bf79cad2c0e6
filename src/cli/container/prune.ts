/** `sampan container prune`. */
import { define } from "../command.ts";
import { confirm, forceFlag } from "../confirm.ts";
import { parseFilters, pruneFilterFlag } from "../filters.ts";
import { formatTotal } from "../text/size.ts";

export const command = define({
  summary: "Remove all containers that do not run",
  usage: "[OPTIONS]",
  flags: {
    force: forceFlag,
    filter: pruneFilterFlag,
  },
  words: { least: 0, most: 0 },
  examples: [["container prune -f", "Without a question"]],
  more: "Filters: until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE].",
  run: async ({ flags, daemon, ...io }) => {
    const filters = parseFilters(flags.filter, ["until", "label", "label!"]);
    if (!(await confirm(io, "This will remove all stopped containers.", flags.force))) return 0;
    const { deleted, reclaimed } = await (await daemon()).pruneContainers({ filters });
    if (deleted.length > 0) await io.out.write(`Deleted Containers:\n${deleted.join("\n")}\n\n`);
    await io.out.write(`Total reclaimed space: ${formatTotal(reclaimed)}\n`);
    return 0;
  },
});
