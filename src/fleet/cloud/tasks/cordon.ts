/** A node that is upgraded takes no new pods meanwhile, and remembers its last upgrades. A node that somebody else took out of service is left so. */
import type { KubeClient, KubeObject } from "../../../spec/kubernetes/kube.ts";
import { unlessGone } from "../apiserver/controllers/controller.ts";
import { nodes } from "./kinds.ts";

const label = "nodeupgradejob.operations.kubeedge.io/status";
const history = "nodeupgradejob.operations.kubeedge.io/history";
const mostHistory = 3;
const type = "application/merge-patch+json";

const isCordoned = (node: KubeObject) =>
  (node["spec"] as { unschedulable?: boolean } | undefined)?.unschedulable === true;

export async function cordon(client: KubeClient, node: KubeObject, signal: AbortSignal): Promise<void> {
  if (isCordoned(node)) return;
  const patch = { metadata: { labels: { [label]: "" } }, spec: { unschedulable: true } };
  await unlessGone(client.patch(nodes, { name: node.metadata.name ?? "" }, patch, { type, signal }));
}

export interface Upgraded {
  readonly from: string;
  readonly to: string;
}

/** Only what `cordon` did is undone. */
export async function uncordon(
  client: KubeClient,
  node: KubeObject,
  { upgraded, signal }: { readonly upgraded?: Upgraded; readonly signal: AbortSignal },
): Promise<void> {
  if (node.metadata.labels?.[label] === undefined) return;
  const before = node.metadata.annotations?.[history]?.split(";").filter((each) => each !== "") ?? [];
  const lines = upgraded ? [...before, `${upgraded.from}->${upgraded.to}`].slice(-mostHistory) : before;
  const annotations = upgraded ? { annotations: { [history]: lines.join(";") } } : {};
  const patch = { metadata: { labels: { [label]: null }, ...annotations }, spec: { unschedulable: null } };
  await unlessGone(client.patch(nodes, { name: node.metadata.name ?? "" }, patch, { type, signal }));
}
