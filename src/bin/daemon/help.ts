import { daemonFlags } from "./flags.ts";

/** `sampan daemon --help`, made from the table that parses. */
export function daemonHelp(): string {
  const rows = Object.entries(daemonFlags)
    .filter(([, { absent }]) => !absent)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { short, value, among, kind, help }]) => {
      const wanted = value ?? among?.join("|") ?? (kind === "number" ? "NUMBER" : "");
      return [`  ${short ? `-${short}, ` : "    "}--${name}${wanted ? ` ${wanted}` : ""}`, help] as const;
    });
  const width = Math.max(...rows.map(([left]) => left.length)) + 3;
  return `Usage:  sampan daemon [OPTIONS]

The engine with Docker's API on its sockets. Containers outlive it.
Signals: SIGTERM and SIGINT end it, SIGHUP reads the settings again, SIGUSR1 writes down its state.

Options:
${rows.map(([left, right]) => `${left.padEnd(width)}${right}`).join("\n")}
`;
}
