import { KubeError, type KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { isDeeperThan, isFields, maxDepth } from "../schema/json.ts";

export function badRequest(message: string): KubeError {
  return new KubeError("BadRequest", message);
}

/** A patched object must still be one. */
export function objectOf(value: unknown): KubeObject {
  if (!isFields(value) || !isFields(value["metadata"]))
    throw new KubeError(
      "Invalid",
      "the server rejected our request due to an error in our request: what the patch makes is no object",
    );
  return value as unknown as KubeObject;
}

export function refuseDepth(patch: unknown): void {
  if (isDeeperThan(patch, maxDepth)) throw badRequest(`the patch is nested deeper than ${maxDepth} levels`);
}
