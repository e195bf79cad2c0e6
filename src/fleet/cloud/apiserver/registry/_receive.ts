/** What a client sent, as an object of its kind: types, unknown fields, the version of the storage, defaults. */
import { copyJson } from "./_copy.ts";
import type { KubeObject, WriteOptions } from "../../../../spec/kubernetes/kube.ts";
import type { RequestContext } from "../registry.ts";
import type { Resource } from "../resource.ts";
import { decodeProblems, dropNulls } from "../schema/coerce.ts";
import { applyDefaults } from "../schema/default.ts";
import { isDeeperThan, maxDepth } from "../schema/json.ts";
import { prune, unknownField } from "../schema/prune.ts";
import { apiVersionOf, storageVersionOf } from "./_core.ts";
import { badRequest } from "../../../../spec/kubernetes/errors.ts";

export interface Receiving {
  readonly options: WriteOptions;
  readonly context: Pick<RequestContext, "warn">;
  /** Between the parsing and the defaults. */
  readonly amend?: (object: KubeObject) => void;
}

/** A copy of its own, in the version of the storage. Throws BadRequest. */
export function receive(
  resource: Resource,
  sent: KubeObject,
  { options, context, amend }: Receiving,
): KubeObject {
  checkKind(resource, sent);
  if (isDeeperThan(sent, maxDepth)) throw badRequest(`the object is nested deeper than ${maxDepth} levels`);
  const decoded = decode(resource, sent);
  const { value, unknown } = prune(decoded, resource.schema, resource.definitions);
  tellUnknown(resource, unknown, { options, context });
  const object = copyJson(value);
  object.apiVersion = storageVersionOf(resource);
  object.kind = resource.kind;
  amend?.(object);
  const full = applyDefaults(object, resource.schema, resource.definitions);
  // What the schema gave may be shared with the schema no more than what the client sent with the client.
  resource.strategy.default?.(full);
  return full;
}

/** Built-in kinds are decoded by type: null is nothing there, and a wrong type is no object at all. */
function decode(resource: Resource, sent: KubeObject): KubeObject {
  if (!resource.strategicMerge) return sent;
  const { schema, definitions } = resource;
  const [problem] = decodeProblems(sent, schema, definitions);
  if (problem !== undefined) throw undecodable(resource, problem);
  return dropNulls(sent, schema, definitions);
}

function undecodable(resource: Resource, why: string): Error {
  const { kind, version } = resource;
  return badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${why}`);
}

function checkKind(resource: Resource, { apiVersion, kind, metadata }: KubeObject): void {
  const wanted = apiVersionOf(resource);
  if (apiVersion !== wanted)
    throw badRequest(
      `the API version in the data (${String(apiVersion)}) does not match the expected API version (${wanted})`,
    );
  if (kind !== resource.kind)
    throw badRequest(
      `the object provided is unrecognized (must be of type ${resource.kind}): it is a ${String(kind)}`,
    );
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata))
    throw undecodable(resource, "metadata: must be an object");
}

function tellUnknown(
  resource: Resource,
  unknown: readonly string[],
  { options, context }: Pick<Receiving, "options" | "context">,
): void {
  const texts = unknown.map(unknownField);
  if (texts.length === 0 || options.fieldValidation === "Ignore") return;
  if (options.fieldValidation === "Strict")
    throw undecodable(resource, `strict decoding error: ${texts.join(", ")}`);
  for (const text of texts) context.warn(text);
}
