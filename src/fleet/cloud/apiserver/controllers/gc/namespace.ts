/** Empties namespaces that are being deleted, and lets them go. Source: https://kubernetes.io/docs/tasks/administer-cluster/namespaces/#deleting-a-namespace */
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import { forAll, unlessGone, writeStatus, type Context, type ControllerFactory } from "../controller.ts";
import { kinds, type Condition } from "../kinds.ts";
import { isDeleting, keyOf, same, splitKey, withCondition } from "../references.ts";
import type { Served, ServedKinds } from "../served.ts";

const pageSize = 500;
const again = 1000;

interface Namespace extends KubeObject {
  spec?: { readonly finalizers?: readonly string[] };
  status?: { readonly phase?: string; readonly conditions?: readonly Condition[] };
}

/** What is still in a namespace after everything in it was asked to go. */
export interface Remains {
  /** `pods` or `deployments.apps`, with how many. */
  readonly kinds: readonly { readonly name: string; readonly count: number }[];
  readonly finalizers: readonly { readonly name: string; readonly count: number }[];
  readonly failures: readonly string[];
}

/** The conditions that say what a namespace waits for. */
export function namespaceConditions(
  present: readonly Condition[] | undefined,
  remains: Remains,
  now: number,
): readonly Condition[] {
  const { kinds: left, finalizers, failures } = remains;
  const list = (entries: Remains["kinds"], noun: string): string =>
    entries.map(({ name, count }) => `${name} ${noun} ${count} resource instances`).join(", ");
  const wanted: readonly Condition[] = [
    {
      type: "NamespaceDeletionDiscoveryFailure",
      status: "False",
      reason: "ResourcesDiscovered",
      message: "All resources successfully discovered",
    },
    {
      type: "NamespaceDeletionContentFailure",
      ...(failures.length > 0
        ? { status: "True", reason: "ContentDeletionFailed", message: failures.join(", ") }
        : {
            status: "False",
            reason: "ContentDeleted",
            message: "All content successfully deleted, may be waiting on finalization",
          }),
    },
    {
      type: "NamespaceContentRemaining",
      ...(left.length > 0
        ? {
            status: "True",
            reason: "SomeResourcesRemain",
            message: `Some resources are remaining: ${list(left, "has")}`,
          }
        : { status: "False", reason: "ContentRemoved", message: "All content successfully removed" }),
    },
    {
      type: "NamespaceFinalizersRemaining",
      ...(finalizers.length > 0
        ? {
            status: "True",
            reason: "SomeFinalizersRemain",
            message: `Some content in the namespace has finalizers remaining: ${list(finalizers, "in")}`,
          }
        : {
            status: "False",
            reason: "ContentHasNoFinalizers",
            message: "All content-preserving finalizers finished",
          }),
    },
  ];
  let conditions = present ?? [];
  for (const one of wanted) conditions = withCondition(conditions, one, now);
  return conditions;
}

export function namespaceController(served: ServedKinds): ControllerFactory {
  return (context, enqueue) => {
    const { client, informers, clock } = context;
    const namespaces = informers.of(kinds.namespaces);
    namespaces.onChange((now) => {
      if (now && isDeleting(now)) enqueue(keyOf(now));
    });
    return {
      name: "namespace",
      informers: [namespaces],
      async reconcile(key, signal) {
        const namespace = namespaces.store.get("", splitKey(key).name) as Namespace | undefined;
        if (!namespace || !isDeleting(namespace)) return undefined;
        const { finalizers = [] } = namespace.spec ?? {};
        if (!finalizers.includes("kubernetes")) return undefined;
        const remains = await empty(context, served.all(), namespace.metadata.name ?? "", signal);
        const conditions = namespaceConditions(namespace.status?.conditions, remains, clock.now());
        const status = { phase: "Terminating", conditions };
        const written = same(status, namespace.status)
          ? namespace
          : await writeStatus(client, kinds.namespaces, namespace, { status, signal });
        if (remains.kinds.length + remains.failures.length > 0) return again;
        const left = finalizers.filter((one) => one !== "kubernetes");
        const freed = { ...written, spec: { ...namespace.spec, finalizers: left } };
        await unlessGone(client.update(kinds.namespaces, freed, { subresource: "finalize", signal }));
        return undefined;
      },
    };
  };
}

/** Asks everything in the namespace to go. */
async function empty(
  context: Context,
  served: readonly Served[],
  namespace: string,
  signal: AbortSignal,
): Promise<Remains> {
  const left = new Map<string, number>();
  const finalizers = new Map<string, number>();
  const failures: string[] = [];
  for (const { id, namespaced } of served) {
    if (!namespaced) continue;
    const name = id.group === "" ? `${id.resource}.` : `${id.resource}.${id.group}`;
    try {
      for (const object of await emptyKind(context, id, namespace, signal)) {
        left.set(name, (left.get(name) ?? 0) + 1);
        for (const one of object.metadata.finalizers ?? [])
          finalizers.set(one, (finalizers.get(one) ?? 0) + 1);
      }
    } catch (error) {
      if (signal.aborted) throw error;
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const counts = (map: ReadonlyMap<string, number>) => [...map].map(([name, count]) => ({ name, count }));
  return { kinds: counts(left), finalizers: counts(finalizers), failures };
}

/** Those that are not gone at once. */
async function emptyKind(
  { client }: Context,
  id: Served["id"],
  namespace: string,
  signal: AbortSignal,
): Promise<readonly KubeObject[]> {
  const found: KubeObject[] = [];
  let next: string | undefined;
  do {
    const page = await client.list(id, {
      namespace,
      limit: pageSize,
      ...(next ? { continue: next } : {}),
      signal,
    });
    found.push(...page.items);
    next = page.continue;
  } while (next);
  if (found.length === 0) return [];
  const present = found.filter((one) => !isDeleting(one));
  await forAll(present, ({ metadata: { name = "", uid = "" } }) => {
    const options = { propagationPolicy: "Background", preconditions: { uid }, signal } as const;
    return unlessGone(client.delete(id, { namespace, name }, options));
  });
  const after = await client.list(id, { namespace, limit: pageSize, signal });
  return after.items;
}
