/** GET /images/search. */
import { invalid } from "../../../base/errors.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import { defaultRegistry } from "../../../spec/image/reference.ts";
import { json } from "../answer.ts";
import { callerOf } from "../credentials.ts";
import type { Answer, Call } from "../route.ts";

const usualLimit = 25;
const mostResults = 100;

export async function searchImages({ registries }: LiveEngine, call: Call): Promise<Answer> {
  const { query, signal } = call;
  const text = query.string("term");
  if (text === undefined) throw invalid("cannot search: wanted the parameter term");
  const limit = query.int("limit") || usualLimit;
  if (limit < 1 || limit > mostResults)
    throw invalid(`limit ${limit} is outside the range of [1, ${mostResults}]`);
  const filters = query.filters(["is-official", "is-automated", "stars"]);
  const { registry, term } = splitTerm(text);
  const credentials = callerOf(call);
  const asked = credentials ? registries.as(registry, credentials) : registries;
  const found = await asked.search(registry, term, limit, signal);
  // So that it can be given to pull as it stands.
  const prefix = registry === defaultRegistry ? "" : `${registry}/`;
  const stars = Math.max(0, ...(filters["stars"] ?? []).map(Number));
  const official = filters["is-official"]?.map((value) => value === "true" || value === "1");
  const automated = filters["is-automated"]?.some((value) => value === "true" || value === "1") ?? false;
  return json(
    found
      .filter((each) => each.stars >= stars && (official?.includes(each.official) ?? true) && !automated)
      .map((each) => ({
        star_count: each.stars,
        is_official: each.official,
        name: `${prefix}${each.name}`,
        is_automated: false,
        description: each.description,
      })),
  );
}

/** `localhost:5000/app` is searched for on that registry, `app` and `owner/app` on Docker's. */
function splitTerm(text: string): { registry: string; term: string } {
  const slash = text.indexOf("/");
  const first = text.slice(0, Math.max(slash, 0));
  return /[.:]/.test(first) || first === "localhost"
    ? { registry: first, term: text.slice(slash + 1) }
    : { registry: defaultRegistry, term: text };
}
