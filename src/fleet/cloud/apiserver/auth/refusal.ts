/** The 403 of a request, in the words that kubectl's users know. */
import { KubeError } from "../../../../spec/kubernetes/kube.ts";
import type { Attributes } from "./auth.ts";

export function refusal({ user, verb, resource, path = "" }: Attributes, reason: string): KubeError {
  const tail = reason === "" ? "" : `: ${reason}`;
  if (!resource)
    return new KubeError(
      "Forbidden",
      `forbidden: User "${user.name}" cannot ${verb} path "${path}"${tail}`,
      {},
    );
  const { group, resource: plural, subresource, namespace, name } = resource;
  const full = subresource === undefined ? plural : `${plural}/${subresource}`;
  const where =
    namespace === undefined || namespace === "" ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const cannot = `User "${user.name}" cannot ${verb} resource "${full}" in API group "${group}" ${where}`;
  return forbidden({ group, resource: plural, ...(name === undefined ? {} : { name }) }, `${cannot}${tail}`);
}

export interface Named {
  readonly group: string;
  readonly resource: string;
  readonly name?: string;
}

/** `pods "a" is forbidden: why` */
export function forbidden({ group, resource, name }: Named, why: string): KubeError {
  const kind = group === "" ? resource : `${resource}.${group}`;
  const of = name === undefined || name === "" ? kind : `${kind} "${name}"`;
  return new KubeError("Forbidden", `${of} is forbidden: ${why}`, {
    ...(name === undefined || name === "" ? {} : { name }),
    ...(group === "" ? {} : { group }),
    kind: resource,
  });
}
