/** The monitors of this host: connections by their sockets, and what they have left when they are gone. */
import type { Monitors } from "../runtime.ts";
import { connectMonitor } from "./connection.ts";
import { readExit } from "./exit.ts";
import { reopenLog } from "./reopen-log.ts";

export function openMonitors(): Monitors {
  return { connect: connectMonitor, exit: readExit, reopenLog };
}
