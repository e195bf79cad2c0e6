/** POST /containers/prune. */
import { invalid } from "../../../base/errors.ts";
import { pruneContainers } from "../../../engine/containers/prune.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import { json } from "../answer.ts";
import type { Answer, Call } from "../route.ts";
import { untilOf } from "../time.ts";

export async function prune(engine: LiveEngine, { query, signal }: Call): Promise<Answer> {
  const { until, ...filters } = query.filters(["label", "label!", "until"]);
  const { removed, reclaimed } = await pruneContainers(engine, { filters, ...before(until), signal });
  return json({ ContainersDeleted: removed.length > 0 ? removed : null, SpaceReclaimed: reclaimed });
}

/** Errors: `invalid_argument`. */
function before(until: readonly string[] | undefined): { until?: number } {
  if (until === undefined || until.length === 0) return {};
  const [value = "", more] = until;
  if (more !== undefined) throw invalid("more than one until filter specified");
  return { until: untilOf(value) };
}
