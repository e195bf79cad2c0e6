/** `sampan commit`. */
import { define } from "../command.ts";
import { given } from "../flags/shared.ts";
import { showProgress } from "../progress/progress.ts";

export const command = define({
  summary: "Make an image of a container's changes",
  usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
  flags: {
    author: { kind: "text", short: "a", help: "Who made it" },
    change: { kind: "list", short: "c", value: "INSTRUCTION", help: "As in a Dockerfile: CMD, ENV, USER …" },
    message: { kind: "text", short: "m", help: "The comment of its history" },
    pause: {
      kind: "yes",
      short: "p",
      preset: true,
      help: "Let it stand still meanwhile",
    },
    quiet: { kind: "yes", short: "q", help: "No progress" },
  },
  words: { least: 1, most: 2 },
  examples: [
    ["commit web mine:1", "With a name"],
    ["commit -m 'add curl' -c 'CMD [\"/bin/sh\"]' web mine:2", "With a message and a changed configuration"],
  ],
  run: async ({ flags, words: [container = "", reference], daemon, ...io }) => {
    const id = await (async () => {
      await using progress = showProgress(io, { quiet: flags.quiet || !io.err.size(), to: io.err });
      const engine = await daemon();
      return await engine.commit(container, {
        changes: flags.change,
        pause: flags.pause,
        signal: io.signal,
        onStep: progress.onStep,
        ...given("reference", reference),
        ...given("author", flags.author),
        ...given("message", flags.message),
      });
    })();
    await io.out.write(`${id}\n`);
    return 0;
  },
});
