/**
 * PolicyController: what the service accounts of an edge's pods may do, as one ServiceAccountAccess each, so that the edge's MetaServer can decide without the cloud. The object is made when a
 * pod of the account comes to an edge node, follows the roles, and goes with the last such pod. Its nodes are those on which the account's pods are.
 */
import type { Clock } from "../../../base/clock.ts";
import {
  KubeError,
  type KubeClient,
  type KubeObject,
  type ResourceId,
} from "../../../spec/kubernetes/kube.ts";
import { follow } from "../edgecontroller/follow.ts";
import { ids, typed } from "../edgecontroller/ids.ts";
import { inventoryOf, nodeOf, type Inventory, type Reference } from "../edgecontroller/inventory.ts";
import { listed } from "../edgecontroller/listed.ts";
import { Versions } from "../edgecontroller/versions.ts";
import type { Delivery, Hub } from "../hub/hub.ts";
import type { Informer } from "../informer/informer.ts";
import { Queue } from "../informer/queue.ts";
import { writeThrough } from "../informer/write-through.ts";
import type { CloudContext } from "../part.ts";
import { accessSpec } from "./access.ts";
import { Roles } from "./roles.ts";

export const accessId: ResourceId = {
  group: "policy.kubeedge.io",
  version: "v1alpha1",
  resource: "serviceaccountaccesses",
};

const apiVersion = "policy.kubeedge.io/v1alpha1";
const kind = "ServiceAccountAccess";
const edgeRole = "node-role.kubernetes.io/edge";
/** Milliseconds in which changes gather: a rollout brings many pods of one account. */
const gathering = 200;
const everything = "*";

interface Policy {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly hub: Hub;
  readonly inventory: Inventory;
  readonly roles: Roles;
  readonly pods: Informer;
  readonly nodes: Informer;
  readonly accounts: Informer;
  readonly accesses: Informer;
  /** What was written last, by uid: of what the API makes something else of there is no end otherwise. */
  readonly written: Map<string, string>;
}

/** Resolves when everything was listed once. Where the kind is not installed it does nothing until it is. */
export async function startPolicyController(context: CloudContext): Promise<AsyncDisposable> {
  const { hub, informers, clock, log, signal } = context;
  const followed = {
    pods: informers.of(ids.pods),
    nodes: informers.of(ids.nodes),
    accounts: informers.of(ids.serviceAccounts),
    accesses: informers.of(accessId),
  };
  const roles = Roles.of(informers);
  await listed(Object.values(followed), signal);
  const inventory = inventoryOf(followed.pods);
  const client = writeThrough(context.client, informers);
  const policy: Policy = { ...followed, client, clock, hub, inventory, roles, written: new Map() };
  const stop = new AbortController();
  const end = (): void => stop.abort();
  signal.addEventListener("abort", end, { once: true });
  const queue: Queue = new Queue({
    clock,
    signal: stop.signal,
    work: async (key, limit) => {
      if (key === everything) addAll(policy, queue);
      else await reconcile(policy, parse(key), limit);
      return undefined;
    },
    onError: (key, error) => {
      const isMissing = error instanceof KubeError && ["NotFound", "Conflict"].includes(error.reason);
      if (!isMissing) log(`cannot keep the access of service account ${key}: ${String(error)}`);
    },
  });
  deliverChanges(policy);
  followSources(policy, queue);
  // A cloud that may not read roles makes no objects that say that there are none.
  const working = listed(roles.informers, stop.signal).then(
    () => queue.run(2),
    () => {},
  );
  return {
    [Symbol.asyncDispose]: async () => {
      signal.removeEventListener("abort", end);
      stop.abort();
      await working;
    },
  };
}

const keyOf = ({ namespace, name }: { namespace?: string; name?: string }): string => `${namespace}/${name}`;

function parse(key: string): Reference {
  const [namespace = "", name = ""] = key.split("/");
  return { resource: "serviceaccounts", namespace, name };
}

function addAll({ inventory, accesses }: Policy, queue: Queue): void {
  for (const reference of inventory.referred("serviceaccounts")) queue.add(keyOf(reference));
  for (const { metadata } of accesses.store.all()) queue.add(keyOf(metadata));
}

