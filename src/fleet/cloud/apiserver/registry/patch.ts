import {
  KubeError,
  type KubeObject,
  type ObjectKey,
  type PatchOptions,
} from "../../../../spec/kubernetes/kube.ts";
import { apply } from "../patch/apply.ts";
import { jsonPatch } from "../patch/json.ts";
import { mergePatch } from "../patch/merge.ts";
import { strategicMergePatch } from "../patch/strategic.ts";
import type { Encodable, RequestContext } from "../registry.ts";
import type { Resource, ScalePaths } from "../resource.ts";
import type { Stored } from "../storage/storage.ts";
import {
  apiVersionOf,
  inVersion,
  ownForm,
  placeOf,
  timeOf,
  type Core,
  type Outcome,
  type Writing,
} from "./_core.ts";
import { createWithin, receiveNew } from "./create.ts";
import { answered } from "./_encodable.ts";
import { isScale, scaleOf, scaleUpdated } from "./_scale.ts";
import { badRequest, invalidObject, notFound } from "../../../../spec/kubernetes/errors.ts";
import { updateWithin } from "./update.ts";

interface Request {
  readonly resource: Resource;
  readonly key: ObjectKey;
  readonly patch: unknown;
  readonly options: PatchOptions;
  readonly context: RequestContext;
}

/** Reads, patches and writes within one transaction: there is nobody to lose a race against, and nothing to try again. */
export async function patch(
  core: Core,
  request: Request,
): Promise<Encodable & { readonly created: boolean }> {
  const { resource, key, options, context } = request;
  checkOptions(options);
  const { subresource } = key;
  const outcome = await core.storage.write((transaction) => {
    const writing = { core, transaction, resource, options, context, subresource };
    const old = transaction.get(placeOf(resource, key));
    return options.type === "application/apply-patch+yaml"
      ? applyWithin(writing, old, request)
      : patchWithin(writing, old, request);
  });
  return answered(outcome, resource, subresource);
}

function checkOptions({ type, force, fieldManager }: PatchOptions): void {
  const isApply = type === "application/apply-patch+yaml";
  const fault =
    isApply && !fieldManager
      ? {
          reason: "FieldValueRequired",
          message: "Required value: is required for apply patch",
          field: "fieldManager",
        }
      : !isApply && force !== undefined
        ? {
            reason: "FieldValueForbidden",
            message: "Forbidden: may not be specified for non-apply patch",
            field: "force",
          }
        : undefined;
  if (fault) throw invalidObject({ group: "meta.k8s.io", kind: "PatchOptions" }, "", [fault]);
}

function patchWithin(
  writing: Writing,
  old: Stored | undefined,
  { resource, key, patch, options }: Request,
): Outcome {
  if (!old) throw notFound(resource, key.name);
  if (isScale(resource, key.subresource)) {
    const patched = patchedBy(resource, scaleOf(resource, old.object), { patch, options, scale: true });
    return updateWithin(writing, old, scaleUpdated(resource, old, patched));
  }
  const patched = patchedBy(resource, viewOf(old, resource), { patch, options });
  return updateWithin(writing, old, samePlace(resource, patched, key));
}

function patchedBy(
  resource: Resource,
  object: KubeObject,
  { patch, options, scale = false }: Pick<Request, "patch" | "options"> & { scale?: boolean },
): KubeObject {
  switch (options.type) {
    case "application/json-patch+json":
      return jsonPatch(object, patch);
    case "application/merge-patch+json":
      return mergePatch(object, patch);
    case "application/strategic-merge-patch+json":
      if (scale) return mergePatch(object, patch);
      if (resource.strategicMerge) return strategicMergePatch(object, patch, resource);
      throw unsupported(options.type);
    case "application/apply-patch+yaml":
      throw unsupported(options.type);
  }
}

function unsupported(type: string): KubeError {
  return new KubeError(
    "UnsupportedMediaType",
    `the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml (not ${type})`,
  );
}

