/** `sampan network prune`. */
import { define } from "../command.ts";
import { confirm, forceFlag } from "../confirm.ts";
import { parseFilters, pruneFilterFlag } from "../filters.ts";

export const command = define({
  summary: "Remove all networks that no container uses",
  usage: "[OPTIONS]",
  flags: { force: forceFlag, filter: pruneFilterFlag },
  words: { least: 0, most: 0 },
  more: "Filters: until=TIME, label=KEY[=VALUE], label!=KEY[=VALUE].",
  examples: [["network prune -f", "Without a question"]],
  run: async ({ flags, daemon, ...io }) => {
    const filters = parseFilters(flags.filter, ["until", "label", "label!"]);
    const warning = "This will remove all custom networks not used by at least one container.";
    if (!(await confirm(io, warning, flags.force))) return 0;
    const deleted = await (await daemon()).pruneNetworks(filters);
    if (deleted.length > 0) await io.out.write(`Deleted Networks:\n${deleted.join("\n")}\n`);
    return 0;
  },
});
