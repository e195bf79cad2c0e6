/** `sampan edge confirm-upgrade`: a person at this machine lets an upgrade begin that was asked for with `requireConfirmation`. */
import { confirmUpgrade as confirm } from "../../fleet/edge/tasks/upgrade/confirm.ts";
import { print } from "../print.ts";
import { confirmFlags, parseWords } from "./flags.ts";
import { confirmHelp } from "./help.ts";
import { readEdgeSettings } from "./settings.ts";

export function confirmUpgrade(args: readonly string[]): Promise<number> {
  return print(() => {
    const parsed = parseWords(confirmFlags, args, { name: "edge confirm-upgrade", most: 1 });
    if (!parsed) return confirmHelp();
    const { root } = readEdgeSettings(parsed.flags, { env: process.env });
    return () => {
      const released = confirm(root, parsed.words[0]);
      return `upgrade "${released.job}" to ${released.version} begins\n`;
    };
  });
}
