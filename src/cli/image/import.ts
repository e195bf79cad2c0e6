/** `sampan import`. */
import { SampanError } from "../../base/errors.ts";
import { define } from "../command.ts";
import { readArchive } from "../file.ts";
import { given, platformFlag } from "../flags/shared.ts";
import type { Input } from "../io.ts";
import { showProgress } from "../progress/progress.ts";

async function open(source: string, input: Input, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  if (!/^https?:\/\//.test(source)) return readArchive(source, input);
  const answer = await fetch(source, { signal }).catch((error: Error) => {
    throw new SampanError("unavailable", `cannot fetch "${source}": ${error.message}`, { cause: error });
  });
  if (!answer.ok || !answer.body)
    throw new SampanError("unavailable", `cannot fetch "${source}": HTTP status ${answer.status}`);
  return answer.body;
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
    ["import -c 'CMD [\"/bin/sh\"]' -c 'ENV A=b' - mine", "From standard input, with a configuration"],
  ],
  run: async ({ flags, words: [source = "", reference], client, ...io }) => {
    const archive = await open(source, io.input, io.signal);
    const id = await (async () => {
      await using progress = showProgress(io, { quiet: flags.quiet || !io.err.size(), to: io.err });
      const engine = await client();
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
