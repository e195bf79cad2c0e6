/** `sampan volume rm`. */
import { any, define } from "../command.ts";
import { forEach } from "../each.ts";

export const command = define({
  summary: "Remove one or more volumes and all that is in them",
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  flags: { force: { kind: "yes", short: "f", help: "One that is not there is no failure" } },
  words: { least: 1, most: any },
  examples: [["volume rm data", "When no container uses it"]],
  run: async ({ flags, words, daemon: open, ...io }) => {
    const daemon = await open();
    return forEach(io, words, {
      absentIsFine: flags.force,
      verb: async (volume) => {
        await daemon.removeVolume(volume, flags.force);
        await io.out.write(`${volume}\n`);
      },
    });
  },
});
