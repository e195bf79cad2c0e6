/** What may change of a pod that exists: https://kubernetes.io/docs/concepts/workloads/pods/#pod-update-and-replacement */
import type { KubeObject, StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import { forbidden, invalid } from "../fields/complaints.ts";
import { same } from "../fields/metadata.ts";
import { at, entries, number, text, type Fields } from "../fields/read.ts";

const rule =
  "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

export function podUpdateCauses(pod: KubeObject, old: KubeObject): StatusCause[] {
  const spec = at(pod.spec);
  const before = at(old.spec);
  const counts = (name: string): number => entries(spec[name]).length - entries(before[name]).length;
  if (counts("containers") !== 0 || counts("initContainers") !== 0) {
    const name = counts("containers") !== 0 ? "containers" : "initContainers";
    return [forbidden(`spec.${name}`, "pod updates may not add or remove containers")];
  }
  return [
    ...deadlineCauses(spec, before),
    ...tolerationCauses(spec, before),
    ...gateCauses(spec, before),
    ...(same(masked(spec, before), masked(before, before)) ? [] : [forbidden("spec", rule)]),
  ];
}

/** Only `ephemeralContainers` may grow. */
export function ephemeralUpdateCauses(pod: KubeObject, old: KubeObject): StatusCause[] {
  const now = entries(at(pod.spec).ephemeralContainers);
  const before = entries(at(old.spec).ephemeralContainers);
  const byName = new Map(now.map((container) => [container.name, container]));
  return before.flatMap((container) => {
    const kept = byName.get(container.name);
    const field = "spec.ephemeralContainers";
    const name = text(container.name);
    if (!kept)
      return [forbidden(field, `existing ephemeral containers ${JSON.stringify(name)} may not be removed`)];
    return same(kept, container)
      ? []
      : [forbidden(field, `existing ephemeral containers ${JSON.stringify(name)} may not be changed`)];
  });
}

/** The specification with what may change as it was. */
function masked(spec: Fields, before: Fields): Fields {
  const gated = entries(before.schedulingGates).length > 0;
  const images = (list: string): Fields[] =>
    entries(spec[list]).map((container, index) => ({
      ...container,
      image: entries(before[list])[index]?.image,
    }));
  return {
    ...spec,
    containers: images("containers"),
    initContainers: images("initContainers"),
    activeDeadlineSeconds: before.activeDeadlineSeconds,
    tolerations: before.tolerations,
    schedulingGates: before.schedulingGates,
    ...(number(before.terminationGracePeriodSeconds) < 0 && spec.terminationGracePeriodSeconds === 1
      ? { terminationGracePeriodSeconds: before.terminationGracePeriodSeconds }
      : {}),
    ...(gated ? { nodeSelector: before.nodeSelector, affinity: before.affinity } : {}),
  };
}

function deadlineCauses(spec: Fields, before: Fields): StatusCause[] {
  const field = "spec.activeDeadlineSeconds";
  const { activeDeadlineSeconds: value } = spec;
  const was = before.activeDeadlineSeconds;
  if (typeof was !== "number") return [];
  if (typeof value !== "number")
    return [invalid(field, null, "must not update from a positive integer to nil value")];
  return value > was ? [invalid(field, value, "must be less than or equal to previous value")] : [];
}

function tolerationCauses(spec: Fields, before: Fields): StatusCause[] {
  const now = entries(spec.tolerations);
  const untimed = (toleration: Fields): Fields => ({ ...toleration, tolerationSeconds: undefined });
  const kept = entries(before.tolerations).every((was) =>
    now.some((each) => same(untimed(each), untimed(was))),
  );
  return kept
    ? []
    : [forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")];
}

function gateCauses(spec: Fields, before: Fields): StatusCause[] {
  const had = new Set(entries(before.schedulingGates).map(({ name }) => name));
  const added = entries(spec.schedulingGates).filter(({ name }) => !had.has(name));
  return added.map(({ name }) =>
    forbidden(
      "spec.schedulingGates",
      `only deletion is allowed, but found new scheduling gate '${text(name)}'`,
    ),
  );
}
