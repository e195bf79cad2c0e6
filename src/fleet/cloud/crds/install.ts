/** Makes the fleet's kinds known to a Kubernetes API. */
import { isRecord } from "../../link/json.ts";
import { isDeepStrictEqual } from "node:util";
import { SampanError } from "../../../base/errors.ts";
import {
  type KubeClient,
  KubeError,
  type KubeObject,
  type ResourceId,
} from "../../../spec/kubernetes/kube.ts";
import { crds } from "./crds.ts";

export const definitions: ResourceId = {
  group: "apiextensions.k8s.io",
  version: "v1",
  resource: "customresourcedefinitions",
};

export interface InstallOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds for a definition until it is served. */
  readonly deadline?: number;
}

export interface Installed {
  readonly name: string;
  readonly done: "created" | "updated" | "unchanged";
}

const attempts = 5;

/**
 * Creates or updates all of them and waits until each is served. A second call writes nothing. What a definition in the cluster has beyond ours stays (a newer KubeEdge's fields and versions).
 * Errors: `deadline_exceeded` when a kind does not come to be served (its names may be taken), and the client's.
 */
export async function installCrds(client: KubeClient, options: InstallOptions = {}): Promise<Installed[]> {
  return await Promise.all(crds().map(async (wanted) => await installOne(client, wanted, options)));
}

async function installOne(
  client: KubeClient,
  wanted: KubeObject,
  { signal, deadline = 30_000 }: InstallOptions,
): Promise<Installed> {
  const name = wanted.metadata.name ?? "";
  const limit = AbortSignal.timeout(deadline);
  const either = signal ? AbortSignal.any([signal, limit]) : limit;
  const { object, done } = await write(client, wanted, either);
  if (!(await established(client, object, either))) {
    signal?.throwIfAborted();
    throw new SampanError(
      "deadline_exceeded",
      `cannot install the kind "${name}": the cluster does not serve it after ${deadline} ms`,
    );
  }
  return { name, done };
}

async function write(
  client: KubeClient,
  wanted: KubeObject,
  signal: AbortSignal,
): Promise<{ object: KubeObject; done: Installed["done"] }> {
  const name = wanted.metadata.name ?? "";
  for (let attempt = 1; ; attempt++) {
    try {
      const there = await found(client, name, signal);
      if (!there) return { object: await client.create(definitions, wanted, { signal }), done: "created" };
      const spec = merged(there["spec"], wanted["spec"]);
      if (isDeepStrictEqual(spec, there["spec"])) return { object: there, done: "unchanged" };
      return { object: await client.update(definitions, { ...there, spec }, { signal }), done: "updated" };
    } catch (error) {
      // Another cloud does the same at this moment.
      const again = error instanceof KubeError && ["AlreadyExists", "Conflict"].includes(error.reason);
      if (!again || attempt === attempts) throw error;
    }
  }
}

async function found(client: KubeClient, name: string, signal: AbortSignal): Promise<KubeObject | undefined> {
  try {
    return await client.get(definitions, { name }, signal);
  } catch (error) {
    if (error instanceof KubeError && error.reason === "NotFound") return undefined;
    throw error;
  }
}

/** What is there, with all that we want put into it. Lists of things with a name are merged by it, others replaced. */
function merged(there: unknown, wanted: unknown): unknown {
  if (isNamed(there) && isNamed(wanted)) {
    const ours = wanted.map((item) => {
      const same = there.find(({ name }) => name === item.name);
      return same ? (merged(same, item) as Named) : item;
    });
    const names = new Set(ours.map(({ name }) => name));
    const stored = ours.some((item) => item["storage"] === true);
    const others = there.filter(({ name }) => !names.has(name));
    return [...ours, ...others.map((item) => (stored ? { ...item, storage: false } : item))];
  }
  if (!isRecord(there) || !isRecord(wanted)) return wanted;
  const result: Record<string, unknown> = { ...there };
  for (const [name, value] of Object.entries(wanted)) result[name] = merged(there[name], value);
  return result;
}

type Named = Record<string, unknown> & { readonly name: string };

function isNamed(value: unknown): value is Named[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => isRecord(item) && typeof item["name"] === "string")
  );
}

/** False when the signal aborts before. */
async function established(client: KubeClient, written: KubeObject, signal: AbortSignal): Promise<boolean> {
  if (isEstablished(written)) return true;
  const name = written.metadata.name ?? "";
  while (!signal.aborted) {
    const now = await client.get(definitions, { name }, signal);
    if (isEstablished(now)) return true;
    const resourceVersion = now.metadata.resourceVersion ?? "0";
    const fieldSelector = `metadata.name=${name}`;
    for await (const { type, object } of client.watch(definitions, {
      fieldSelector,
      resourceVersion,
      signal,
    }))
      if (type !== "BOOKMARK" && isEstablished(object)) return true;
  }
  return false;
}

function isEstablished({ status }: KubeObject): boolean {
  const conditions = isRecord(status) ? status["conditions"] : undefined;
  return (
    Array.isArray(conditions) &&
    conditions.some((item) => isRecord(item) && item["type"] === "Established" && item["status"] === "True")
  );
}
