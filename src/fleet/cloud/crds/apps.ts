/** apps.kubeedge.io: NodeGroup, EdgeApplication. */
import { containerResources, environmentVariable, labelSelector } from "./kubernetes.ts";
import type { KindTable } from "./kind.ts";
import { among, flag, free, integer, list, map, record, text, whole } from "./schema.ts";

const group = "apps.kubeedge.io";
const anyOperator = among("add", "remove", "replace");

const words = list(
  record({ "containerName!": text, "operator!": among("add", "remove"), value: list(text) }),
);

const overriders = record({
  argsOverriders: words,
  commandOverriders: words,
  envOverriders: list(
    record({ "containerName!": text, "operator!": anyOperator, value: list(environmentVariable) }),
  ),
  imageOverriders: list(
    record({
      "component!": among("Registry", "Repository", "Tag"),
      "operator!": anyOperator,
      predicate: record({ "path!": text }),
      value: text,
    }),
  ),
  replicas: integer,
  resourcesOverriders: list(record({ "containerName!": text, "value!": containerResources })),
});

const nodeGroup = whole({
  "spec!": record({ matchLabels: map(text), nodes: list(text), topologyEnabled: flag }),
  status: record({
    nodeStatuses: list(
      record({
        "nodeName!": text,
        "readyStatus!": text,
        "selectionStatus!": text,
        selectionStatusReason: text,
      }),
    ),
  }),
});

const identifier = record({
  group: text,
  kind: text,
  name: text,
  namespace: text,
  "ordinal!": { ...integer, minimum: 0 },
  resource: text,
  version: text,
});

const application = whole({
  "spec!": record({
    "workloadScope!": record({
      targetNodeGroups: list(record({ "name!": text, overriders })),
      targetNodeLabels: list(record({ labelSelector, overriders })),
    }),
    workloadTemplate: record({ manifests: list(free) }),
  }),
  status: record({
    workloadStatus: list(record({ conditions: among("Processing", "Available"), "identifier!": identifier })),
  }),
});

export const appKinds: readonly KindTable[] = [
  {
    group,
    kind: "NodeGroup",
    plural: "nodegroups",
    shortNames: ["ng"],
    scope: "Cluster",
    versions: [{ name: "v1alpha1", schema: nodeGroup, status: true }],
  },
  {
    group,
    kind: "EdgeApplication",
    plural: "edgeapplications",
    shortNames: ["eapp"],
    scope: "Namespaced",
    versions: [{ name: "v1alpha1", schema: application, status: true }],
  },
];
