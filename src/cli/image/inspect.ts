/** `sampan image inspect`. */
import { any, define } from "../command.ts";
import { given, platformFlag } from "../flags/shared.ts";
import { inspectEach, inspectFormat } from "../inspection.ts";

export const command = define({
  summary: "Show all about one or more images",
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  flags: { format: inspectFormat, platform: platformFlag },
  words: { least: 1, most: any },
  examples: [
    ["image inspect alpine", "As JSON"],
    ["image inspect -f '{{.Architecture}} {{json .Config.Env}}' alpine", "Some fields"],
    ["image inspect -f '{{range .RootFS.Layers}}{{println .}}{{end}}' alpine", "A line for each layer"],
    ["image inspect -f '{{index .Config.Labels \"maintainer\"}}' alpine", "One label"],
  ],
  run: async ({ flags, daemon, ...io }) => {
    const engine = await daemon();
    return inspectEach(io, flags.format, (reference) =>
      engine.inspectImage(reference, given("platform", flags.platform)),
    );
  },
});
