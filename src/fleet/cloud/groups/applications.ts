/** The controller of EdgeApplications: makes what they ask for, takes away what they ask for no more, and says in their status what works. */
import { invalid, SampanError } from "../../../base/errors.ts";
import { KubeError, type KubeObject, type ResourceId } from "../../../spec/kubernetes/kube.ts";
import { forAll, unlessGone } from "../apiserver/controllers/controller.ts";
import {
  controllerOf,
  isControlledBy,
  isDeleting,
  keyOf,
  splitKey,
} from "../apiserver/controllers/references.ts";
import { Queue } from "../informer/queue.ts";
import type { CloudContext } from "../part.ts";
import { applications, deployments, ofApplication, renderable } from "./kinds.ts";
import { labelOf, render, type Rendered } from "./render.ts";

const manager = "sampan-edgeapplication";
/** Behind a key: only how its Deployments do is looked at. */
const statusOnly = "#status";

export function applicationQueue(context: CloudContext, signal: AbortSignal): Queue {
  const { informers, clock, log } = context;
  const queue = new Queue({
    clock,
    signal,
    work: async (key, limit) => {
      if (key.endsWith(statusOnly)) await lookAtStatus(context, key.slice(0, -statusOnly.length), limit);
      else await look(context, key, limit);
      return undefined;
    },
    onError: (key, error) => log(`cannot make edge application "${key}": ${SampanError.from(error).message}`),
  });
  informers.of(applications).onChange((now, before) => {
    if (now && (!before || !Bun.deepEquals(now["spec"], before["spec"]))) queue.add(keyOf(now));
  });
  informers.of(deployments).onChange((now, before) => {
    const object = now ?? before;
    const owner = object && controllerOf(object);
    if (owner?.kind !== "EdgeApplication") return;
    const key = `${object?.metadata.namespace ?? ""}/${owner.name}`;
    // What somebody else changed of it is put right; how it does is only told.
    const isSame = now && before && Bun.deepEquals(now["spec"], before["spec"]);
    queue.add(isSame ? key + statusOnly : key);
  });
  for (const application of informers.of(applications).store.all()) queue.add(keyOf(application));
  return queue;
}

async function look(context: CloudContext, key: string, signal: AbortSignal): Promise<void> {
  const { informers, log } = context;
  const { namespace, name } = splitKey(key);
  const application = informers.of(applications).store.get(namespace, name);
  if (!application || isDeleting(application)) return;
  const { rendered, faults } = render(application);
  for (const fault of faults) log(`edge application "${key}": ${fault}`);
  const failures: string[] = [];
  const present: (KubeObject | undefined)[] = Array.from({ length: rendered.length });
  await forAll([...rendered.entries()], async ([index, one]) => {
    try {
      present[index] = await apply(context, { application, one, signal });
    } catch (error) {
      failures.push(
        `${one.resource.resource} "${one.object.metadata.name}": ${SampanError.from(error).message}`,
      );
    }
  });
  // What could not be understood is not taken for what is no longer wanted.
  if (faults.length === 0) await removeOthers(context, { application, rendered, signal });
  await writeStatus(context, { application, workloadStatus: statusesOf(rendered, present), signal });
  if (failures.length > 0) throw invalid(failures.slice(0, 5).join("; "));
}

async function lookAtStatus(context: CloudContext, key: string, signal: AbortSignal): Promise<void> {
  const { informers } = context;
  const { namespace, name } = splitKey(key);
  const application = informers.of(applications).store.get(namespace, name);
  if (!application || isDeleting(application)) return;
  const { store } = informers.of(deployments);
  const before = ((application["status"] ?? {}) as ApplicationStatus).workloadStatus ?? [];
  const workloadStatus = before.map((each) =>
    each.identifier.kind === "Deployment"
      ? { ...each, conditions: conditionOf(store.get(namespace, each.identifier.name)) }
      : each,
  );
  await writeStatus(context, { application, workloadStatus, signal });
}

interface ApplicationStatus {
  readonly workloadStatus?: readonly {
    readonly identifier: { readonly kind: string; readonly name: string };
  }[];
}

interface Applying {
  readonly application: KubeObject;
  readonly one: Rendered;
  readonly signal: AbortSignal;
}

