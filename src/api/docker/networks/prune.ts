/** POST /networks/prune. */
import { SampanError } from "../../../base/errors.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import type { NetworkInfo } from "../../../engine/networks/networks.ts";
import { json } from "../answer.ts";
import { labelsFit } from "../labels.ts";
import type { Filters } from "../query.ts";
import type { Answer, Call } from "../route.ts";
import { untilOf } from "../time.ts";
import { builtIn } from "./list.ts";

type Parts = Pick<LiveEngine, "networks">;

export async function prune(engine: Parts, { query }: Call): Promise<Answer> {
  const deleted = await pruneNetworks(engine, query.filters(["label", "label!", "until"]));
  return json({ NetworksDeleted: deleted.length > 0 ? deleted : null });
}

/** Names of those that nobody who runs was in: as Docker does, also one that stopped containers want at their next start. */
export async function pruneNetworks({ networks }: Parts, filters: Filters): Promise<string[]> {
  const until = (filters["until"] ?? []).map((text) => untilOf(text));
  const deleted: string[] = [];
  for (const info of networks.list()) {
    const old = until.every((limit) => info.created.getTime() < limit);
    if (builtIn.has(info.name) || hasActive(info) || !old || !labelsFit(info.labels, filters)) continue;
    if (await removed(networks, info.id)) deleted.push(info.name);
  }
  return deleted;
}

const hasActive = ({ endpoints }: NetworkInfo) =>
  Object.values(endpoints).some(({ device }) => device !== undefined);

/** False when somebody has taken or removed it meanwhile. */
async function removed(networks: Parts["networks"], id: string): Promise<boolean> {
  try {
    await networks.remove(id);
    return true;
  } catch (error) {
    const { code } = SampanError.from(error);
    if (code === "failed_precondition" || code === "not_found") return false;
    throw error;
  }
}
