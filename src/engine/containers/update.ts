/** Changes a container's limits and its restart policy. */
import { invalid } from "../../base/errors.ts";
import type { CreateBody, Resources, RestartPolicy } from "../../spec/docker/create.ts";
import { within } from "./deadline.ts";
import type { ContainerExtras } from "./extras.ts";
import { storedContainer } from "./open.ts";
import { emit, isLive, runtimeOf, type LifeParts } from "./parts.ts";
import { hostConfig } from "./request.ts";
import { checkRestartPolicy } from "./settle.ts";
import { checkExtraLimits, extraLimits, mergedLimits } from "./spec/extras.ts";
import { hostFacts } from "./spec/host.ts";
import { updateResources } from "./spec/resources.ts";

/** Sizes of huge pages and files of cgroup v2 that are not named stay as they are. */
export type Update = Resources &
  Pick<ContainerExtras, "hugepages" | "unified"> & { readonly RestartPolicy?: RestartPolicy | null };

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
    const { RestartPolicy: policy, hugepages, unified, ...changes } = update;
    const more = { ...(hugepages && { hugepages }), ...(unified && { unified }) };
    const stored = storedContainer(engine.store, id);
    const facts = hostFacts({ privileged: false });
    const { body, resources, warnings } = updateResources(stored.body, changes, facts);
    const told = [...warnings, ...checkExtraLimits(more, facts)];
    const changed = policy?.Name ? withPolicy(body, policy) : body;
    if (isLive(info) && Object.keys({ ...changes, ...more }).length > 0)
      await within(30_000, `update container "${info.name}"`, () =>
        runtimeOf(engine, info).update(id, { ...resources, ...extraLimits(more, facts) }),
      );
    const extras = mergedLimits(stored.extras ?? {}, more);
    const text = JSON.stringify({
      ...stored,
      body: changed,
      ...(Object.keys(extras).length > 0 && { extras }),
    });
    engine.store.transaction(() =>
      engine.store.db.query("UPDATE containers SET config = ? WHERE id = ?").run(text, id),
    );
    emit(engine, info, "update");
    return told;
  });
}

function withPolicy(body: CreateBody, policy: RestartPolicy): CreateBody {
  const host = hostConfig(body);
  checkRestartPolicy(policy, host.AutoRemove === true);
  return { ...body, HostConfig: { ...host, RestartPolicy: policy } };
}
