/** `sampan pull`. */
import { invalid } from "../../base/errors.ts";
import { familiarName, normalName, parseReference, repositoryName } from "../../spec/image/reference.ts";
import { define } from "../command.ts";
import { given, platformFlag } from "../flags/shared.ts";
import { showProgress } from "../progress/progress.ts";

export const command = define({
  summary: "Download an image from a registry",
  usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
  flags: {
    "all-tags": { kind: "yes", short: "a", help: "Download all tags of the repository" },
    platform: platformFlag,
    quiet: { kind: "yes", short: "q", help: "Print the image's name only" },
    "disable-content-trust": { kind: "yes", preset: true, help: "Accepted and unused" },
  },
  words: { least: 1, most: 1 },
  examples: [
    ["pull alpine", "alpine:latest from Docker Hub"],
    ["pull --platform linux/arm64 ghcr.io/owner/app:1.2", "Another platform's, from another registry"],
    ["pull -q localhost:5000/app@sha256:" + "0".repeat(64), "By digest"],
  ],
  run: async ({ flags, words: [text = ""], daemon, ...io }) => {
    const reference = parseReference(text);
    const tagged = /[:@]/.test(text.slice(text.lastIndexOf("/") + 1));
    const all = flags["all-tags"];
    if (all && tagged) throw invalid(`cannot pull all tags of "${text}": it names a tag already`);
    const say = (line: string) => (flags.quiet ? undefined : io.out.write(`${line}\n`));
    const name = familiarName(normalName(reference));
    if (!all && !tagged) await say("Using default tag: latest");
    const { digest, upToDate } = await (async () => {
      await using progress = showProgress(io, { quiet: flags.quiet });
      return await (
        await daemon()
      ).pull(text, {
        signal: io.signal,
        onStep: progress.onStep,
        allTags: all,
        ...given("platform", flags.platform),
      });
    })();
    await say(`Digest: ${digest}`);
    await say(
      `Status: ${upToDate ? "Image is up to date" : "Downloaded newer image"} for ${all ? text : name}`,
    );
    await io.out.write(`${all ? repositoryName(reference) : normalName(reference)}\n`);
    return 0;
  },
});
