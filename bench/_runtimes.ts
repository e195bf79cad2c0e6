/** The runtimes that are compared, with the words that each is called by, and the reason where one cannot run here. */
import { join } from "node:path";
import { output, tried } from "./_command.ts";

export interface Runtime {
  readonly name: string;
  /** The program and its global flags; a folder for its state is among them. */
  readonly words: readonly string[];
  /** It takes part in every so many rounds: slow ones in fewer. */
  readonly every: number;
  readonly version: string;
}

export interface Missing {
  readonly name: string;
  readonly why: string;
}

const peers = [
  { name: "runc", flags: [], every: 1 },
  { name: "crun", flags: [], every: 1 },
  // Without these it wants a network of its own, and the one cgroup hierarchy of cgroup v2.
  { name: "runsc", flags: ["--network=none", "--ignore-cgroups"], every: 10 },
] as const;

/** Ours first. A peer takes part when it can run the container of `bundle`. */
export async function findRuntimes(
  sampan: string,
  { states, bundle }: { states: string; bundle: string },
): Promise<{ runtimes: Runtime[]; missing: Missing[] }> {
  const ours = [sampan, "runtime", "--root", join(states, "sampan")];
  const runtimes: Runtime[] = [
    { name: "sampan", words: ours, every: 1, version: await firstLine([sampan, "runtime", "--version"]) },
  ];
  const missing: Missing[] = [];
  for (const { name, flags, every } of peers) {
    if (!Bun.which(name)) {
      missing.push({ name, why: "is not installed" });
      continue;
    }
    const words = [name, "--root", join(states, name), ...flags];
    const failure = await tried([...words, "run", "--bundle", bundle, `sampan-bench-try-${name}`]);
    if (failure === undefined) runtimes.push({ name, words, every, version: await versionOf(name) });
    else missing.push({ name, why: `${await versionOf(name)} cannot run here: ${failure}` });
  }
  return { runtimes, missing };
}

async function versionOf(name: string): Promise<string> {
  return await firstLine([name, "--version"]);
}

async function firstLine(command: readonly string[]): Promise<string> {
  return (await output(command)).split("\n", 1)[0]?.trim() ?? "";
}
