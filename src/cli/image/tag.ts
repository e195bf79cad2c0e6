/** `sampan tag`. */
import { define } from "../command.ts";

export const command = define({
  summary: "Give an image another name",
  usage: "IMAGE[:TAG] NEW_NAME[:TAG]",
  flags: {},
  words: { least: 2, most: 2 },
  examples: [["tag alpine:3.20 localhost:5000/alpine:3.20", "A name to push it by"]],
  run: async ({ words: [source = "", target = ""], daemon }) => {
    await (await daemon()).tag(source, target);
    return 0;
  },
});