function followSources({ pods, nodes, accounts, accesses, roles }: Policy, queue: Queue): void {
  const soon = (key: string): void => queue.addAfter(key, gathering);
  follow(pods, (now, before) => {
    if (nodeOf(now) !== nodeOf(before)) for (const pod of [now, before]) if (pod) soon(accountOf(pod));
  });
  nodes.onChange((now, before) => {
    if (isEdge(now) !== isEdge(before)) soon(everything);
  });
  accounts.onChange((now, before) => {
    if (now?.metadata.uid !== before?.metadata.uid) soon(keyOf((now ?? before)?.metadata ?? {}));
  });
  accesses.onChange((now, before) => soon(keyOf((now ?? before)?.metadata ?? {})));
  roles.onChange(() => soon(everything));
  soon(everything);
}

function accountOf(pod: KubeObject): string {
  const { serviceAccountName: name = "default" } = (pod["spec"] ?? {}) as { serviceAccountName?: string };
  return keyOf({ namespace: pod.metadata.namespace ?? "", name });
}

function isEdge(node: KubeObject | undefined): boolean {
  return node?.metadata.labels?.[edgeRole] !== undefined;
}

/** Makes the object of one service account what it should be. */
async function reconcile(policy: Policy, reference: Reference, signal: AbortSignal): Promise<void> {
  const { client, nodes, accounts, accesses, roles, inventory, written } = policy;
  const { namespace, name } = reference;
  const account = accounts.store.get(namespace, name);
  const present = accesses.store.get(namespace, name);
  const nodeList = [...inventory.nodesOf(reference)]
    .filter((node) => isEdge(nodes.store.get(undefined, node)))
    .toSorted();
  if (!account || nodeList.length === 0) {
    const { uid = "" } = present?.metadata ?? {};
    written.delete(uid);
    if (present) await client.delete(accessId, { namespace, name }, { preconditions: { uid }, signal });
    return;
  }
  const spec = accessSpec(account, roles);
  const wanted = JSON.stringify([spec, nodeList]);
  const { uid = "", resourceVersion = "" } = present?.metadata ?? {};
  if (present && written.get(uid) === `${resourceVersion} ${wanted}`) return;
  const kept =
    present && Bun.deepEquals(present["spec"], spec)
      ? present
      : await write(policy, { present, reference, spec, signal });
  const { nodeList: before } = (kept["status"] ?? {}) as { readonly nodeList?: unknown };
  const last = Bun.deepEquals(before, nodeList)
    ? kept
    : await client.update(accessId, { ...kept, status: { nodeList } }, { subresource: "status", signal });
  written.set(last.metadata.uid ?? "", `${last.metadata.resourceVersion} ${wanted}`);
}

interface Writing {
  readonly present: KubeObject | undefined;
  readonly reference: Reference;
  readonly spec: object;
  readonly signal: AbortSignal;
}

async function write({ client }: Policy, { present, reference, spec, signal }: Writing): Promise<KubeObject> {
  const { namespace, name } = reference;
  return present
    ? await client.update(accessId, { ...present, spec }, { signal })
    : await client.create(accessId, { apiVersion, kind, metadata: { namespace, name }, spec }, { signal });
}

/** What edges are told: the rules, and not on which other nodes they count. */
function wantedOf(object: KubeObject): Omit<Delivery, "operation"> {
  const { status: _, ...rest } = typed(object, kind, apiVersion);
  return { object: rest as KubeObject, type: "serviceaccountaccess", source: "policycontroller" };
}

function deliverChanges({ hub, inventory, pods, accesses }: Policy): void {
  const versions = new Versions();
  follow(accesses, (now, before) => {
    if (!now && before) versions.forget(before);
    if (now && before && Bun.deepEquals(now["spec"], before["spec"])) return;
    if (now) versions.set(now);
    const object = now ?? before;
    if (!object) return;
    const operation = now ? (before ? "update" : "insert") : "delete";
    for (const node of inventory.nodesOf(parse(keyOf(object.metadata))))
      if (hub.edge(node)) hub.deliver(node, { ...wantedOf(object), operation });
  });
  const accessOf = (key: string): KubeObject | undefined => {
    const { namespace, name } = parse(key);
    const object = accesses.store.get(namespace, name);
    return object && versions.apply(object);
  };
  pods.onChange((now, before) => {
    const node = nodeOf(now);
    if (!now || node === undefined || node === nodeOf(before) || !hub.edge(node)) return;
    const object = accessOf(accountOf(now));
    if (object) hub.deliver(node, { ...wantedOf(object), operation: "insert" });
  });
  hub.addSource({
    kinds: [{ apiVersion, kind }],
    *wanted(node) {
      for (const reference of inventory.referencesOf(node)) {
        const object = reference.resource === "serviceaccounts" ? accessOf(keyOf(reference)) : undefined;
        if (object) yield wantedOf(object);
      }
    },
  });
}
