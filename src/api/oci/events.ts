/** sampan runtime events ID: a JSON document a line. */
import { invalid } from "../../base/errors.ts";
import { events, statsNow } from "../../runtime/native/events.ts";
import { parseDuration } from "./_duration.ts";
import { onlyId } from "./_words.ts";
import { parseFlags } from "./flags.ts";
import { print } from "./log.ts";
import type { Command } from "./main.ts";

export const flags = {
  interval: {
    kind: "text",
    value: "DURATION",
    help: "time between two prints of the counters (default: 5s)",
  },
  stats: { kind: "yes", help: "print the counters once and end" },
} as const;

export const command: Command = async ({ runtime, args }) => {
  const { flags: given, words } = parseFlags(flags, args);
  const id = onlyId("events", words);
  const intervalMs = parseDuration("interval", given.interval ?? "5s");
  if (intervalMs <= 0) throw invalid("duration interval must be greater than 0");
  if (given.stats) print(`${await statsNow(runtime, id)}\n`);
  else await events(runtime, id, { intervalMs, emit: (line) => print(`${line}\n`) });
  return 0;
};
