/** `sampan rmi`, `sampan image rm`. */
import { define, any } from "../command.ts";
import { forEach } from "../each.ts";

export const command = define({
  summary: "Remove one or more images",
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  flags: {
    force: { kind: "yes", short: "f", help: "Also when it has several names or a container uses it" },
    "no-prune": { kind: "yes", help: "Keep what only this image needed until the next prune" },
    platform: { kind: "text", help: "", absent: "an image is removed with all its platforms" },
  },
  words: { least: 1, most: any },
  examples: [
    ["rmi alpine:3.20 busybox", "Two images"],
    ["rmi -f 0123456789ab", "By id, with all names"],
  ],
  run: async ({ flags, words, daemon, ...io }) => {
    const engine = await daemon();
    return forEach(io, words, {
      absentIsFine: flags.force,
      verb: async (reference) => {
        const removed = await engine.removeImage(reference, {
          force: flags.force,
          prune: !flags["no-prune"],
        });
        const lines = removed.flatMap(({ Untagged, Deleted }) => [
          ...(Untagged === undefined ? [] : [`Untagged: ${Untagged}\n`]),
          ...(Deleted === undefined ? [] : [`Deleted: ${Deleted}\n`]),
        ]);
        await io.out.write(lines.join(""));
      },
    });
  },
});
