/** `sampan diff`. */
import { define } from "../command.ts";
import { printable } from "../text/identifier.ts";

/** By the API's numbers. */
const signs = ["C", "A", "D"] as const;

export const command = define({
  summary: "Show what a container has changed of its image's files",
  usage: "CONTAINER",
  flags: {},
  words: { least: 1, most: 1 },
  more: "A: added, C: changed, D: deleted.",
  examples: [["diff web", "A line for each path"]],
  run: async ({ words: [container = ""], daemon, out }) => {
    const changes = await (await daemon()).containerChanges(container);
    await out.write(changes.map(({ Kind, Path }) => `${signs[Kind]} ${printable(Path)}\n`).join(""));
    return 0;
  },
});
