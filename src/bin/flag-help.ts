/** The options of a help text, made from the table that parses them. */
import type { FlagTable } from "../cli/flags/flags.ts";

/** What several programs have. */
export const commonFlags = {
  help: { kind: "yes", short: "h", help: "Print help" },
  "log-level": {
    kind: "text",
    short: "l",
    help: "How much is told",
    among: ["debug", "info", "warn", "error"],
  },
} as const satisfies FlagTable;

/** One line a flag, in the order of their names. */
export function flagHelp(table: FlagTable): string {
  const lines = Object.entries(table)
    .filter(([, { absent }]) => !absent)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { short, value, among, kind, help }]) => {
      const wanted = value ?? among?.join("|") ?? (kind === "number" ? "NUMBER" : "");
      return [`  ${short ? `-${short}, ` : "    "}--${name}${wanted ? ` ${wanted}` : ""}`, help] as const;
    });
  const width = Math.max(...lines.map(([left]) => left.length)) + 3;
  return lines.map(([left, right]) => `${left.padEnd(width)}${right}`).join("\n");
}
