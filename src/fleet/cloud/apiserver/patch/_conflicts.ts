/** Conflicts of server-side apply, worded as the API server words them. */
import { KubeError } from "../../../../spec/kubernetes/kube.ts";
import type { Manager } from "./_managers.ts";
import { type FieldSet, paths } from "./_set.ts";

export interface Conflict {
  readonly manager: Manager;
  /** What it would lose. */
  readonly set: FieldSet;
}

export function conflictError(conflicts: readonly Conflict[]): KubeError {
  const all = conflicts.flatMap(({ manager, set }) =>
    paths(set).map((field) => ({ manager: managerText(manager), field })),
  );
  const causes = all.map(({ manager, field }) => ({
    reason: "FieldManagerConflict",
    message: `conflict with ${manager}`,
    field,
  }));
  return new KubeError("Conflict", message(all), { causes });
}

function message(all: readonly { readonly manager: string; readonly field: string }[]): string {
  const [first] = all;
  if (first && all.length === 1)
    return `Apply failed with 1 conflict: conflict with ${first.manager}: ${first.field}`;
  const managers = [...new Set(all.map(({ manager }) => manager))].toSorted();
  const lines = managers.flatMap((name) => [
    `conflicts with ${name}:`,
    ...all.filter(({ manager }) => manager === name).map(({ field }) => `- ${field}`),
  ]);
  return `Apply failed with ${all.length} conflicts: ${lines.join("\n")}`;
}

function managerText({ name, operation, apiVersion, subresource }: Manager): string {
  const text = JSON.stringify(name) + (subresource === undefined ? "" : ` with subresource "${subresource}"`);
  if (operation === "Apply") return text;
  return `${text} using ${apiVersion}`;
}
