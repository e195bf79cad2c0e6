/** `sampan save`. */
import { any, define } from "../command.ts";
import { writeArchive } from "../file.ts";
import { given, platformFlag } from "../flags/shared.ts";
import { showProgress } from "../progress/progress.ts";

export const command = define({
  summary: "Save one or more images to a tar archive",
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  flags: {
    output: { kind: "text", short: "o", value: "FILE", help: "Write to a file instead of standard output" },
    format: {
      kind: "text",
      among: ["docker", "oci"],
      help: "docker: what docker load and OCI tools read (default); oci: an OCI layout alone",
    },
    platform: platformFlag,
    quiet: { kind: "yes", short: "q", help: "No progress" },
  },
  words: { least: 1, most: any },
  examples: [
    ["save -o images.tar alpine busybox:1.36", "Two images to one file"],
    ["save --format oci -o alpine.tar alpine", "As an OCI layout"],
  ],
  run: async ({ flags, words, daemon, ...io }) => {
    await writeArchive(flags.output, io.out, async (write) => {
      // Progress goes where the archive does not; into a pipe's log it would be noise.
      const quiet = flags.quiet || !io.err.size();
      await using progress = showProgress(io, { quiet, to: io.err });
      const engine = await daemon();
      await engine.save(words, {
        format: flags.format ?? "docker",
        write,
        signal: io.signal,
        onStep: progress.onStep,
        ...given("platform", flags.platform),
      });
    });
    return 0;
  },
});
