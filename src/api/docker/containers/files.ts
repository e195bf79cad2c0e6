/** What a container's files are: changes, export. */
import { changesOf, type FileChange } from "../../../engine/containers/changes.ts";
import { exportContainer } from "../../../engine/containers/export.ts";
import { emit } from "../../../engine/containers/parts.ts";
import { mountTargets } from "../../../engine/containers/spec.ts";
import { storedContainer } from "../../../engine/containers/open.ts";
import type { LiveEngine } from "../../../engine/engine.ts";
import { bytes, json } from "../answer.ts";
import type { Answer, Call } from "../route.ts";
import { findContainer } from "./find.ts";

const kinds: Readonly<Record<FileChange["kind"], number>> = { changed: 0, added: 1, deleted: 2 };

/** null, as dockerd has it, for none. */
export async function containerChanges(engine: LiveEngine, { param, signal }: Call): Promise<Answer> {
  const { id } = findContainer(engine, param("id"));
  const targets = mountTargets(storedContainer(engine.store, id));
  const found = await changesOf(engine, id, { targets, signal });
  return json(found.length > 0 ? found.map(({ path, kind }) => ({ Path: path, Kind: kinds[kind] })) : null);
}

export function containerExport(engine: LiveEngine, { param, signal }: Call): Answer {
  const container = findContainer(engine, param("id"));
  const { id } = container;
  emit(engine, container, "export");
  return bytes("application/octet-stream", exportContainer(engine, id, signal));
}
