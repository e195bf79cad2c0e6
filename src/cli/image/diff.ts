/** `sampan image diff`. */
import { define } from "../command.ts";
import { given, platformFlag } from "../flags/shared.ts";
import { jsonFlag, writeJson } from "../format.ts";
import { showProgress } from "../progress/progress.ts";
import { diffText } from "./_diff-text.ts";

export const command = define({
  summary: "Show what changed between two images",
  usage: "[OPTIONS] IMAGE IMAGE",
  flags: {
    json: jsonFlag,
    platform: platformFlag,
    "exit-code": { kind: "yes", help: "Exit with 1 when they differ" },
  },
  words: { least: 2, most: 2 },
  more: "Compares layers, configuration, and the files that a container of each would see.",
  examples: [
    ["image diff app:1.2 app:1.3", "For people"],
    ["image diff --json app:1.2 app:1.3", "For programs"],
  ],
  run: async ({ flags, words: [a = "", b = ""], daemon, ...io }) => {
    const diff = await (async () => {
      await using progress = showProgress(io, { quiet: !io.err.size(), to: io.err });
      const engine = await daemon();
      return await engine.diffImages(a, b, {
        signal: io.signal,
        onStep: progress.onStep,
        ...given("platform", flags.platform),
      });
    })();
    if (flags.json) await writeJson(io.out, diff);
    else await io.out.write(diffText(diff));
    const { layers, config, files } = diff;
    const same = layers.onlyA.length + layers.onlyB.length + config.length + files.length === 0;
    return flags["exit-code"] && !same ? 1 : 0;
  },
});
