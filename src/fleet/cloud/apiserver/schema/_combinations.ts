/** allOf, anyOf, oneOf, not. */
import type { StatusCause } from "../../../../spec/kubernetes/kube.ts";
import type { Schema } from "./schema.ts";
import { invalidValue } from "./_causes.ts";

export function isCombined({ allOf, anyOf, oneOf, not }: Schema): boolean {
  return (allOf ?? anyOf ?? oneOf ?? not) !== undefined;
}

export function combinations(
  value: unknown,
  schema: Schema,
  check: (inner: Schema) => readonly StatusCause[],
  path: string,
): readonly StatusCause[] {
  const { allOf, anyOf, oneOf, not } = schema;
  const causes: StatusCause[] = [];
  const say = (text: string) =>
    causes.push(invalidValue(path, value, `${path === "" ? "body" : `"${path}"`} ${text}`));
  const failures = (anyOf ?? []).map(check);
  if (anyOf && failures.every((failure) => failure.length > 0)) {
    say("must validate at least one schema (anyOf)");
    causes.push(...nearest(failures));
  }
  const ones = (oneOf ?? []).map(check);
  const valid = ones.filter((failure) => failure.length === 0).length;
  if (oneOf && valid !== 1) {
    say(
      `must validate one and only one schema (oneOf). ${valid === 0 ? "Found none valid" : `Found ${valid} valid alternatives`}`,
    );
    if (valid === 0) causes.push(...nearest(ones));
  }
  const all = (allOf ?? []).flatMap(check);
  if (all.length > 0) {
    say("must validate all the schemas (allOf)");
    causes.push(...all);
  }
  if (not && check(not).length === 0) say("must not validate the schema (not)");
  return causes;
}

/** Of several ways that all failed, the one that came closest tells most. */
function nearest(failures: readonly (readonly StatusCause[])[]): readonly StatusCause[] {
  return failures.toSorted((a, b) => a.length - b.length)[0] ?? [];
}
