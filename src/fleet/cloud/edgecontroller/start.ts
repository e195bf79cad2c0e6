/** EdgeController: what the nodes of the edge have of the Kubernetes API, and what they say to it. */
import type { CloudContext } from "../part.ts";
import { writeThrough } from "../informer/write-through.ts";
import { startDownstream } from "./downstream.ts";
import { ids } from "./ids.ts";
import { inventoryOf } from "./inventory.ts";
import { listed } from "./listed.ts";
import { openRates } from "./request.ts";
import { LeaseDesk } from "./requests/leases.ts";
import { startUpstream } from "./upstream.ts";

/** Resolves when everything was listed once: before that nobody is told what a node should have. */
export async function startEdgeController(context: CloudContext): Promise<AsyncDisposable> {
  const { hub, informers, clock, log } = context;
  const followed = {
    pods: informers.of(ids.pods),
    nodes: informers.of(ids.nodes),
    configMaps: informers.of(ids.configMaps),
    secrets: informers.of(ids.secrets),
    claims: informers.of(ids.claims),
    volumes: informers.of(ids.volumes),
  };
  await listed(Object.values(followed), context.signal);
  const inventory = inventoryOf(followed.pods);
  startDownstream({ hub, inventory, ...followed });
  const client = writeThrough(context.client, informers);
  const office = {
    ...followed,
    client,
    hub,
    inventory,
    leases: new LeaseDesk(() => informers.find(ids.leases)),
    rates: openRates(clock),
    clock,
  };
  startUpstream({ office, log });
  // The informers and the hub end with the context; nothing here outlives them.
  return { [Symbol.asyncDispose]: async () => {} };
}
