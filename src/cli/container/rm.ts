/** `sampan rm`, `sampan container rm`. */
import { any, define } from "../command.ts";
import { forEach } from "../each.ts";

export const command = define({
  summary: "Remove one or more containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  flags: {
    force: { kind: "yes", short: "f", help: "Also one that runs: it is killed" },
    volumes: { kind: "yes", short: "v", help: "Its anonymous volumes too" },
    link: { kind: "yes", short: "l", help: "Only the link of this name" },
  },
  words: { least: 1, most: any },
  examples: [["rm -f web 0123456789ab", "By name and by id, running or not"]],
  run: async ({ flags, words, daemon, ...io }) => {
    const engine = await daemon();
    return forEach(io, words, {
      absentIsFine: flags.force,
      verb: async (reference) => {
        await engine.removeContainer(reference, {
          force: flags.force,
          volumes: flags.volumes,
          ...(flags.link ? { link: true } : {}),
        });
        await io.out.write(`${reference}\n`);
      },
    });
  },
});
