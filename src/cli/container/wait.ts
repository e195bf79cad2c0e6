/** `sampan wait`. */
import { any, define } from "../command.ts";
import { forEach } from "../each.ts";

export const command = define({
  summary: "Wait until one or more containers end, and print their exit statuses",
  usage: "CONTAINER [CONTAINER...]",
  flags: {},
  words: { least: 1, most: any },
  examples: [["wait job", "0 when all went well"]],
  run: async ({ words, daemon: open, ...io }) => {
    const daemon = await open();
    return forEach(io, words, {
      atOnce: true,
      verb: async (container) => {
        const { ended } = await daemon.waitContainer(container, { signal: io.signal });
        await io.out.write(`${(await ended).StatusCode}\n`);
      },
    });
  },
});
