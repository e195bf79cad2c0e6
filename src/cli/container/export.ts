/** `sampan export`. */
import { define } from "../command.ts";
import { writeArchive } from "../file.ts";
import { showProgress } from "../progress/progress.ts";

export const command = define({
  summary: "Write a container's root file system as a tar archive",
  usage: "[OPTIONS] CONTAINER",
  flags: {
    output: { kind: "text", short: "o", value: "FILE", help: "Write to a file instead of standard output" },
  },
  words: { least: 1, most: 1 },
  examples: [["export -o web.tar web", "To a file"]],
  run: async ({ flags, words: [container = ""], daemon, ...io }) => {
    await writeArchive(flags.output, io.out, async (write) => {
      await using progress = showProgress(io, { quiet: !io.err.size(), to: io.err });
      const engine = await daemon();
      await engine.exportContainer(container, { write, signal: io.signal, onStep: progress.onStep });
    });
    return 0;
  },
});
