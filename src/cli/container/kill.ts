/** `sampan kill`. */
import { any, define } from "../command.ts";
import { eachContainer } from "./_verbs.ts";

export const command = define({
  summary: "Send a signal to one or more running containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  flags: { signal: { kind: "text", short: "s", value: "SIGNAL", help: "By name or number (KILL)" } },
  words: { least: 1, most: any },
  examples: [
    ["kill web", "With SIGKILL"],
    ["kill -s HUP web", "To read its configuration again, say"],
  ],
  run: async ({ flags, ...context }) =>
    eachContainer(context, (daemon, container) => daemon.killContainer(container, flags.signal)),
});
