/** `sampan import`. */
import { invalid } from "../../base/errors.ts";
import { define } from "../command.ts";
import { readArchive } from "../file.ts";
import { given, platformFlag } from "../flags/shared.ts";
import type { Input } from "../io.ts";
import { showProgress } from "../progress/progress.ts";
import { fetchArchive } from "./_fetch-archive.ts";

async function open(source: string, input: Input, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  if (/^https?:\/\//i.test(source)) return fetchArchive(source, { signal });
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(source))
    throw invalid(
      `cannot import "${source}": wanted the path of a file, an http or https address, or "-" for standard input`,
    );
  return readArchive(source, input);
}

export const command = define({
  summary: "Make an image of a root file system's tar archive",
  usage: "[OPTIONS] FILE|URL|- [REPOSITORY[:TAG]]",
  flags: {
    change: { kind: "list", short: "c", value: "INSTRUCTION", help: "As in a Dockerfile: CMD, ENV, USER …" },
    message: { kind: "text", short: "m", help: "The comment of its history" },
    platform: platformFlag,
    quiet: { kind: "yes", short: "q", help: "No progress" },
  },
  words: { least: 1, most: 2 },
  examples: [
    ["import rootfs.tar.gz mine:1", "From a file"],
    ["import https://example.org/rootfs.tar.zst mine:2", "From the web"],
    ["import -c 'CMD [\"/bin/sh\"]' -c 'ENV A=b' - mine", "From standard input, with a configuration"],
  ],
  run: async ({ flags, words: [source = "", reference], daemon, ...io }) => {
    const archive = await open(source, io.input, io.signal);
    const id = await (async () => {
      await using progress = showProgress(io, { quiet: flags.quiet || !io.err.size(), to: io.err });
      const engine = await daemon();
      return await engine.importArchive(archive, {
        changes: flags.change,
        signal: io.signal,
        onStep: progress.onStep,
        ...given("reference", reference),
        ...given("message", flags.message),
        ...given("platform", flags.platform),
      });
    })();
    await io.out.write(`${id}\n`);
    return 0;
  },
});
