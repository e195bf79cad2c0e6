/** GET /containers/{id}/top. */
import { emit } from "../../../engine/containers/parts.ts";
import { topContainer } from "../../../engine/containers/top.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import { json } from "../answer.ts";
import type { Answer, Call } from "../route.ts";
import { findContainer, needRunning } from "./find.ts";

export async function containerTop(engine: LiveEngine, { param, query }: Call): Promise<Answer> {
  const container = findContainer(engine, param("id"));
  needRunning(container);
  const { titles, processes } = await topContainer(engine, container.id, query.string("ps_args") ?? "-ef");
  emit(engine, container, "top");
  return json({ Titles: titles, Processes: processes });
}
