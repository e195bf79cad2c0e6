/** `sampan volume create`. */
import { invalid } from "../../base/errors.ts";
import { define } from "../command.ts";
import { pairs } from "../container/create/key-values.ts";
import { given } from "../flags/shared.ts";

export const command = define({
  summary: "Make a volume",
  usage: "[OPTIONS] [NAME]",
  flags: {
    driver: { kind: "text", short: "d", value: "NAME", help: "local" },
    label: { kind: "list", value: "KEY[=VALUE]", help: "Give it a label" },
    name: { kind: "text", value: "NAME", help: "The same as the word" },
    opt: { kind: "list", short: "o", value: "KEY=VALUE", help: "Options of the driver, as size=1g" },
  },
  words: { least: 0, most: 1 },
  examples: [
    ["volume create data", "To be mounted with -v data:/var/lib/data"],
    ["volume create -o size=10g data", "With a limit, where the file system has quotas"],
  ],
  run: async ({ flags, words: [word], daemon, out }) => {
    if (word !== undefined && flags.name !== undefined)
      throw invalid("cannot use --name with a name: wanted one of them");
    const { Name } = await (
      await daemon()
    ).createVolume({
      Driver: flags.driver ?? "local",
      DriverOpts: pairs(flags.opt, "option"),
      Labels: pairs(flags.label, "label"),
      ...given("Name", word ?? flags.name),
    });
    await out.write(`${Name}\n`);
    return 0;
  },
});
