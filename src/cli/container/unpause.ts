/** `sampan unpause`. */
import { any, define } from "../command.ts";
import { eachContainer } from "./_verbs.ts";

export const command = define({
  summary: "Let all processes of one or more containers go on",
  usage: "CONTAINER [CONTAINER...]",
  flags: {},
  words: { least: 1, most: any },
  examples: [["unpause web", "After pause"]],
  run: async (context) => eachContainer(context, (daemon, container) => daemon.unpauseContainer(container)),
});
