/** `sampan restart`. */
import { any, define } from "../command.ts";
import { given } from "../flags/shared.ts";
import { eachContainer } from "./_verbs.ts";
import { stopFlags } from "./stop.ts";

export const command = define({
  summary: "Stop and start one or more containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  flags: stopFlags,
  words: { least: 1, most: any },
  examples: [["restart web", "Running or not"]],
  run: async ({ flags, ...context }) =>
    eachContainer(context, (daemon, container) =>
      daemon.restartContainer(container, {
        ...given("signal", flags.signal),
        ...given("timeout", flags.timeout),
      }),
    ),
});
