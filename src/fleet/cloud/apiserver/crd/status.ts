/** The status of a definition: whether it gets its names and is served, and the versions in which objects may be stored. */
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { type Condition, conditionsOf, fields, list, readDefinition, readNames, text } from "./definition.ts";
import { type Acceptance, acceptNames, type Taken } from "./names.ts";

/** Sets conditions, accepted names and stored versions as they follow from the spec. `now` as metav1.Time. */
export function settleStatus(object: KubeObject, others: readonly Taken[], now: string): void {
  const definition = readDefinition(object);
  const acceptance = acceptNames(definition.names, others);
  const before = fields(object["status"]);
  const conditions = [
    namesCondition(acceptance),
    establishedCondition(acceptance, conditionsOf(object)),
  ].reduce((all, condition) => withCondition(all, condition, now), conditionsOf(object));
  const stored = list(before["storedVersions"]).map(text);
  const storage = definition.versions.filter((version) => version.storage).map(({ name }) => name);
  object["status"] = {
    ...before,
    conditions,
    acceptedNames: acceptance.accepted
      ? namesOf(object)
      : (before["acceptedNames"] ?? { kind: "", plural: "" }),
    storedVersions: [...new Set([...stored, ...storage])],
  };
}

/** The names as they were asked for, complete and without empty lists. */
function namesOf(object: KubeObject): Readonly<Record<string, unknown>> {
  const { categories, shortNames, ...names } = readNames(fields(fields(object["spec"])["names"]));
  return {
    ...names,
    ...(categories.length > 0 ? { categories } : {}),
    ...(shortNames.length > 0 ? { shortNames } : {}),
  };
}

function namesCondition({ accepted, reason, message }: Acceptance): Condition {
  return { type: "NamesAccepted", status: accepted ? "True" : "False", reason, message };
}

/** Once established a definition stays so: its objects would be out of reach. */
function establishedCondition({ accepted }: Acceptance, before: readonly Condition[]): Condition {
  const was = before.find(({ type }) => type === "Established");
  if (was?.status === "True") return was;
  if (accepted)
    return {
      type: "Established",
      status: "True",
      reason: "InitialNamesAccepted",
      message: "the initial names have been accepted",
    };
  return {
    type: "Established",
    status: "False",
    reason: "NotAccepted",
    message: "not all names are accepted",
  };
}

/** The conditions with one set; its time stays while its status does. */
export function withCondition(
  conditions: readonly Condition[],
  wanted: Condition,
  now: string,
): readonly Condition[] {
  const before = conditions.find(({ type }) => type === wanted.type);
  const same = before?.status === wanted.status && before.lastTransitionTime !== undefined;
  const { type, status, reason, message } = wanted;
  const condition = {
    lastTransitionTime: same ? before.lastTransitionTime : now,
    message,
    reason,
    status,
    type,
  };
  return before ? conditions.map((one) => (one.type === type ? condition : one)) : [...conditions, condition];
}

/** Milliseconds since 1970 as metav1.Time. */
export function metaTime(now: number): string {
  return new Date(now).toISOString().replace(/\.\d+Z$/, "Z");
}
