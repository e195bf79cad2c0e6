import { flagHelp } from "../flag-help.ts";
import { daemonFlags } from "./flags.ts";

/** `sampan daemon --help`, made from the table that parses. */
export function daemonHelp(): string {
  return `Usage:  sampan daemon [OPTIONS]

The engine with Docker's API on its sockets. Containers outlive it.
Signals: SIGTERM and SIGINT end it, SIGHUP reads the settings again, SIGUSR1 writes down its state.

Options:
${flagHelp(daemonFlags)}
`;
}
