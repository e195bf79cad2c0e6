/** `sampan network inspect`. */
import { any, define } from "../command.ts";
import { inspectEach, inspectFormat } from "../inspection.ts";

export const command = define({
  summary: "Show all about one or more networks",
  usage: "[OPTIONS] NETWORK [NETWORK...]",
  flags: {
    format: inspectFormat,
    verbose: { kind: "yes", short: "v", help: "More, of swarm networks" },
  },
  words: { least: 1, most: any },
  examples: [
    ["network inspect own", "As JSON"],
    ["network inspect -f '{{range .IPAM.Config}}{{.Subnet}}{{end}}' own", "Its subnet"],
  ],
  run: async ({ flags, daemon: open, ...io }) => {
    const daemon = await open();
    return inspectEach(io, flags.format, (network) =>
      daemon.inspectNetwork(network, { verbose: flags.verbose }),
    );
  },
});
