/** What the tests of kinds share: a write as the registry does it, on plain values. Nothing else uses it. */
import type { KubeObject, StatusCause } from "../../../../spec/kubernetes/kube.ts";
import { loopback } from "../auth/auth.ts";
import type { Resource, StrategyContext } from "../resource.ts";
import { applyDefaults } from "../schema/default.ts";
import { validate } from "../schema/validate.ts";
import { builtInResources } from "./resources.ts";

const resources = builtInResources();

export function kindOf(kind: string, group?: string): Resource {
  const found = resources.find((each) => each.kind === kind && (group ?? each.group) === each.group);
  if (!found) throw new Error(`no kind ${kind}`);
  return found;
}

/** A store of a few objects: `"serviceaccounts/a/default"` → object. */
export class Around implements StrategyContext {
  readonly user = loopback;
  readonly now = "2026-01-02T03:04:05Z";
  readonly objects = new Map<string, KubeObject>();
  subresource?: string;

  constructor(objects: Readonly<Record<string, object>> = {}) {
    for (const [place, object] of Object.entries(objects)) this.objects.set(place, object as KubeObject);
  }

  find = (resource: string, namespace: string, name: string): KubeObject | undefined =>
    this.objects.get(`${resource}/${namespace}/${name}`);

  keep = (resource: string, name: string, record: KubeObject): void =>
    void this.objects.set(`${resource}//${name}`, record);
}

const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: "a" } };

export function around(objects: Readonly<Record<string, object>> = {}): Around {
  return new Around({ "serviceaccounts/a/default": account, ...objects });
}

export interface Written {
  readonly object: KubeObject;
  readonly complaints: readonly string[];
}

const told = (causes: readonly StatusCause[]): string[] =>
  causes.map(({ field = "", message = "" }) => `${field}: ${message}`);

function complete(resource: Resource, given: object, fields: object = {}): KubeObject {
  const { group, version, kind, namespaced } = resource;
  const { metadata, ...rest } = structuredClone(given) as { metadata?: object };
  const object = {
    apiVersion: group === "" ? version : `${group}/${version}`,
    kind,
    metadata: { name: "x", ...(namespaced ? { namespace: "a" } : {}), uid: "u1", ...metadata },
    ...rest,
    ...fields,
  };
  const full = applyDefaults(object as KubeObject, resource.schema, resource.definitions);
  resource.strategy.default?.(full);
  return full;
}

/** Fields that are given as for a create: without what every object has. */
export function create(resource: Resource, given: object, context: Around = around()): Written {
  const object = complete(resource, given);
  resource.strategy.prepareForCreate?.(object, context);
  return { object, complaints: complaintsOf(resource, object, undefined, context) };
}

/** Defaults alone. */
export function defaulted(resource: Resource, given: object): KubeObject {
  return complete(resource, given);
}

export function update(
  resource: Resource,
  old: KubeObject,
  change: (object: KubeObject) => void,
  context: Around = around(),
): Written {
  const changed = structuredClone(old);
  change(changed);
  const { status } = changed;
  const object = complete(resource, changed, status === undefined ? {} : { status });
  resource.strategy.prepareForUpdate?.(object, old, context);
  return { object, complaints: complaintsOf(resource, object, old, context) };
}

function complaintsOf(
  resource: Resource,
  object: KubeObject,
  old: KubeObject | undefined,
  context: Around,
): string[] {
  const { schema, definitions, strategy } = resource;
  const bySchema = validate(object, schema, definitions).filter(
    ({ reason }) => reason !== "FieldValueDuplicate",
  );
  if (bySchema.length > 0) return told(bySchema);
  return told([
    ...(strategy.validate?.(object, context) ?? []),
    ...(old ? (strategy.validateUpdate?.(object, old, context) ?? []) : []),
  ]);
}

/** Cells by the names of their columns. */
export function row(resource: Resource, object: KubeObject, now: number): Record<string, unknown> {
  const cells = resource.table.cells(object, now);
  return Object.fromEntries(resource.table.columns.map(({ name }, index) => [name, cells[index]]));
}
