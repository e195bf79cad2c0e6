/** Paths that must stay within something. */
import type { StatusCause } from "../../../../../spec/kubernetes/kube.ts";
import { invalid } from "../fields/complaints.ts";

/** A relative path without steps back; absent and empty are fine. */
export function pathCauses(path: unknown, field: string): StatusCause[] {
  if (typeof path !== "string" || path === "") return [];
  return [
    ...(path.startsWith("/") ? [invalid(field, path, "must be a relative path")] : []),
    ...backstepCauses(path, field),
  ];
}

export function backstepCauses(path: unknown, field: string): StatusCause[] {
  if (typeof path !== "string" || !path.split("/").includes("..")) return [];
  return [invalid(field, path, "must not contain '..'")];
}
