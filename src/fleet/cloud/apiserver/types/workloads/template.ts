/** Templates of pods within workloads, and the selectors that must match them. */
import type { KubeObject, StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import { forbidden, invalid, notSupported } from "../fields/complaints.ts";
import { at, entries, give, isFields, made, number, text, type Fields } from "../fields/read.ts";
import { isEmptySelector, selectorCauses, selectorText, selects } from "../fields/selectors.ts";
import type { ColumnRow } from "../fields/columns.ts";
import { defaultPodSpec } from "../pods/defaults.ts";
import { templateCauses } from "../pods/spec.ts";
import { podWarnings } from "../pods/strategy.ts";

const none = "<none>";

export function defaultTemplate(spec: Fields): void {
  if (isFields(spec.template)) defaultPodSpec(made(spec.template, "spec"));
}

/** How many pods may be missing and how many too many while it is updated pod by pod. */
export function defaultRollingUpdate(
  strategy: Fields,
  {
    maxUnavailable,
    maxSurge,
  }: { readonly maxUnavailable: string | number; readonly maxSurge: string | number },
): void {
  if ((strategy.type ?? "RollingUpdate") !== "RollingUpdate") return;
  const steps = made(strategy, "rollingUpdate");
  give(steps, "maxUnavailable", maxUnavailable);
  give(steps, "maxSurge", maxSurge);
}

/** `kind` as it stands in the complaint about an empty selector. */
export function selectorMatchCauses(spec: Fields, kind: string): StatusCause[] {
  const { selector, template } = spec;
  if (!isFields(selector)) return [];
  const labels = at(template, "metadata").labels ?? {};
  return [
    ...selectorCauses(selector, "spec.selector"),
    ...(isEmptySelector(selector)
      ? [invalid("spec.selector", selector, `empty selector is invalid for ${kind}`)]
      : selects(selector, labels)
        ? []
        : [invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")]),
  ];
}

/** Pods that always run: of deployments, replica sets and daemon sets. */
export function steadyTemplateCauses(spec: Fields, kind: string): StatusCause[] {
  const field = "spec.template.spec";
  const { restartPolicy, activeDeadlineSeconds } = at(spec.template, "spec");
  return [
    ...templateCauses(spec.template, "spec.template"),
    ...(restartPolicy === undefined || restartPolicy === "Always"
      ? []
      : [notSupported(`${field}.restartPolicy`, restartPolicy, ["Always"])]),
    ...(activeDeadlineSeconds === undefined
      ? []
      : [forbidden(`${field}.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`)]),
  ];
}

export function templateWarnings({ spec }: KubeObject): string[] {
  return podWarnings(at(spec, "template", "spec"), "spec.template.spec");
}

/** A column of a number of the status. */
export const countColumn = (name: string, field: string, description: string): ColumnRow => ({
  name,
  description,
  type: "integer",
  cell: ({ status }) => number(at(status)[field]),
});

/** Containers, images and selector: the columns of -o wide. */
export const templateColumns: readonly ColumnRow[] = [
  {
    name: "Containers",
    wide: true,
    description: "The names of its containers.",
    cell: ({ spec }) => ofContainers(spec, "name"),
  },
  {
    name: "Images",
    wide: true,
    description: "The images of its containers.",
    cell: ({ spec }) => ofContainers(spec, "image"),
  },
  {
    name: "Selector",
    wide: true,
    description: "The labels of its pods.",
    cell: ({ spec }) => selectorText(at(spec).selector) || none,
  },
];

const ofContainers = (spec: unknown, field: "name" | "image"): string =>
  entries(at(spec, "template", "spec").containers)
    .map((container) => text(container[field]))
    .join(",");
