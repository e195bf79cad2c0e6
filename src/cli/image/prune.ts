/** `sampan image prune`. */
import { define } from "../command.ts";
import { confirm, forceFlag } from "../confirm.ts";
import { parseFilters } from "../filters.ts";
import { formatTotal } from "../text/size.ts";

export const command = define({
  summary: "Remove images that nothing uses",
  usage: "[OPTIONS]",
  flags: {
    all: { kind: "yes", short: "a", help: "All that no container uses, not only those without a name" },
    filter: { kind: "list", value: "KEY=VALUE", help: "Only what fits: until=TIME, label=KEY[=VALUE]" },
    force: forceFlag,
  },
  words: { least: 0, most: 0 },
  examples: [
    ["image prune", "Those without a name"],
    ["image prune -a --force --filter until=24h", "All unused ones older than a day"],
  ],
  run: async ({ flags, daemon, ...io }) => {
    const filters = parseFilters(flags.filter, ["until", "label", "label!", "dangling"]);
    const what = flags.all
      ? "This will remove all images without at least one container associated to them."
      : "This will remove all dangling images.";
    if (!(await confirm(io, what, flags.force))) return 0;
    const { deleted, reclaimed } = await (await daemon()).pruneImages({ all: flags.all, filters });
    const lines = deleted.flatMap(({ Untagged, Deleted }) => [
      ...(Untagged === undefined ? [] : [`untagged: ${Untagged}\n`]),
      ...(Deleted === undefined ? [] : [`deleted: ${Deleted}\n`]),
    ]);
    if (lines.length > 0) await io.out.write(`Deleted Images:\n${lines.join("")}\n`);
    await io.out.write(`Total reclaimed space: ${formatTotal(reclaimed)}\n`);
    return 0;
  },
});
