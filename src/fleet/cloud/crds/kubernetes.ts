/** Schemas of Kubernetes' own types that our kinds have in them. */
import { atomic, flag, list, listBy, map, record, type Schema, text } from "./schema.ts";

/** Of Kubernetes' resource.Quantity: a number or a text such as `100m` or `1Gi`. */
export const quantity: Schema = {
  anyOf: [{ type: "integer" }, { type: "string" }],
  pattern:
    "^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$",
  "x-kubernetes-int-or-string": true,
};

/** `name` may be left out, and is then empty. */
const nameOrNone: Schema = { ...text, default: "" };
const texts = atomic(list(text));

export const localReference = atomic(record({ name: nameOrNone }));

const requirements = atomic(list(record({ "key!": text, "operator!": text, values: texts })));

export const labelSelector = atomic(record({ matchExpressions: requirements, matchLabels: map(text) }));

export const nodeSelector = atomic(
  record({
    "nodeSelectorTerms!": atomic(
      list(atomic(record({ matchExpressions: requirements, matchFields: requirements }))),
    ),
  }),
);

const keyReference = atomic(record({ "key!": text, name: nameOrNone, optional: flag }));

export const environmentVariable = record({
  "name!": text,
  value: text,
  valueFrom: record({
    configMapKeyRef: keyReference,
    fieldRef: atomic(record({ apiVersion: text, "fieldPath!": text })),
    resourceFieldRef: atomic(record({ containerName: text, divisor: quantity, "resource!": text })),
    secretKeyRef: keyReference,
  }),
});

export const containerResources = record({
  claims: listBy("name", record({ "name!": text, request: text })),
  limits: map(quantity),
  requests: map(quantity),
});

/** Metadata inside of an object, of which only these fields are kept. */
const innerMetadata = record({
  annotations: map(text),
  finalizers: list(text),
  labels: map(text),
  name: text,
  namespace: text,
});

const objectReference = atomic(
  record({
    apiVersion: text,
    fieldPath: text,
    kind: text,
    "name!": text,
    namespace: text,
    resourceVersion: text,
    uid: text,
  }),
);

export const serviceAccount = record({
  apiVersion: text,
  automountServiceAccountToken: flag,
  imagePullSecrets: atomic(list(localReference)),
  kind: text,
  metadata: innerMetadata,
  secrets: listBy("name", objectReference),
});

export const binding = record({
  apiVersion: text,
  kind: text,
  metadata: innerMetadata,
  "roleRef!": atomic(record({ "apiGroup!": text, "kind!": text, "name!": text })),
  subjects: atomic(list(atomic(record({ apiGroup: text, "kind!": text, "name!": text, namespace: text })))),
});

export const policyRule = record({
  apiGroups: texts,
  nonResourceURLs: texts,
  resourceNames: texts,
  resources: texts,
  "verbs!": texts,
});
