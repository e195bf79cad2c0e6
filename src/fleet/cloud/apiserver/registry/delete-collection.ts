import type { DeleteOptions, KubeList, ListOptions } from "../../../../spec/kubernetes/kube.ts";
import { KubeError } from "../../../../spec/kubernetes/kube.ts";
import type { RequestContext } from "../registry.ts";
import type { Resource } from "../resource.ts";
import type { Core } from "./_core.ts";
import { remove } from "./delete.ts";
import { list } from "./list.ts";

interface Request {
  readonly resource: Resource;
  readonly list: ListOptions;
  readonly options: DeleteOptions;
  readonly context: RequestContext;
}

/** Each by itself: what is gone already is no failure, and one that is refused stops the rest. */
export async function deleteCollection(
  core: Core,
  { resource, list: wanted, options, context }: Request,
): Promise<KubeList> {
  const found = list(core, resource, wanted);
  const results = await Promise.allSettled(
    found.items.map(({ metadata: { name = "", namespace } }) =>
      remove(core, { resource, key: { name, namespace }, options, context }),
    ),
  );
  for (const result of results)
    if (result.status === "rejected" && !isMissing(result.reason)) throw result.reason;
  return found;
}

function isMissing(error: unknown): boolean {
  return error instanceof KubeError && error.reason === "NotFound";
}
