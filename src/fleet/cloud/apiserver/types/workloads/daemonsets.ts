/** Daemon sets, and the old versions of them that controller revisions keep. */
import type { StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import type { Strategy } from "../../resource.ts";
import { namedTable } from "../fields/columns.ts";
import { invalid } from "../fields/complaints.ts";
import { labelText } from "../fields/selectors.ts";
import { at, entries, isFields, made, number, text, type Fields } from "../fields/read.ts";
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

export const daemonSetStrategy: Strategy = {
  default(set) {
    const spec = made(set, "spec");
    defaultTemplate(spec);
    defaultRollingUpdate(made(spec, "updateStrategy"), { maxUnavailable: 1, maxSurge: 0 });
  },
  validate({ spec: given }) {
    const spec = at(given);
    return [
      ...notNegativeCauses(spec, "spec", ["minReadySeconds", "revisionHistoryLimit"]),
      ...selectorMatchCauses(spec, "daemonset"),
      ...steadyTemplateCauses(spec, "DaemonSet"),
      ...strategyCauses(at(spec.updateStrategy).rollingUpdate),
    ];
  },
  validateUpdate: (set, old) => immutableCauses(set, old, ["spec.selector"]),
  warnings: templateWarnings,
};

function strategyCauses(steps: unknown): StatusCause[] {
  if (!isFields(steps)) return [];
  const { maxUnavailable, maxSurge } = steps;
  const field = "spec.updateStrategy.rollingUpdate";
  return [
    ...shareCauses(maxUnavailable, `${field}.maxUnavailable`, 100),
    ...shareCauses(maxSurge, `${field}.maxSurge`, 100),
    ...(isZero(maxUnavailable) && isZero(maxSurge)
      ? [invalid(`${field}.maxUnavailable`, maxUnavailable, "cannot be 0 when maxSurge is 0")]
      : []),
    ...(isZero(maxUnavailable) || isZero(maxSurge)
      ? []
      : [invalid(`${field}.maxSurge`, maxSurge, "may not be set when maxUnavailable is non-zero")]),
  ];
}

export const daemonSetTable = namedTable([
  countColumn("Desired", "desiredNumberScheduled", "Nodes that should have a pod."),
  countColumn("Current", "currentNumberScheduled", "Nodes that have one."),
  countColumn("Ready", "numberReady", "Pods that are ready."),
  countColumn("Up-to-date", "updatedNumberScheduled", "Pods of the newest version."),
  countColumn("Available", "numberAvailable", "Pods that have been ready long enough."),
  {
    name: "Node Selector",
    description: "Labels of the nodes.",
    cell: ({ spec }) => labelText(at(spec, "template", "spec").nodeSelector),
  },
  ...templateColumns,
]);

export const revisionStrategy: Strategy = {
  validate({ revision, data }) {
    return [
      ...(number(revision) < 0 ? [invalid("revision", revision, "must be greater than or equal to 0")] : []),
      ...(data === undefined
        ? [{ reason: "FieldValueRequired", message: "Required value: data is mandatory", field: "data" }]
        : []),
    ];
  },
  validateUpdate: (revision, old) => immutableCauses(revision, old, ["data"]),
};

export const revisionTable = namedTable([
  {
    name: "Controller",
    description: "Whose version it is.",
    cell: ({ metadata }) => {
      const owner = entries(metadata.ownerReferences).find(({ controller }: Fields) => controller === true);
      const [group = ""] = text(owner?.apiVersion).includes("/") ? text(owner?.apiVersion).split("/") : [""];
      const kind = text(owner?.kind).toLowerCase();
      return owner ? `${kind}${group === "" ? "" : `.${group}`}/${text(owner.name)}` : "<none>";
    },
  },
  { name: "Revision", type: "integer", description: "Its number.", cell: ({ revision }) => number(revision) },
]);
