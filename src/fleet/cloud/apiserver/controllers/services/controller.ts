import {
  place,
  unlessGone,
  unlessPresent,
  type Context,
  type Controller,
  type Enqueue,
} from "../controller.ts";
import { kinds, type Node, type Pod, type Service } from "../kinds.ts";
import { isControlledBy, keyOf, splitKey } from "../references.ts";
import { isNamespaceGoing } from "../pods.ts";
import { hasLabels } from "../selectors.ts";
import { belongsTo, hasSelector } from "./addresses.ts";
import {
  endpointsLabels,
  manager,
  managerLabel,
  planService,
  serviceLabel,
  type EndpointSlice,
  type ServiceStep,
} from "./plan.ts";

/** Changes of many pods at once come into one write. */
const gather = 100;

/** Says of each service with a selector where its pods are. */
export function serviceController(context: Context, enqueue: Enqueue): Controller {
  const { client, informers } = context;
  const services = informers.of(kinds.services);
  const pods = informers.of(kinds.pods);
  const nodes = informers.of(kinds.nodes);
  const slices = informers.of(kinds.endpointSlices);
  const endpoints = informers.of(kinds.endpoints);
  /** Keys of services that went while this process saw it. */
  const gone = new Set<string>();
  services.onChange((now, before) => {
    const service = now ?? before;
    if (!service) return;
    if (now) gone.delete(keyOf(service));
    else gone.add(keyOf(service));
    enqueue(keyOf(service));
  });
  pods.onChange((now, before) => {
    for (const pod of [now, before] as readonly (Pod | undefined)[]) {
      if (!pod) continue;
      for (const service of services.store.inNamespace(pod.metadata.namespace ?? "") as readonly Service[]) {
        if (hasSelector(service) && belongsTo(service, pod)) enqueue(keyOf(service), gather);
      }
    }
  });
  slices.onChange((now, before) => {
    const { namespace = "", labels } = (now ?? before)?.metadata ?? {};
    const name = labels?.[serviceLabel];
    if (name !== undefined && labels?.[managerLabel] === manager) enqueue(`${namespace}/${name}`, gather);
  });
  endpoints.onChange((now, before) => {
    const one = now ?? before;
    if (one) enqueue(keyOf(one), gather);
  });

  async function act(step: ServiceStep, signal: AbortSignal): Promise<void> {
    switch (step.do) {
      case "create slice":
        await client.create(kinds.endpointSlices, step.slice, { signal });
        return;
      case "update slice":
        await client.update(kinds.endpointSlices, step.slice, { signal });
        return;
      case "delete slice":
        await unlessGone(client.delete(kinds.endpointSlices, place(step.slice), { signal }));
        return;
      case "create endpoints":
        await unlessPresent(client.create(kinds.endpoints, step.endpoints, { signal }));
        return;
      case "update endpoints":
        await client.update(kinds.endpoints, step.endpoints, { signal });
    }
  }

  return {
    name: "service",
    informers: [services, pods, nodes, slices, endpoints],
    async reconcile(key, signal) {
      const { namespace, name } = splitKey(key);
      const service = services.store.get(namespace, name) as Service | undefined;
      const present = endpoints.store.get(namespace, name);
      if (!service) return removeEndpoints(key, signal);
      const labels = { [serviceLabel]: name, [managerLabel]: manager };
      const own = slices.store
        .inNamespace(namespace)
        .filter((slice) => hasLabels(labels, slice.metadata.labels)) as readonly EndpointSlice[];
      const steps = planService({
        service,
        pods: pods.store.inNamespace(namespace) as readonly Pod[],
        node: (one) => nodes.store.get("", one) as Node | undefined,
        // Those of a service of this name that is gone belong to the garbage collector.
        slices: own.filter((slice) => isControlledBy(slice, service)),
        endpoints: present,
      });
      try {
        for (const step of steps) await act(step, signal);
      } catch (error) {
        if (!isNamespaceGoing(error)) throw error;
      }
      return undefined;
    },
  };

  /** Endpoints have no owner: they go with their service. Those that somebody made before there is a service stay. */
  async function removeEndpoints(key: string, signal: AbortSignal): Promise<undefined> {
    const { namespace, name } = splitKey(key);
    const present = endpoints.store.get(namespace, name);
    const isOurs = hasLabels(endpointsLabels, present?.metadata.labels);
    if (present && (isOurs || gone.has(key))) {
      await unlessGone(client.delete(kinds.endpoints, { namespace, name }, { signal }));
    }
    gone.delete(key);
    return undefined;
  }
}
