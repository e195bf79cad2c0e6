/** `sampan top`. */
import { any, define } from "../command.ts";
import { align } from "../text/columns.ts";
import { printableCell } from "../text/identifier.ts";

export const command = define({
  summary: "Show the processes of a container",
  usage: "CONTAINER [ps OPTIONS]",
  flags: {},
  words: { least: 1, most: any },
  flagsFirst: true,
  examples: [
    ["top web", "As ps -ef shows them"],
    ["top web -o pid,args", "Other columns"],
  ],
  run: async ({ words: [container = "", ...args], daemon, out }) => {
    const { Titles, Processes } = await (await daemon()).topContainer(container, args.join(" "));
    const rows = [Titles, ...(Processes ?? [])].map((row) => row.map(printableCell).join("\t"));
    await out.write(align(rows));
    return 0;
  },
});
