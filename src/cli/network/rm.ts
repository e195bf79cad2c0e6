/** `sampan network rm`. */
import { any, define } from "../command.ts";
import { forEach } from "../each.ts";

export const command = define({
  summary: "Remove one or more networks",
  usage: "[OPTIONS] NETWORK [NETWORK...]",
  flags: { force: { kind: "yes", short: "f", help: "One that is not there is no failure" } },
  words: { least: 1, most: any },
  examples: [["network rm own", "When no container is in it"]],
  run: async ({ flags, words, daemon: open, ...io }) => {
    const daemon = await open();
    return forEach(io, words, {
      absentIsFine: flags.force,
      verb: async (network) => {
        await daemon.removeNetwork(network);
        await io.out.write(`${network}\n`);
      },
    });
  },
});
