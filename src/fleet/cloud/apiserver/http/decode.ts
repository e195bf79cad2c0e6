/** The object of a request: that it is one of the kind that the path names, and that its metadata has metadata's types, before anything looks into it. */
import { KubeError, type KubeObject, type ObjectKey } from "../../../../spec/kubernetes/kube.ts";
import type { Parsed } from "./body.ts";

/** What a body is expected to be. */
export interface Expected {
  readonly kind: string;
  readonly apiVersion: string;
}

type Shape = "string" | "number" | "strings" | "list" | "map";

const metadataShapes: Readonly<Record<string, Shape>> = {
  name: "string",
  generateName: "string",
  namespace: "string",
  uid: "string",
  resourceVersion: "string",
  generation: "number",
  creationTimestamp: "string",
  deletionTimestamp: "string",
  deletionGracePeriodSeconds: "number",
  labels: "map",
  annotations: "map",
  ownerReferences: "list",
  finalizers: "strings",
  managedFields: "list",
  selfLink: "string",
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const checks: Readonly<Record<Shape, (value: unknown) => boolean>> = {
  string: (value) => typeof value === "string",
  number: Number.isSafeInteger,
  strings: (value) => Array.isArray(value) && value.every((each) => typeof each === "string"),
  list: (value) => Array.isArray(value) && value.every(isRecord),
  map: (value) => isRecord(value) && Object.values(value).every((each) => typeof each === "string"),
};

/** The parsed body as an object of `expected`; kind and apiVersion may be left out. KubeError `BadRequest`. */
export function decodeObject({ value }: Pick<Parsed, "value">, expected: Expected): KubeObject {
  if (!isRecord(value)) throw handled("Object", expected, "the body is no object");
  const { kind = expected.kind, apiVersion = expected.apiVersion } = value;
  if (typeof kind !== "string" || typeof apiVersion !== "string")
    throw new KubeError("BadRequest", "couldn't get version/kind: apiVersion and kind must be strings");
  if (kind !== expected.kind)
    throw handled(kind, { ...expected, apiVersion }, `expected ${expected.kind}`, expected.kind);
  if (apiVersion !== expected.apiVersion)
    throw new KubeError(
      "BadRequest",
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected.apiVersion})`,
    );
  return { ...value, kind, apiVersion, metadata: decodeMetadata(value["metadata"], expected) };
}

function decodeMetadata(value: unknown, expected: Expected): KubeObject["metadata"] {
  if (value === undefined || value === null) return {};
  if (!isRecord(value)) throw handled(expected.kind, expected, "metadata is no object");
  const kept = Object.entries(value).filter(([, each]) => each !== null);
  for (const [name, each] of kept) {
    const shape = Object.hasOwn(metadataShapes, name) ? metadataShapes[name] : undefined;
    if (shape && !checks[shape](each))
      throw handled(expected.kind, expected, `metadata.${name} has the wrong type, expected ${words[shape]}`);
  }
  return Object.fromEntries(kept);
}

const words: Readonly<Record<Shape, string>> = {
  string: "a string",
  number: "an integer",
  strings: "a list of strings",
  list: "a list of objects",
  map: "a map of strings",
};

function handled(kind: string, { apiVersion }: Expected, why: string, as = kind): KubeError {
  return new KubeError(
    "BadRequest",
    `${kind} in version ${JSON.stringify(apiVersion.split("/").at(-1))} cannot be handled as a ${as}: ${why}`,
  );
}

/** That a body's name and namespace are those of its path. KubeError `BadRequest`. */
export function checkPlace({ metadata }: KubeObject, key: Partial<ObjectKey>): void {
  if (metadata.namespace && metadata.namespace !== (key.namespace ?? ""))
    throw new KubeError(
      "BadRequest",
      "the namespace of the provided object does not match the namespace sent on the request",
    );
  if (key.name !== undefined && metadata.name && metadata.name !== key.name)
    throw new KubeError(
      "BadRequest",
      `the name of the object (${metadata.name}) does not match the name on the URL (${key.name})`,
    );
}
