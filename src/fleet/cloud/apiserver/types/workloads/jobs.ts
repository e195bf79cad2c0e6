/** Jobs: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/job-v1/ */
import { randomUUID } from "node:crypto";
import type { KubeObject, StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import type { Strategy } from "../../resource.ts";
import { duration } from "../fields/age.ts";
import { namedTable } from "../fields/columns.ts";
import { invalid, required } from "../fields/complaints.ts";
import { at, entries, give, isFields, made, number, text, type Fields } from "../fields/read.ts";
import { selectorCauses } from "../fields/selectors.ts";
import { templateCauses } from "../pods/spec.ts";
import { immutableCauses, notNegativeCauses } from "./counts.ts";
import { defaultTemplate, templateColumns, templateWarnings } from "./template.ts";

const usualRetries = 6;
const endlessRetries = 2_147_483_647;

export const jobStrategy: Strategy = {
  default(job) {
    const spec = made(job, "spec");
    defaultTemplate(spec);
    if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
    give(spec, "parallelism", 1);
    give(spec, "backoffLimit", spec.backoffLimitPerIndex === undefined ? usualRetries : endlessRetries);
    give(
      spec,
      "podReplacementPolicy",
      spec.podFailurePolicy === undefined ? "TerminatingOrFailed" : "Failed",
    );
    const labels = at(spec.template, "metadata").labels;
    if (isFields(labels) && Object.keys(at(job.metadata.labels)).length === 0) {
      job.metadata.labels = structuredClone(labels) as Record<string, string>;
    }
  },
  prepareForCreate(job) {
    const spec = at(job.spec);
    if (spec.manualSelector !== true && isFields(spec.template)) giveSelector(job, spec);
  },
  validate({ spec: given }) {
    const spec = at(given);
    return [
      ...notNegativeCauses(spec, "spec", [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
      ]),
      ...(isFields(spec.selector)
        ? selectorCauses(spec.selector, "spec.selector")
        : [required("spec.selector")]),
      ...templateCauses(spec.template, "spec.template"),
      ...(at(spec.template, "spec").restartPolicy === "Always"
        ? [required("spec.template.spec.restartPolicy", 'valid values: "OnFailure", "Never"')]
        : []),
      ...indexedCauses(spec),
    ];
  },
  validateUpdate(job, old) {
    const grows = at(job.spec).completionMode === "Indexed";
    const waits = at(old.spec).suspend === true && at(old.status).startTime === undefined;
    return immutableCauses(job, old, [
      ...(grows ? [] : ["spec.completions"]),
      "spec.selector",
      ...(waits ? [] : ["spec.template"]),
      "spec.completionMode",
      "spec.podFailurePolicy",
      "spec.backoffLimitPerIndex",
    ]);
  },
  selectableFields: ({ status }) => ({ "status.successful": String(number(at(status).succeeded)) }),
  warnings: templateWarnings,
};

/** Labels that only this job's pods have. */
function giveSelector(job: KubeObject, spec: Fields): void {
  job.metadata.uid ??= randomUUID();
  const { uid, name = "" } = job.metadata;
  const labels = made(made(at(spec.template), "metadata"), "labels");
  const own = { "batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name };
  Object.assign(labels, { ...own, "controller-uid": uid, "job-name": name });
  made(made(spec, "selector"), "matchLabels")["batch.kubernetes.io/controller-uid"] = uid;
}

function indexedCauses({ completionMode, completions, backoffLimitPerIndex }: Fields): StatusCause[] {
  return [
    ...(completionMode === "Indexed" && completions === undefined
      ? [required("spec.completions", "when completion mode is Indexed")]
      : []),
    ...(completionMode !== "Indexed" && backoffLimitPerIndex !== undefined
      ? [invalid("spec.backoffLimitPerIndex", backoffLimitPerIndex, "requires indexed completion mode")]
      : []),
  ];
}

const ends = ["Complete", "Failed"] as const;
const states = ["Suspended", "FailureTarget", "SuccessCriteriaMet"] as const;

export const jobTable = namedTable([
  {
    name: "Status",
    description: "Whether it runs or how it ended.",
    cell: ({ metadata, status }) => {
      const has = (type: string): boolean =>
        entries(at(status).conditions).some((each) => each.type === type && each.status === "True");
      const ended = ends.find(has);
      if (ended) return ended;
      return metadata.deletionTimestamp === undefined ? (states.find(has) ?? "Running") : "Terminating";
    },
  },
  {
    name: "Completions",
    description: "Successes of those that are wanted.",
    cell: ({ spec, status }) => {
      const { completions, parallelism } = at(spec);
      const succeeded = number(at(status).succeeded);
      if (typeof completions === "number") return `${succeeded}/${completions}`;
      const several = number(parallelism) > 1 ? ` of ${number(parallelism)}` : "";
      return `${succeeded}/1${several}`;
    },
  },
  {
    name: "Duration",
    description: "From its start to its end, or to now.",
    cell: ({ status }, now) => {
      const { startTime, completionTime } = at(status);
      if (text(startTime) === "") return "";
      return duration(
        (text(completionTime) === "" ? now : Date.parse(text(completionTime))) - Date.parse(text(startTime)),
      );
    },
  },
  ...templateColumns,
]);
