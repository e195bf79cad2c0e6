/** autoscaling/v1 Scale: how many there should be and are, the same for all kinds that have it. */
import { copyJson } from "./_copy.ts";
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import type { Resource, ScalePaths } from "../resource.ts";
import type { Stored } from "../storage/storage.ts";
import { inVersion } from "./_core.ts";
import { badRequest, invalidObject } from "../../../../spec/kubernetes/errors.ts";

type Fields = Record<string, unknown>;

export const scaleVersion = "autoscaling/v1";

export function isScale(
  resource: Resource,
  subresource: string | undefined,
): resource is Resource & { readonly scale: ScalePaths } {
  return subresource === "scale" && resource.scale !== undefined;
}

export function scaleOf({ scale }: { readonly scale: ScalePaths }, object: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const metadata = Object.fromEntries(
    Object.entries({ name, namespace, uid, resourceVersion, creationTimestamp }).filter(
      ([, value]) => value !== undefined,
    ),
  );
  const selector = scale.selector === undefined ? undefined : selectorText(at(object, scale.selector));
  return {
    kind: "Scale",
    apiVersion: scaleVersion,
    metadata,
    spec: { replicas: Number(at(object, scale.spec) ?? 0) },
    status: {
      replicas: Number(at(object, scale.status) ?? 0),
      ...(selector === undefined ? {} : { selector }),
    },
  };
}

/** The whole object with the number that the Scale says, in the version of the request. */
export function scaleUpdated(
  resource: Resource & { readonly scale: ScalePaths },
  old: Stored,
  scale: KubeObject,
): KubeObject {
  if (scale.kind !== "Scale" || scale.apiVersion !== scaleVersion)
    throw badRequest(`the object provided is unrecognized (must be of type Scale in ${scaleVersion})`);
  const { name } = old.key;
  const said = scale.metadata?.name;
  if (said && said !== name)
    throw badRequest(`the name of the object (${said}) does not match the name on the URL (${name})`);
  const replicas = (scale["spec"] as Fields | undefined)?.["replicas"] ?? 0;
  if (typeof replicas !== "number" || !Number.isInteger(replicas) || replicas < 0 || replicas >= 2 ** 31) {
    const message = `Invalid value: ${JSON.stringify(replicas)}: must be greater than or equal to 0`;
    throw invalidObject({ group: "autoscaling", kind: "Scale" }, name, [
      { reason: "FieldValueInvalid", message, field: "spec.replicas" },
    ]);
  }
  const object = copyJson(inVersion(old.object, resource));
  put(object, resource.scale.spec, replicas);
  object.metadata.resourceVersion =
    scale.metadata?.resourceVersion || old.object.metadata.resourceVersion || "";
  return object;
}

function steps(path: string): string[] {
  return path.split(".").filter((step) => step !== "");
}

function at(object: unknown, path: string): unknown {
  return steps(path).reduce<unknown>(
    (value, step) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, step)
        ? (value as Fields)[step]
        : undefined,
    object,
  );
}

function put(object: KubeObject, path: string, value: unknown): void {
  const names = steps(path);
  const last = names.pop() ?? "";
  let inner: Fields = object;
  for (const name of names) inner = (inner[name] ??= {}) as Fields;
  inner[last] = value;
}

interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** A selector of an object in the form of a query; one that is a text already as it is. */
function selectorText(selector: unknown): string | undefined {
  if (typeof selector !== "object" || selector === null)
    return typeof selector === "string" ? selector : undefined;
  const { matchLabels = {}, matchExpressions = [] } = selector as Selector;
  const equal = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const others = matchExpressions.map(({ key, operator, values = [] }) => {
    if (operator === "Exists") return key;
    if (operator === "DoesNotExist") return `!${key}`;
    return `${key} ${operator.toLowerCase()} (${values.toSorted().join(",")})`;
  });
  return [...equal.toSorted(), ...others].join(",");
}
