/** `sampan stop`. */
import { any, define } from "../command.ts";
import { given } from "../flags/shared.ts";
import { eachContainer } from "./_verbs.ts";

export const stopFlags = {
  signal: { kind: "text", short: "s", value: "SIGNAL", help: "Instead of the container's own stop signal" },
  timeout: { kind: "number", short: "t", value: "SECONDS", help: "Before it is killed (10); -1: never" },
  time: { kind: "number", help: "", as: "timeout" },
} as const;

export const command = define({
  summary: "Stop one or more running containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  flags: stopFlags,
  words: { least: 1, most: any },
  examples: [
    ["stop web", "Its stop signal, and after ten seconds SIGKILL"],
    ["stop -t 60 db", "With more time"],
  ],
  run: async ({ flags, ...context }) =>
    eachContainer(context, (daemon, container) =>
      daemon.stopContainer(container, {
        ...given("signal", flags.signal),
        ...given("timeout", flags.timeout),
      }),
    ),
});
