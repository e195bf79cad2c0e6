/**
 * A process whose heap stays near what lives in it. JavaScriptCore lets the garbage grow to as much as what lives, up to a quarter of the machine's memory; what lives on is then spread over all of
 * it, and JavaScriptCore moves nothing. It reads what it takes for the machine's memory at its start alone, from the environment: so this process becomes itself again with that.
 * Of 900 edges with 10 pods each: 145 KiB an edge in place of 301, for a third more of processor time while they come.
 */
import { readFileSync } from "node:fs";
import { become } from "../../kernel/libc.ts";
import type { Log } from "../daemon/log.ts";

const option = "BUN_JSC_forceRAMSize";
/** Bytes. A heap beyond half of it grows by a quarter before it is collected; it is no bound. */
const size = 128 << 20;

/** Comes back in the process that has it, with the same id; also when it cannot be, which is told. Nothing may be open yet. */
export function becomeFrugal(log: Log): void {
  // What somebody else has set stays.
  if (process.env[option] !== undefined) return;
  const variables = Object.entries({ ...process.env, [option]: String(size) });
  try {
    become(
      process.execPath,
      readFileSync("/proc/self/cmdline", "utf8").split("\0").slice(0, -1),
      variables.map(([name, value]) => `${name}=${value ?? ""}`),
    );
  } catch (error) {
    log("warn", `memory may grow more than it has to: ${String(error)}`);
  }
}