/** @throws SampanError already_exists when something else has its name. */
async function apply(
  { client, informers }: CloudContext,
  { application, one, signal }: Applying,
): Promise<KubeObject> {
  const { resource, object } = one;
  const { namespace, name = "" } = object.metadata;
  const key = { namespace, name };
  const found = await present(client, { resource, key, signal });
  if (found && !isControlledBy(found, application))
    throw new SampanError("already_exists", "there is one already that is not of this application");
  const written = await client.patch(resource, key, object, {
    type: "application/apply-patch+yaml",
    fieldManager: manager,
    force: true,
    signal,
  });
  informers.find(resource)?.wrote(written);
  return written;
}

async function present(
  client: CloudContext["client"],
  {
    resource,
    key,
    signal,
  }: {
    readonly resource: ResourceId;
    readonly key: { namespace: string | undefined; name: string };
    readonly signal: AbortSignal;
  },
): Promise<KubeObject | undefined> {
  try {
    return await client.get(resource, key, signal);
  } catch (error) {
    if (error instanceof KubeError && error.reason === "NotFound") return undefined;
    throw error;
  }
}

interface Removing {
  readonly application: KubeObject;
  readonly rendered: readonly Rendered[];
  readonly signal: AbortSignal;
}

async function removeOthers(
  { client }: CloudContext,
  { application, rendered, signal }: Removing,
): Promise<void> {
  const { namespace = "" } = application.metadata;
  const labelSelector = `${ofApplication}=${labelOf(application)}`;
  const wanted = new Set(
    rendered.map(({ resource, object }) => `${resource.resource} ${object.metadata.name}`),
  );
  for (const resource of Object.values(renderable)) {
    const { items } = await listServed(client, resource, { namespace, labelSelector, signal });
    const others = items.filter(
      (object) =>
        isControlledBy(object, application) &&
        !isDeleting(object) &&
        !wanted.has(`${resource.resource} ${object.metadata.name}`),
    );
    await forAll(others, ({ metadata: { name = "", uid = "" } }) =>
      unlessGone(
        client.delete(
          resource,
          { namespace, name },
          { preconditions: { uid }, propagationPolicy: "Background", signal },
        ),
      ),
    );
  }
}

async function listServed(
  client: CloudContext["client"],
  resource: ResourceId,
  options: { readonly namespace: string; readonly labelSelector: string; readonly signal: AbortSignal },
): Promise<{ readonly items: readonly KubeObject[] }> {
  try {
    return await client.list(resource, options);
  } catch (error) {
    if (error instanceof KubeError && error.reason === "NotFound") return { items: [] };
    throw error;
  }
}

function statusesOf(rendered: readonly Rendered[], objects: readonly (KubeObject | undefined)[]): object[] {
  return rendered.map(({ ordinal, resource, object: { kind, metadata } }, index) => ({
    identifier: {
      ordinal,
      group: resource.group,
      version: resource.version,
      resource: resource.resource,
      kind,
      namespace: metadata.namespace ?? "",
      name: metadata.name ?? "",
    },
    conditions: conditionOf(objects[index]),
  }));
}

function conditionOf(object: KubeObject | undefined): "Available" | "Processing" {
  return isAvailable(object) ? "Available" : "Processing";
}

/** A Deployment when all of its replicas of its newest spec are; everything else when it is there. */
function isAvailable(object: KubeObject | undefined): boolean {
  if (!object) return false;
  if (object.kind !== "Deployment") return true;
  const { replicas = 1 } = (object["spec"] ?? {}) as { readonly replicas?: number };
  const status = (object["status"] ?? {}) as Readonly<Record<string, number | undefined>>;
  const isSeen = (status["observedGeneration"] ?? 0) >= (object.metadata.generation ?? 0);
  return (
    isSeen && (status["updatedReplicas"] ?? 0) >= replicas && (status["availableReplicas"] ?? 0) >= replicas
  );
}

interface StatusWriting {
  readonly application: KubeObject;
  readonly workloadStatus: readonly object[];
  readonly signal: AbortSignal;
}

async function writeStatus(
  { client, informers }: CloudContext,
  { application, workloadStatus, signal }: StatusWriting,
): Promise<void> {
  const status = { workloadStatus };
  if (Bun.deepEquals(application["status"], status)) return;
  const { namespace, name = "" } = application.metadata;
  const written = await unlessGone(
    client.patch(
      applications,
      { namespace, name, subresource: "status" },
      { status },
      { type: "application/merge-patch+json", signal },
    ),
  );
  if (written) informers.of(applications).wrote(written);
}
