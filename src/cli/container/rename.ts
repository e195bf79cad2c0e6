/** `sampan rename`. */
import { define } from "../command.ts";

export const command = define({
  summary: "Give a container another name",
  usage: "CONTAINER NEW_NAME",
  flags: {},
  words: { least: 2, most: 2 },
  examples: [["rename web old-web", "The id stays"]],
  run: async ({ words: [container = "", name = ""], daemon }) => {
    await (await daemon()).renameContainer(container, name);
    return 0;
  },
});
