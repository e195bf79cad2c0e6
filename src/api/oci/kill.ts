/** sampan runtime kill ID [SIGNAL] */
import { invalid } from "../../base/errors.ts";
import { signalNumber } from "../../runtime/native/caller.ts";
import { kill } from "../../runtime/native/kill.ts";
import { parseFlags } from "./flags.ts";
import type { Command } from "./main.ts";

export const flags = {
  all: { kind: "yes", short: "a", help: "send the signal to all processes of the container" },
} as const;

export const command: Command = async ({ runtime, args }) => {
  const { flags: given, words } = parseFlags(flags, args);
  const [id = "", text = "SIGTERM", ...rest] = words;
  if (id === "" || rest.length > 0)
    throw invalid('sampan runtime: "kill" requires a container id and at most 1 signal');
  const signal = signalNumber(text);
  if (signal === undefined) throw invalid(`cannot use signal "${text}": unknown signal`);
  await kill(runtime, id, { signal, all: given.all });
  return 0;
};
