/** `sampan network disconnect`. */
import { define } from "../command.ts";

export const command = define({
  summary: "Take a container out of a network, also while it runs",
  usage: "[OPTIONS] NETWORK CONTAINER",
  flags: { force: { kind: "yes", short: "f", help: "Also one that is not there any more" } },
  words: { least: 2, most: 2 },
  examples: [["network disconnect own web", "It keeps its other networks"]],
  run: async ({ flags, words: [network = "", container = ""], daemon }) => {
    await (await daemon()).disconnectNetwork(network, container, flags.force);
    return 0;
  },
});
