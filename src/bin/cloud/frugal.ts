/**
 * A process whose heap stays near what lives in it. JavaScriptCore lets the garbage grow to as much as what lives, up to a quarter of the machine's memory; what lives on is then spread over all of
 * it, and JavaScriptCore moves nothing. It reads what it takes for the machine's memory at its start alone, from the environment: so this process becomes itself again with that.
 * Of 900 edges with 10 pods each: 145 KiB an edge in place of 301, for a third more of processor time while they come.
 *
 * With so little room to grow it would go through the whole heap every second time, since what came new is less than a third of it. It need not: with 5,000 edges that costs 4 of the cloud's 10
 * seconds and saves 4 KiB an edge, which a rest gives back as well (../daemon/rest.ts).
 */
import { readFileSync } from "node:fs";
import { become } from "../../kernel/libc.ts";
import type { Log } from "../daemon/log.ts";

const options = {
  /** Bytes. A heap beyond half of it grows by a quarter before it is collected; it is no bound. */
  BUN_JSC_forceRAMSize: String(128 << 20),
  /** What came since the last collection as a part of the heap, below which the next one goes through all of it. */
  BUN_JSC_minEdenToOldGenerationRatio: "0.15",
} as const;

/** Comes back in the process that has it, with the same id; also when it cannot be, which is told. Nothing may be open yet. */
export function becomeFrugal(log: Log): void {
  // What somebody else has set stays.
  if (Object.keys(options).some((name) => process.env[name] !== undefined)) return;
  const variables = Object.entries({ ...process.env, ...options });
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
