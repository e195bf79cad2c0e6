/** Owners, conditions and the few questions that every controller asks of an object. */
import type { KubeObject, OwnerReference } from "../../../../spec/kubernetes/kube.ts";
import type { Condition, IntOrString, Pod } from "./kinds.ts";
import { milliseconds, timestamp } from "../../../../base/clock.ts";

/** `namespace/name`; `/name` for what has no namespace. */
export function keyOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ""}/${object.metadata.name ?? ""}`;
}

export function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf("/");
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}

export function isControlledBy(object: KubeObject, owner: KubeObject): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}

/** The reference that makes `owner` the controller of an object. */
export function controllerReference(owner: KubeObject): OwnerReference {
  const { name = "", uid = "" } = owner.metadata;
  const { apiVersion, kind } = owner;
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

export function isDeleting(object: KubeObject): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}

export function condition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((one) => one.type === type);
}

/** The list with this condition in it. The time of transition changes with the status only. */
export function withCondition(
  conditions: readonly Condition[] | undefined,
  wanted: Condition,
  now: number,
): Condition[] {
  const present = condition(conditions, wanted.type);
  const kept = present?.status === wanted.status ? present.lastTransitionTime : undefined;
  const written = { ...wanted, lastTransitionTime: kept ?? timestamp(now) };
  if (!present) return [...(conditions ?? []), written];
  return (conditions ?? []).map((one) => (one.type === wanted.type ? written : one));
}

export function isActive(pod: Pod): boolean {
  return !isFinished(pod) && !isDeleting(pod);
}

export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

export function isReady(pod: Pod): boolean {
  return condition(pod.status?.conditions, "Ready")?.status === "True";
}

/** Milliseconds until the pod has been ready for so long; 0 when it is available, undefined when it is not even ready. */
export function availableIn(pod: Pod, minReadySeconds: number, now: number): number | undefined {
  const ready = condition(pod.status?.conditions, "Ready");
  if (ready?.status !== "True") return undefined;
  if (minReadySeconds === 0) return 0;
  const since = milliseconds(ready.lastTransitionTime) ?? now;
  return Math.max(0, since + minReadySeconds * 1000 - now);
}

export function isAvailable(pod: Pod, minReadySeconds: number, now: number): boolean {
  return availableIn(pod, minReadySeconds, now) === 0;
}

/** A number of a total: `3`, `"25%"`. */
export function scaled(value: IntOrString | undefined, total: number, round: "up" | "down"): number {
  if (value === undefined) return 0;
  if (typeof value === "number") return value;
  const percent = Number(/^(\d+)%$/.exec(value)?.[1] ?? 0);
  return round === "up" ? Math.ceil((percent * total) / 100) : Math.floor((percent * total) / 100);
}

export function created(object: KubeObject): number {
  return milliseconds(object.metadata.creationTimestamp) ?? 0;
}

/** By age, the name deciding among equals. */
export function oldestFirst(a: KubeObject, b: KubeObject): number {
  return created(a) - created(b) || compare(a.metadata.name, b.metadata.name);
}

export function compare(a: string | undefined, b: string | undefined): number {
  return (a ?? "") < (b ?? "") ? -1 : (a ?? "") > (b ?? "") ? 1 : 0;
}

/** Whether two values are the same; a field that is absent, null, or an empty list or map counts as the same, as the API's encoding drops them. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isEmpty(a) && isEmpty(b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((one, index) => same(one, b[index]));
  }
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((name) =>
    same(left[name], right[name]),
  );
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** JSON with sorted names and nothing empty in it: equal for values that are the `same`. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value ?? null);
  const entries = Object.entries(value)
    .filter(([, field]) => !isEmpty(field))
    .toSorted(([a], [b]) => compare(a, b));
  return `{${entries.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(",")}}`;
}

const letters = "bcdfghjklmnpqrstvwxz2456789";

/** A hash for names and labels: ten letters at most, none of which make up words. `salt` counts collisions. */
export function templateHash(template: unknown, salt?: number): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(canonical(template) + (salt ? `#${salt}` : ""))) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return Array.from(String(hash), (digit) => letters[Number(digit) + 10] ?? "x").join("");
}
