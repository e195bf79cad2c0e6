/** JSON merge patches, RFC 7386. */
import { type Fields, isFields, put } from "../schema/json.ts";
import { badRequest, objectOf, refuseDepth } from "./_result.ts";
import type { MergePatch } from "./patch.ts";

/** Fields of the patch replace those of the object, objects are merged, null removes. Parts that the patch does not name are shared with the object. */
export const mergePatch: MergePatch = (object, patch) => {
  if (!isFields(patch)) throw badRequest("the body of a merge patch must be an object");
  refuseDepth(patch);
  return objectOf(merge(object, patch));
};

/** RFC 7386, section 2. */
function merge(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return structuredClone(patch);
  const result: Fields = isFields(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else put(result, name, merge(Object.hasOwn(result, name) ? result[name] : undefined, value));
  }
  return result;
}
