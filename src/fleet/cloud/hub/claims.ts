/**
 * Which of several hubs holds a node: an annotation of the Node, `<number>.<hub>`. The hub that an edge connects to claims it with the next number; who sees a greater number of another lets go of
 * its own connection, which is then one that its edge has left.
 */
import type { KubeClient, KubeObject, ResourceId } from "../../../spec/kubernetes/kube.ts";
import type { Informer } from "../informer/informer.ts";
import { isReason } from "../keys/secrets.ts";

export const nodes: ResourceId = { group: "", version: "v1", resource: "nodes" };
export const annotation = "fleet.sampan/hub";
const tries = 8;

export interface Claim {
  readonly number: number;
  readonly hub: string;
}

export function claimOf(node: KubeObject | undefined): Claim | undefined {
  const [, number, hub] =
    /^(\d{1,15})\.(.{1,256})$/.exec(node?.metadata.annotations?.[annotation] ?? "") ?? [];
  return number === undefined || hub === undefined ? undefined : { number: Number(number), hub };
}

export interface ClaimsOptions {
  readonly client: KubeClient;
  readonly informer: Informer;
  /** This one. */
  readonly hub: string;
  readonly signal: AbortSignal;
}

/** Claims a node. Its number; undefined: there is no such Node yet. `isWanted`: whether the edge is still connected here. */
export async function claimNode(
  name: string,
  isWanted: () => boolean,
  { client, informer, hub, signal }: ClaimsOptions,
): Promise<number | undefined> {
  let node = informer.store.get(undefined, name);
  for (let attempt = 0; node && attempt < tries && isWanted(); attempt++) {
    const present = claimOf(node);
    if (present?.hub === hub) return present.number;
    const number = (present?.number ?? 0) + 1;
    try {
      const metadata = {
        resourceVersion: node.metadata.resourceVersion,
        annotations: { [annotation]: `${number}.${hub}` },
      };
      informer.wrote(
        await client.patch(nodes, { name }, { metadata }, { type: "application/merge-patch+json", signal }),
      );
      return number;
    } catch (error) {
      if (isReason(error, "NotFound")) return undefined;
      if (!isReason(error, "Conflict")) throw error;
      node = await client.get(nodes, { name }, signal).catch(() => undefined);
    }
  }
  return undefined;
}
