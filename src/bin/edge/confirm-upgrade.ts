/** `sampan edge confirm-upgrade`: a person at this machine lets an upgrade begin that was asked for with `requireConfirmation`. */
import { printable } from "../../base/printable.ts";
import { confirmUpgrade as confirm } from "../../fleet/edge/tasks/upgrade/confirm.ts";
import { wordsOf } from "../daemon/log.ts";
import { confirmFlags, parseWords } from "./flags.ts";
import { confirmHelp } from "./help.ts";
import { readEdgeSettings } from "./settings.ts";

const failed = 1;
const misused = 125;

export function confirmUpgrade(args: readonly string[]): number {
  let root: string;
  let job: string | undefined;
  try {
    const parsed = parseWords(confirmFlags, args, { name: "edge confirm-upgrade", most: 1 });
    if (!parsed) {
      process.stdout.write(confirmHelp());
      return 0;
    }
    [job] = parsed.words;
    ({ root } = readEdgeSettings(parsed.flags, { env: process.env }));
  } catch (error) {
    return say(error, misused);
  }
  try {
    const released = confirm(root, job);
    process.stdout.write(`upgrade "${released.job}" to ${released.version} begins\n`);
    return 0;
  } catch (error) {
    return say(error, failed);
  }
}

function say(error: unknown, status: number): number {
  process.stderr.write(`sampan: ${printable(wordsOf(error))}\n`);
  return status;
}