function viewOf(stored: Stored, resource: Resource): KubeObject {
  return inVersion(ownForm(stored.object, resource), resource);
}

/** A patch does not move an object. */
function samePlace(resource: Resource, object: KubeObject, { name, namespace = "" }: ObjectKey): KubeObject {
  const { metadata } = object;
  const moved =
    metadata.name !== name
      ? "name"
      : resource.namespaced && metadata.namespace !== namespace
        ? "namespace"
        : undefined;
  if (moved === undefined) return object;
  const message = `Invalid value: ${JSON.stringify(metadata[moved] ?? "")}: field is immutable`;
  throw invalidObject(resource, name, [{ reason: "FieldValueInvalid", message, field: `metadata.${moved}` }]);
}

function applyWithin(
  writing: Writing,
  old: Stored | undefined,
  { resource, key, patch, options, context }: Request,
): Outcome {
  const scale = isScale(resource, key.subresource);
  const applied = configuration(resource, patch, { key, scale });
  if (scale) {
    if (!old) throw notFound(resource, key.name);
    return applyScale(writing, old, { resource, applied });
  }
  if (!old && key.subresource !== undefined) throw notFound(resource, key.name);
  const { schema, definitions } = resource;
  const { subresource } = key;
  const object = apply({
    live: old && viewOf(old, resource),
    applied,
    manager: options.fieldManager ?? "",
    force: options.force === true,
    ...(subresource === undefined ? {} : { subresource }),
    hasStatus: resource.status,
    now: timeOf(writing.core),
    schema: { schema, definitions },
  });
  if (old) return updateWithin(writing, old, withRevision(object, old, applied), { apply: true });
  if (object.metadata.uid) throw notFound(resource, key.name);
  return createWithin(writing, receiveNew(resource, object, { options, context }), key.namespace ?? "", {
    apply: true,
  });
}

/** An apply is over whatever is there, unless it says a version. */
function withRevision(object: KubeObject, old: Stored, { metadata }: KubeObject): KubeObject {
  const resourceVersion = metadata.resourceVersion || String(old.revision);
  return { ...object, metadata: { ...object.metadata, resourceVersion } };
}

function applyScale(
  writing: Writing,
  old: Stored,
  { resource, applied }: { resource: Resource & { readonly scale: ScalePaths }; applied: KubeObject },
): Outcome {
  return updateWithin(writing, old, scaleUpdated(resource, old, applied));
}

/** What is applied says its kind, and its name as the path has it. */
function configuration(
  resource: Resource,
  patch: unknown,
  { key, scale }: { key: ObjectKey; scale: boolean },
): KubeObject {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch))
    throw badRequest("error decoding YAML: what is applied must be an object");
  const { apiVersion, kind, metadata = {} } = patch as Partial<KubeObject>;
  const wanted = scale
    ? { apiVersion: "autoscaling/v1", kind: "Scale" }
    : { apiVersion: apiVersionOf(resource), kind: resource.kind };
  if (apiVersion !== wanted.apiVersion || kind !== wanted.kind)
    throw badRequest(
      `incorrect apiVersion or kind of what is applied: ${String(apiVersion)}, ${String(kind)}; expected ${wanted.apiVersion}, ${wanted.kind}`,
    );
  if (typeof metadata !== "object" || metadata === null) throw badRequest("metadata must be an object");
  if (metadata.name && metadata.name !== key.name)
    throw badRequest(
      `the name of the object (${metadata.name}) does not match the name on the URL (${key.name})`,
    );
  const namespace = resource.namespaced ? (key.namespace ?? "") : "";
  if (metadata.namespace && metadata.namespace !== namespace)
    throw badRequest(
      `the namespace of the object (${metadata.namespace}) does not match the namespace on the request (${namespace})`,
    );
  const place = { name: key.name, ...(namespace === "" ? {} : { namespace }) };
  return { ...(patch as KubeObject), metadata: { ...metadata, ...place } };
}
