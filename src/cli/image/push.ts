/** `sampan push`. */
import { invalid } from "../../base/errors.ts";
import { repositoryName, parseReference } from "../../spec/image/reference.ts";
import { define } from "../command.ts";
import { given, platformFlag } from "../flags/shared.ts";
import { showProgress } from "../progress/progress.ts";

export const command = define({
  summary: "Upload an image to a registry",
  usage: "[OPTIONS] NAME[:TAG]",
  flags: {
    "all-tags": { kind: "yes", short: "a", help: "Upload all tags of the repository" },
    quiet: { kind: "yes", short: "q", help: "Print the image's name only" },
    "disable-content-trust": { kind: "yes", preset: true, help: "Accepted and unused" },
    platform: platformFlag,
  },
  words: { least: 1, most: 1 },
  examples: [
    ["push localhost:5000/app:1.2", "To a registry on this machine"],
    ["push --all-tags registry.example/app", "Every tag of it"],
  ],
  run: async ({ flags, words: [text = ""], daemon, ...io }) => {
    const reference = parseReference(text);
    const tagged = text.slice(text.lastIndexOf("/") + 1).includes(":");
    const all = flags["all-tags"];
    if (all && tagged) throw invalid(`cannot push all tags of "${text}": it names a tag already`);
    if (!flags.quiet) {
      if (!all && !tagged) await io.out.write("Using default tag: latest\n");
      await io.out.write(`The push refers to repository [${repositoryName(reference)}]\n`);
    }
    const { digest, size } = await (async () => {
      await using progress = showProgress(io, { quiet: flags.quiet });
      return await (
        await daemon()
      ).push(text, {
        signal: io.signal,
        onStep: progress.onStep,
        allTags: all,
        ...given("platform", flags.platform),
      });
    })();
    const tag = reference.tag ?? reference.digest ?? "";
    await io.out.write(
      flags.quiet
        ? `${repositoryName(reference)}${all ? "" : `:${tag}`}\n`
        : `${tag}: digest: ${digest} size: ${size}\n`,
    );
    return 0;
  },
});
