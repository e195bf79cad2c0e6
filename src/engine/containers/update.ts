/** Changes a container's limits and its restart policy. */
import { invalid } from "../../base/errors.ts";
import type { CreateBody, Resources, RestartPolicy } from "../../spec/docker/create.ts";
import { within } from "./deadline.ts";
import { storedContainer } from "./open.ts";
import { emit, isLive, runtimeOf, type LifeParts } from "./parts.ts";
import { hostConfig } from "./request.ts";
import { checkRestartPolicy } from "./settle.ts";
import { hostFacts } from "./spec/host.ts";
import { updateResources } from "./spec/resources.ts";

export type Update = Resources & { readonly RestartPolicy?: RestartPolicy | null };

/** Gives warnings: what was taken and does nothing here. A running one has the new limits at once, or nothing is changed. */
export async function updateContainer(
  engine: LifeParts,
  reference: string,
  update: Update,
): Promise<readonly string[]> {
  const { id } = engine.containers.get(reference);
  return await engine.tasks.exclusive(id, async () => {
    const info = engine.containers.get(id);
    if (info.state === "removing" || info.state === "dead")
      throw invalid(
        `cannot update container "${info.name}": container is marked for removal and cannot be updated`,
      );
    const { RestartPolicy: policy, ...changes } = update;
    const stored = storedContainer(engine.store, id);
    const { body, resources, warnings } = updateResources(
      stored.body,
      changes,
      hostFacts({ privileged: false }),
    );
    const changed = policy?.Name ? withPolicy(body, policy) : body;
    if (isLive(info) && Object.keys(changes).length > 0)
      await within(30_000, `update container "${info.name}"`, () =>
        runtimeOf(engine, info).update(id, resources),
      );
    const text = JSON.stringify({ ...stored, body: changed });
    engine.store.transaction(() =>
      engine.store.db.query("UPDATE containers SET config = ? WHERE id = ?").run(text, id),
    );
    emit(engine, info, "update");
    return warnings;
  });
}

function withPolicy(body: CreateBody, policy: RestartPolicy): CreateBody {
  const host = hostConfig(body);
  checkRestartPolicy(policy, host.AutoRemove === true);
  return { ...body, HostConfig: { ...host, RestartPolicy: policy } };
}
