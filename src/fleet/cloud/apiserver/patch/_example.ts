/** A kind for tests of patches: the fields of a Deployment and a Pod that are merged in different ways. */
import { objectMeta } from "../schema/metadata.ts";
import type { Definitions, Schema } from "../schema/schema.ts";

const text: Schema = { type: "string" };
const integer: Schema = { type: "integer", format: "int32" };

const port: Schema = {
  type: "object",
  required: ["containerPort"],
  properties: {
    name: text,
    containerPort: integer,
    protocol: { ...text, default: "TCP" },
    hostPort: integer,
  },
};

const container: Schema = {
  type: "object",
  required: ["name"],
  properties: {
    name: text,
    image: text,
    command: { type: "array", items: text, "x-kubernetes-list-type": "atomic" },
    ports: {
      type: "array",
      items: port,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
      "x-kubernetes-patch-merge-key": "containerPort",
      "x-kubernetes-patch-strategy": "merge",
    },
    env: {
      type: "array",
      items: { type: "object", required: ["name"], properties: { name: text, value: text } },
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
      "x-kubernetes-patch-merge-key": "name",
      "x-kubernetes-patch-strategy": "merge",
    },
    resources: {
      type: "object",
      properties: {
        limits: { type: "object", additionalProperties: { "x-kubernetes-int-or-string": true } },
        requests: { type: "object", additionalProperties: { "x-kubernetes-int-or-string": true } },
      },
    },
    livenessProbe: {
      type: "object",
      properties: { httpGet: { type: "object", properties: { path: text } }, periodSeconds: integer },
    },
  },
};

const podSpec: Schema = {
  type: "object",
  properties: {
    containers: {
      type: "array",
      items: { $ref: "Container" },
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
      "x-kubernetes-patch-merge-key": "name",
      "x-kubernetes-patch-strategy": "merge",
    },
    volumes: {
      type: "array",
      items: {
        type: "object",
        properties: {
          name: text,
          emptyDir: { type: "object" },
          hostPath: { type: "object", properties: { path: text } },
        },
      },
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
      "x-kubernetes-patch-merge-key": "name",
      "x-kubernetes-patch-strategy": "merge,retainKeys",
    },
    tolerations: {
      type: "array",
      items: { type: "object", properties: { key: text, operator: text, effect: text } },
      "x-kubernetes-list-type": "atomic",
    },
    nodeSelector: { type: "object", additionalProperties: text, "x-kubernetes-map-type": "atomic" },
  },
};

export const deployment: Schema = {
  type: "object",
  properties: {
    apiVersion: text,
    kind: text,
    metadata: objectMeta,
    spec: {
      type: "object",
      properties: {
        replicas: integer,
        paused: { type: "boolean" },
        groups: {
          type: "array",
          items: text,
          "x-kubernetes-list-type": "set",
          "x-kubernetes-patch-strategy": "merge",
        },
        strategy: {
          type: "object",
          "x-kubernetes-patch-strategy": "retainKeys",
          properties: {
            type: text,
            rollingUpdate: {
              type: "object",
              properties: { maxSurge: { "x-kubernetes-int-or-string": true } },
            },
          },
        },
        selector: {
          type: "object",
          "x-kubernetes-map-type": "atomic",
          properties: { matchLabels: { type: "object", additionalProperties: text } },
        },
        template: { type: "object", properties: { metadata: objectMeta, spec: { $ref: "PodSpec" } } },
        settings: { type: "object", additionalProperties: text },
        whole: { type: "object", "x-kubernetes-patch-strategy": "replace", properties: { a: text, b: text } },
        free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
      },
    },
    status: { type: "object", properties: { replicas: integer, phase: text } },
  },
};

const known: Readonly<Record<string, Schema>> = { Container: container, PodSpec: podSpec };
export const definitions: Definitions = (name) => known[name];
export const example = { schema: deployment, definitions } as const;
