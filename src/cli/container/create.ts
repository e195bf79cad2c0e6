/** `sampan create`. */
import { any, define } from "../command.ts";
import { createBody } from "./create/body.ts";
import { createFlags } from "./create/flags.ts";
import { makeContainer } from "./create/make.ts";

export const command = define({
  summary: "Make a container without starting it",
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  flags: createFlags,
  words: { least: 1, most: any },
  flagsFirst: true,
  examples: [["create --name web -p 8080:80 nginx", "To be started later: start web"]],
  run: async ({ flags, words, daemon, ...io }) => {
    const body = await createBody(flags, words, { env: io.env, cwd: process.cwd(), detached: false });
    const id = await makeContainer(await daemon(), body, { flags, io });
    await io.out.write(`${id}\n`);
    return 0;
  },
});
