import { KubeError } from "../../../../spec/kubernetes/kube.ts";
import type { Storage } from "../storage/storage.ts";
import { badRequest } from "../../../../spec/kubernetes/errors.ts";

/** A resourceVersion of a query; 0 for `0` and for none. Throws BadRequest. */
export function revisionOf(text: string): number {
  if (text === "") return 0;
  const revision = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(revision))
    throw badRequest(`resourceVersion: Invalid value: "${text.slice(0, 64)}": it is no number of a version`);
  return revision;
}

/** A version of the future can only be of another database. */
export function mustExist(storage: Storage, revision: number): void {
  if (revision <= storage.revision) return;
  throw new KubeError("Timeout", `Too large resource version: ${revision}, current: ${storage.revision}`, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    retryAfterSeconds: 1,
  });
}
