/**
 * The kinds that are served without a CustomResourceDefinition. Not among them, and so 404: replicationcontrollers, statefulsets, cronjobs, ingresses, horizontal pod autoscalers, limit
 * ranges, resource quotas, component statuses, pod templates; and what would be accepted but kept by nobody: network policies, pod disruption budgets.
 */
import type { ResourceMetrics } from "../metrics.ts";
import type { Resource } from "../resource.ts";
import { builtIn, type KindRow } from "./builtin.ts";
import { accessKinds, type Reviews } from "./kinds/access.ts";
import { clusterKinds } from "./kinds/cluster.ts";
import { configKinds } from "./kinds/config.ts";
import { eventKinds } from "./kinds/events.ts";
import { metricsKinds, noMetrics } from "./kinds/metrics.ts";
import { podKinds } from "./kinds/pods.ts";
import { serviceKinds } from "./kinds/services.ts";
import { storageKinds } from "./kinds/storage.ts";
import { workloadKinds } from "./kinds/workloads.ts";

export type { Reviews } from "./kinds/access.ts";

/** Reviews that nobody answers are not served. */
export function builtInResources(
  reviews: Reviews = {},
  metrics: ResourceMetrics = noMetrics,
): readonly Resource[] {
  const rows: readonly KindRow[] = [
    ...clusterKinds,
    ...podKinds,
    ...configKinds,
    ...serviceKinds,
    ...storageKinds,
    ...eventKinds,
    ...workloadKinds,
    ...accessKinds(reviews),
    ...metricsKinds(metrics),
  ];
  return rows.map(builtIn);
}
