/** The controller of NodeGroups: nodes bear the label of their group, and groups say in their status how their nodes are. */
import type { KubeClient, KubeObject } from "../../../spec/kubernetes/kube.ts";
import { forAll, unlessGone } from "../apiserver/controllers/controller.ts";
import type { CloudContext } from "../part.ts";
import { Queue } from "../informer/queue.ts";
import { SampanError } from "../../../base/errors.ts";
import { belongingTo, nodeGroups, nodes } from "./kinds.ts";
import { membershipOf, readyStatusOf } from "./members.ts";

const all = "all";

/** One look is at all groups and nodes: to which group a node belongs cannot be told from one alone. */
export function nodeGroupQueue(context: CloudContext, signal: AbortSignal): Queue {
  const { informers, clock, log } = context;
  const queue = new Queue({
    clock,
    signal,
    work: async (_key, limit) => {
      await look(context, limit);
      return undefined;
    },
    onError: (_key, error) => log(`cannot group the nodes: ${SampanError.from(error).message}`),
  });
  informers.of(nodeGroups).onChange((now, before) => {
    if (
      !now ||
      !before ||
      !Bun.deepEquals(now["spec"], before["spec"]) ||
      now.metadata.deletionTimestamp !== before.metadata.deletionTimestamp
    )
      queue.add(all);
  });
  informers.of(nodes).onChange((now, before) => {
    // Heartbeats of thousands of nodes change nothing here.
    if (!now || !before || !Bun.deepEquals(selectionOf(now), selectionOf(before))) queue.add(all);
  });
  queue.add(all);
  return queue;
}

async function look({ client, informers }: CloudContext, signal: AbortSignal): Promise<void> {
  const groups = informers.of(nodeGroups).store.all();
  const { labels, statuses } = membershipOf(groups, informers.of(nodes).store.all());
  await forAll([...labels], async ([name, label]) => {
    const patch = { metadata: { labels: { [belongingTo]: label ?? null } } };
    const type = "application/merge-patch+json";
    const written = await unlessGone(client.patch(nodes, { name }, patch, { type, signal }));
    if (written) informers.of(nodes).wrote(written);
  });
  await forAll(groups, async (group) => {
    const nodeStatuses = statuses.get(group.metadata.name ?? "");
    if (nodeStatuses) await writeStatus({ client, informers }, { group, status: { nodeStatuses }, signal });
  });
}

interface Writing {
  readonly group: KubeObject;
  readonly status: object;
  readonly signal: AbortSignal;
}

async function writeStatus(
  { client, informers }: { readonly client: KubeClient; readonly informers: CloudContext["informers"] },
  { group, status, signal }: Writing,
): Promise<void> {
  if (Bun.deepEquals(group["status"], status)) return;
  const { name = "", resourceVersion } = group.metadata;
  const key = { name, subresource: "status" };
  const patch = { metadata: { resourceVersion }, status };
  const written = await unlessGone(
    client.patch(nodeGroups, key, patch, { type: "application/merge-patch+json", signal }),
  );
  if (written) informers.of(nodeGroups).wrote(written);
}

/** What of a node decides on its group, and on its status there. */
function selectionOf(node: KubeObject): unknown {
  return [node.metadata.labels ?? {}, readyStatusOf(node)];
}
