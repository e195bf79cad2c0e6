/** What makes pods. */
import type { KindRow } from "../builtin.ts";
import {
  daemonSetStrategy,
  daemonSetTable,
  revisionStrategy,
  revisionTable,
} from "../workloads/daemonsets.ts";
import {
  deploymentStrategy,
  deploymentTable,
  replicaSetStrategy,
  replicaSetTable,
} from "../workloads/deployments.ts";
import { jobStrategy, jobTable } from "../workloads/jobs.ts";

/** The selector in text is what the registry makes of spec.selector. */
const scale = { spec: ".spec.replicas", status: ".status.replicas", selector: ".spec.selector" } as const;
const workload = { inAll: true, status: true, generation: true } as const;

export const workloadKinds: readonly KindRow[] = [
  {
    ...workload,
    package: "apps",
    kind: "Deployment",
    shortNames: ["deploy"],
    scale,
    strategy: deploymentStrategy,
    table: deploymentTable,
  },
  {
    ...workload,
    package: "apps",
    kind: "ReplicaSet",
    shortNames: ["rs"],
    scale,
    strategy: replicaSetStrategy,
    table: replicaSetTable,
  },
  {
    ...workload,
    package: "apps",
    kind: "DaemonSet",
    shortNames: ["ds"],
    strategy: daemonSetStrategy,
    table: daemonSetTable,
  },
  { package: "apps", kind: "ControllerRevision", strategy: revisionStrategy, table: revisionTable },
  { ...workload, package: "batch", kind: "Job", strategy: jobStrategy, table: jobTable },
];
