/** Whether a definition gets the names that it asks for. Two kinds of one group must not share any. */
import type { Names } from "./definition.ts";

export interface Taken {
  /** Whose they are, for not comparing a definition with itself. */
  readonly definition: string;
  readonly group: string;
  readonly names: Names;
}

export interface Acceptance {
  readonly accepted: boolean;
  readonly reason: string;
  readonly message: string;
}

const accepted: Acceptance = { accepted: true, reason: "NoConflicts", message: "no conflicts found" };

/** `others` are the accepted names of the same group. */
export function acceptNames(names: Names, others: readonly Taken[]): Acceptance {
  const resources = new Set(
    others.flatMap(({ names: { plural, singular, shortNames } }) => [plural, singular, ...shortNames]),
  );
  const kinds = new Set(others.flatMap(({ names: { kind, listKind } }) => [kind, listKind]));
  const asked: readonly (readonly [string, string, ReadonlySet<string>])[] = [
    ["PluralConflict", names.plural, resources],
    ["SingularConflict", names.singular, resources],
    ...names.shortNames.map((name) => ["ShortNamesConflict", name, resources] as const),
    ["KindConflict", names.kind, kinds],
    ["ListKindConflict", names.listKind, kinds],
  ];
  const clash = asked.findLast(([, name, taken]) => taken.has(name));
  return clash ? { accepted: false, reason: clash[0], message: `"${clash[1]}" is already in use` } : accepted;
}
