/** `sampan container inspect`. */
import { any, define } from "../command.ts";
import { inspectEach, inspectFormat } from "../inspection.ts";

export const command = define({
  summary: "Show all about one or more containers",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  flags: {
    format: inspectFormat,
    size: { kind: "yes", short: "s", help: "With what it has written" },
  },
  words: { least: 1, most: any },
  examples: [
    ["container inspect web", "As JSON"],
    ["container inspect -f '{{.State.Status}} {{.State.ExitCode}}' web", "Some fields"],
  ],
  run: async ({ flags, daemon, ...io }) => {
    const engine = await daemon();
    return inspectEach(io, flags.format, (reference) =>
      engine.inspectContainer(reference, { size: flags.size }),
    );
  },
});
