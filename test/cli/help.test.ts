/** Every command's help is complete, and every example that it gives is one that the command takes. */
import { expect, test } from "bun:test";
import { commands, groups, type Load } from "../../src/cli/commands.ts";
import { parseFlags } from "../../src/cli/flags/flags.ts";
import { commandHelp } from "../../src/cli/help.ts";

const all: readonly (readonly [string, Load])[] = [
  ...Object.entries(commands),
  ...Object.entries(groups).flatMap(([group, { commands: own }]) =>
    Object.entries(own).map(([verb, load]) => [`${group} ${verb}`, load] as const),
  ),
];

/** Words as a shell splits them: quotes hold spaces. */
function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? "");
}

test.each(all)("sampan %s has a usage, a summary, and examples that parse", async (name, load) => {
  const { command } = await load();
  expect(command.summary).not.toBe("");
  expect(command.examples.length).toBeGreaterThan(0);
  for (const [line] of command.examples) {
    const [first = "", second = "", ...rest] = words(line);
    const path = first in groups ? `${first} ${second}` : first;
    const args = first in groups ? rest : [second, ...rest].filter((word) => word !== "");
    const own = all.find(([known]) => known === path);
    expect((await own?.[1]())?.command).toBe(command);
    const parsed = parseFlags(command.flags, args, { flagsFirst: command.flagsFirst ?? false });
    expect(parsed.words.length).toBeGreaterThanOrEqual(command.words.least);
    expect(parsed.words.length).toBeLessThanOrEqual(command.words.most);
  }
  const help = commandHelp(name, command);
  for (const [flag, { absent, as }] of Object.entries(command.flags))
    expect(help.includes(`--${flag} `) || help.includes(`--${flag}\n`)).toBe(
      absent === undefined && as === undefined,
    );
});

test.each(all)("no two flags of sampan %s have one short name", async (_, load) => {
  const shorts = Object.values((await load()).command.flags).flatMap(({ short }) => short ?? []);
  expect(shorts).toEqual([...new Set(shorts)]);
});
