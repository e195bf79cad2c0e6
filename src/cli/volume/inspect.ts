/** `sampan volume inspect`. */
import { any, define } from "../command.ts";
import { inspectEach, inspectFormat } from "../inspection.ts";

export const command = define({
  summary: "Show all about one or more volumes",
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  flags: { format: inspectFormat },
  words: { least: 1, most: any },
  examples: [
    ["volume inspect data", "As JSON"],
    ["volume inspect -f '{{.Mountpoint}}' data", "Where its files lie"],
  ],
  run: async ({ flags, daemon: open, ...io }) => {
    const daemon = await open();
    return inspectEach(io, flags.format, (volume) => daemon.inspectVolume(volume));
  },
});
