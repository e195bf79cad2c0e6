/** `sampan system prune`. */
import { define } from "../command.ts";
import { confirm, forceFlag } from "../confirm.ts";
import { formatTotal } from "../text/size.ts";

export const command = define({
  summary: "Remove all that nothing uses",
  usage: "[OPTIONS]",
  flags: {
    all: { kind: "yes", short: "a", help: "Also images with a name that no container uses" },
    volumes: { kind: "yes", help: "", absent: "volumes are not pruned yet" },
    force: forceFlag,
    filter: { kind: "list", help: "", absent: "system prune has no filters; image prune has" },
  },
  words: { least: 0, most: 0 },
  examples: [["system prune --all --force", "As much as can be, without a question"]],
  run: async ({ flags, client, ...io }) => {
    const images = flags.all
      ? "all images without at least one container associated to them"
      : "all dangling images";
    const warning = `This will remove:\n  - all stopped containers\n  - ${images}\n  - partial downloads and other garbage\n`;
    if (!(await confirm(io, warning, flags.force))) return 0;
    const { removed, reclaimed } = await (await client()).pruneSystem({ all: flags.all, signal: io.signal });
    if (removed.length > 0) await io.out.write(`Deleted:\n${removed.join("\n")}\n\n`);
    await io.out.write(`Total reclaimed space: ${formatTotal(reclaimed)}\n`);
    return 0;
  },
});
