/** What is known of programs with runc's command line that do not have all of it, by the file's name. */
import { basename } from "node:path";
import type { Ability } from "../runtime.ts";

const known: Readonly<Record<string, readonly Ability[]>> = {
  // gVisor: its list of commands has no `update`.
  runsc: ["update"],
};

export function knownLacks(path: string): readonly Ability[] {
  return known[basename(path)] ?? [];
}
