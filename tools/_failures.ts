/** What of a failed run's output tells why, for the end of a log. */
import type { Ran } from "./_run.ts";

export interface Failure {
  readonly what: string;
  readonly reason?: string;
  /** Names of the tests that failed. */
  readonly tests: readonly string[];
  /** The lines that say why, in their order. */
  readonly telling: readonly string[];
}

export function failureOf(what: string, ran: Pick<Ran, "output" | "reason">): Failure {
  const lines = ran.output.split("\n").map((line) => line.trim());
  return {
    what,
    ...(ran.reason === undefined ? {} : { reason: ran.reason }),
    tests: lines.flatMap((line) => /^\(fail\) (.*?)(?: \[[\d.]+ms\])?$/.exec(line)?.[1] ?? []),
    telling: lines.filter((line) => /^\(fail\)|error:|^Expected|^Received/.test(line)),
  };
}

/** A file and its first eight telling lines. */
export function inFull({ what, reason, telling }: Failure): string[] {
  return [
    `  ${what}${reason ? `: ${reason}` : ""}`,
    ...telling.slice(0, 8).map((line) => `    ${line.slice(0, 300)}`),
  ];
}

/** One line of at most 160 characters: so many files fit into the last screen of a log. */
export function inShort({ what, reason, tests }: Failure): string {
  const [first = reason ?? "ended badly", ...others] = tests;
  const more = others.length > 0 ? ` (+${others.length})` : "";
  return `  ${`${what}: ${first}`.slice(0, 158 - more.length)}${more}`;
}
