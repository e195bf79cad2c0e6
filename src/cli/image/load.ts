/** `sampan load`. */
import { define } from "../command.ts";
import { readArchive } from "../file.ts";
import { given, platformFlag } from "../flags/shared.ts";
import { showProgress } from "../progress/progress.ts";

export const command = define({
  summary: "Load images from a tar archive",
  usage: "[OPTIONS]",
  flags: {
    input: { kind: "text", short: "i", value: "FILE", help: "Read a file instead of standard input" },
    platform: platformFlag,
    quiet: { kind: "yes", short: "q", help: "No progress" },
  },
  words: { least: 0, most: 0 },
  more: "Reads docker's archives and OCI layouts, also packed with gzip or zstd.",
  examples: [
    ["load -i images.tar", "From a file"],
    ["load --quiet", "From standard input"],
  ],
  run: async ({ flags, daemon, ...io }) => {
    const archive = await readArchive(flags.input, io.input);
    const loaded = await (async () => {
      await using progress = showProgress(io, { quiet: flags.quiet || !io.out.size() });
      const engine = await daemon();
      return await engine.load(archive, {
        signal: io.signal,
        onStep: progress.onStep,
        ...given("platform", flags.platform),
      });
    })();
    const lines = loaded.map((name) =>
      /^sha(?:256|512):/.test(name) ? `Loaded image ID: ${name}\n` : `Loaded image: ${name}\n`,
    );
    await io.out.write(lines.join(""));
    return 0;
  },
});
