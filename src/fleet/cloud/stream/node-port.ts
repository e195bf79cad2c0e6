/** Says in a Node at which port its kubelet is asked: a kube-apiserver reads it there, before it is led to this cloud. */
import { type Clock, pause } from "../../../base/clock.ts";
import { SampanError } from "../../../base/errors.ts";
import type { KubeClient, KubeObject, ResourceId } from "../../../spec/kubernetes/kube.ts";

export const nodes: ResourceId = { group: "", version: "v1", resource: "nodes" };
/** Milliseconds. The Node may be made a while after the tunnel. */
const times = { again: 5_000, most: 120_000 } as const;

export interface NodePortOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly port: number;
  /** The Node as it was last seen, so that a thousand edges that come back ask nothing of the API. */
  readonly known: (node: string) => KubeObject | undefined;
  readonly signal: AbortSignal;
}

/** Errors: the last one of the client, after two minutes. */
export async function writeNodePort(node: string, options: NodePortOptions): Promise<void> {
  const { client, clock, port, known, signal } = options;
  if (portOf(known(node)) === port) return;
  const began = clock.now();
  while (!signal.aborted) {
    try {
      const present = await client.get(nodes, { name: node }, signal);
      if (portOf(present) === port) return;
      const status = { daemonEndpoints: { kubeletEndpoint: { Port: port } } };
      await client.patch(
        nodes,
        { name: node, subresource: "status" },
        { status },
        { type: "application/merge-patch+json", signal },
      );
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (clock.now() - began > times.most) throw SampanError.from(error);
    }
    await pause(clock, times.again, signal);
  }
}

function portOf(node: KubeObject | undefined): unknown {
  const { daemonEndpoints } = (node?.["status"] ?? {}) as {
    readonly daemonEndpoints?: { readonly kubeletEndpoint?: { readonly Port?: unknown } };
  };
  return daemonEndpoints?.kubeletEndpoint?.Port;
}
