/** From verbs to paths and queries of the Kubernetes API: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris */
import type {
  DeleteOptions,
  ListOptions,
  ObjectKey,
  PatchOptions,
  ResourceId,
  WatchOptions,
  WriteOptions,
} from "../../../spec/kubernetes/kube.ts";

export function collectionPath({ group, version, resource }: ResourceId, namespace?: string): string {
  const root = group === "" ? ["api", version] : ["apis", group, version];
  const place = namespace === undefined || namespace === "" ? [] : ["namespaces", namespace];
  return `/${[...root, ...place, resource].map(encodeURIComponent).join("/")}`;
}

export function objectPath(resource: ResourceId, { namespace, name, subresource }: ObjectKey): string {
  const parts = [name, ...(subresource === undefined ? [] : [subresource])];
  return `${collectionPath(resource, namespace)}/${parts.map(encodeURIComponent).join("/")}`;
}

type Value = string | number | boolean | undefined;

export function query(values: Readonly<Record<string, Value>>): string {
  const set = Object.entries(values).filter(([, value]) => value !== undefined && value !== "");
  if (set.length === 0) return "";
  return `?${new URLSearchParams(set.map(([name, value]): [string, string] => [name, String(value)])).toString()}`;
}

export function listQuery(options: ListOptions): string {
  const { labelSelector, fieldSelector, limit, resourceVersion, resourceVersionMatch } = options;
  return query({
    labelSelector,
    fieldSelector,
    limit,
    continue: options.continue,
    resourceVersion,
    resourceVersionMatch,
  });
}

export function watchQuery(options: WatchOptions, timeoutSeconds: number): string {
  const { labelSelector, fieldSelector, resourceVersion, resourceVersionMatch } = options;
  const { allowWatchBookmarks, sendInitialEvents } = options;
  return query({
    watch: true,
    labelSelector,
    fieldSelector,
    resourceVersion,
    resourceVersionMatch,
    allowWatchBookmarks,
    sendInitialEvents,
    timeoutSeconds,
  });
}

export function writeQuery({ dryRun, fieldManager, fieldValidation }: WriteOptions): string {
  return query({ dryRun: dryRun ? "All" : undefined, fieldManager, fieldValidation });
}

export function patchQuery(options: PatchOptions): string {
  const { dryRun, fieldManager, fieldValidation, force } = options;
  // Without a manager nothing is applied.
  const manager = fieldManager ?? (options.type === "application/apply-patch+yaml" ? "sampan" : undefined);
  return query({ dryRun: dryRun ? "All" : undefined, fieldManager: manager, fieldValidation, force });
}

export function deleteBody(options: DeleteOptions): object {
  const { gracePeriodSeconds, preconditions, propagationPolicy, dryRun } = options;
  return {
    kind: "DeleteOptions",
    apiVersion: "v1",
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(preconditions === undefined ? {} : { preconditions }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...(dryRun ? { dryRun: ["All"] } : {}),
  };
}
