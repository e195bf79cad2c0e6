/**
 * What a test needs of the machine. Where it is not there the test is skipped, and its name, which the runner prints, says why:
 *
 *     const { test } = needing({ root: true, programs: ["runc"] });
 */
import { describe, test } from "bun:test";
import { existsSync } from "node:fs";

export interface Needs {
  readonly root?: boolean;
  /** Programs that must be on PATH. */
  readonly programs?: readonly string[];
  /** Files or folders that must be there: `/dev/kvm`, `build/vm/vmlinuz`. */
  readonly files?: readonly string[];
  /** Commands that must end with 0: what is there may not work on every machine. */
  readonly works?: readonly (readonly string[])[];
}

/** The first thing that is missing, in words; undefined when nothing is. */
export function obstacle(needs: Needs, uid: number | undefined = process.getuid?.()): string | undefined {
  if (needs.root && uid !== 0) return "needs root";
  const program = needs.programs?.find((name) => !Bun.which(name));
  if (program) return `needs ${program}, which is not installed`;
  const file = needs.files?.find((path) => !existsSync(path));
  if (file) return `needs ${file}, which is not there`;
  const command = needs.works?.find((words) => !works(words));
  return command ? `needs ${command.join(" ")}, which does not work here` : undefined;
}

/** Milliseconds. */
const patience = 30_000;

function works(words: readonly string[]): boolean {
  const how = { stdin: "ignore", stdout: "ignore", stderr: "ignore", timeout: patience } as const;
  return Bun.spawnSync([...words], how).exitCode === 0;
}

/** `test` and `describe` of bun:test, or, where something is missing, ones that skip with the reason in the name. */
export function needing(needs: Needs): { test: typeof test; describe: typeof describe } {
  const why = obstacle(needs);
  if (why === undefined) return { test, describe };
  const reason = (name: unknown) => `${String(name)} (skipped: ${why})`;
  const skipTest = (name: unknown) => test.skip(reason(name), () => {});
  // An empty group would be counted as nothing: the group is skipped as one test.
  return {
    test: Object.assign(skipTest, {
      each: () => skipTest,
      skip: skipTest,
      if: () => skipTest,
    }) as unknown as typeof test,
    describe: skipTest as unknown as typeof describe,
  };
}
