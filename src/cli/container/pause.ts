/** `sampan pause`. */
import { any, define } from "../command.ts";
import { eachContainer } from "./_verbs.ts";

export const command = define({
  summary: "Let all processes of one or more containers stand still",
  usage: "CONTAINER [CONTAINER...]",
  flags: {},
  words: { least: 1, most: any },
  examples: [["pause web", "Until unpause"]],
  run: async (context) => eachContainer(context, (daemon, container) => daemon.pauseContainer(container)),
});
