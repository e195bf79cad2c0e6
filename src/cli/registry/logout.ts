/** `sampan logout`. */
import { define } from "../command.ts";
import { serverOf } from "./_server.ts";

export const command = define({
  summary: "Log out from a registry",
  usage: "[SERVER]",
  flags: {},
  words: { least: 0, most: 1 },
  examples: [["logout registry.example:5000", "Forget its credentials"]],
  run: async ({ words: [server], daemon, out }) => {
    const registry = serverOf(server);
    const was = await (await daemon()).logout(registry);
    await out.write(was ? `Removing login credentials for ${registry}\n` : `Not logged in to ${registry}\n`);
    return 0;
  },
});
