/** Deployments and replica sets. */
import type { StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import type { Strategy } from "../../resource.ts";
import { namedTable } from "../fields/columns.ts";
import { forbidden, invalid } from "../fields/complaints.ts";
import { at, isFields, made, number, type Fields } from "../fields/read.ts";
import { immutableCauses, isZero, notNegativeCauses, shareCauses } from "./counts.ts";
import {
  countColumn,
  defaultRollingUpdate,
  defaultTemplate,
  selectorMatchCauses,
  steadyTemplateCauses,
  templateColumns,
  templateWarnings,
} from "./template.ts";

export const deploymentStrategy: Strategy = {
  default(deployment) {
    const spec = made(deployment, "spec");
    defaultTemplate(spec);
    defaultRollingUpdate(made(spec, "strategy"), { maxUnavailable: "25%", maxSurge: "25%" });
  },
  validate({ spec: given }) {
    const spec = at(given);
    const { progressDeadlineSeconds: deadline, minReadySeconds } = spec;
    return [
      ...notNegativeCauses(spec, "spec", ["replicas", "minReadySeconds", "revisionHistoryLimit"]),
      ...(typeof deadline === "number" && deadline <= number(minReadySeconds)
        ? [invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")]
        : []),
      ...selectorMatchCauses(spec, "deployment"),
      ...steadyTemplateCauses(spec, "ReplicaSet"),
      ...strategyCauses(at(spec.strategy)),
    ];
  },
  validateUpdate: (deployment, old) => immutableCauses(deployment, old, ["spec.selector"]),
  warnings: templateWarnings,
};

function strategyCauses({ type, rollingUpdate }: Fields): StatusCause[] {
  const field = "spec.strategy.rollingUpdate";
  if (!isFields(rollingUpdate)) return [];
  if (type === "Recreate")
    return [forbidden(field, "may not be specified when strategy `type` is 'Recreate'")];
  const { maxUnavailable, maxSurge } = rollingUpdate;
  return [
    ...shareCauses(maxUnavailable, `${field}.maxUnavailable`, 100),
    ...shareCauses(maxSurge, `${field}.maxSurge`),
    ...(isZero(maxUnavailable) && isZero(maxSurge)
      ? [invalid(`${field}.maxUnavailable`, maxUnavailable, "may not be 0 when `maxSurge` is 0")]
      : []),
  ];
}

export const deploymentTable = namedTable([
  {
    name: "Ready",
    description: "Ready pods of those that are wanted.",
    cell: ({ spec, status }) => `${number(at(status).readyReplicas)}/${number(at(spec).replicas, 1)}`,
  },
  { ...countColumn("Up-to-date", "updatedReplicas", "Pods of the newest version."), type: "string" },
  {
    ...countColumn("Available", "availableReplicas", "Pods that have been ready long enough."),
    type: "string",
  },
  ...templateColumns,
]);

export const replicaSetStrategy: Strategy = {
  default: (set) => defaultTemplate(made(set, "spec")),
  validate({ spec: given }) {
    const spec = at(given);
    return [
      ...notNegativeCauses(spec, "spec", ["replicas", "minReadySeconds"]),
      ...selectorMatchCauses(spec, "deployment"),
      ...steadyTemplateCauses(spec, "ReplicaSet"),
    ];
  },
  validateUpdate: (set, old) => immutableCauses(set, old, ["spec.selector"]),
  selectableFields: ({ status }) => ({ "status.replicas": String(number(at(status).replicas)) }),
  warnings: templateWarnings,
};

export const replicaSetTable = namedTable([
  {
    name: "Desired",
    type: "integer",
    description: "Pods that are wanted.",
    cell: ({ spec }) => number(at(spec).replicas, 1),
  },
  countColumn("Current", "replicas", "Pods that there are."),
  countColumn("Ready", "readyReplicas", "Pods that are ready."),
  ...templateColumns,
]);
