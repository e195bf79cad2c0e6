import { expect, test } from "bun:test";
import { checkStatus, statuses, verbs, type Status, type Verb } from "./runtime.ts";

const all = Object.keys(verbs).flatMap((verb) => statuses.map((status) => [verb as Verb, status] as const));

test.each(all)("%s of a container that is %s", (verb, status) => {
  const allowed = (verbs[verb].from as readonly Status[]).includes(status);
  const check = () => checkStatus(verb, "c", status);
  if (allowed) expect(check).not.toThrow();
  else
    expect(check).toThrow(
      `cannot ${verb} container "c": it is ${status}, wanted ${verbs[verb].from.join(" or ")}: `,
    );
});

test("a refusal has words for each status that is refused", () => {
  for (const [verb, status] of all) {
    try {
      checkStatus(verb, "c", status);
    } catch (error) {
      expect(String(error)).not.toEndWith("undefined");
    }
  }
});
