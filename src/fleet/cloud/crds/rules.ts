/** rules.kubeedge.io, reliablesyncs.kubeedge.io and policy.kubeedge.io. */
import { binding, policyRule, serviceAccount } from "./kubernetes.ts";
import type { KindTable } from "./kind.ts";
import { among, integer, list, map, record, text, whole } from "./schema.ts";

const rule = record({
  spec: record({
    "source!": text,
    "sourceResource!": map(text),
    "target!": text,
    "targetResource!": map(text),
  }),
  status: record({ successMessages: integer, failMessages: integer, errors: list(text) }),
});

const endpoint = record({
  spec: record({ "ruleEndpointType!": among("rest", "eventbus", "servicebus"), properties: map(text) }),
});

/** The version of an object that a node has. */
const sync = whole({
  spec: record({ objectAPIVersion: text, objectKind: text, objectName: text }),
  status: record({ objectResourceVersion: text }),
});

const access = whole({
  "spec!": record({
    accessClusterRoleBinding: list(record({ clusterRoleBinding: binding, rules: list(policyRule) })),
    accessRoleBinding: list(record({ roleBinding: binding, rules: list(policyRule) })),
    serviceAccount,
    serviceAccountUid: text,
  }),
  status: record({ nodeList: list(text) }),
});

const rules = "rules.kubeedge.io";
const syncs = "reliablesyncs.kubeedge.io";

export const ruleKinds: readonly KindTable[] = [
  {
    group: rules,
    kind: "Rule",
    plural: "rules",
    scope: "Namespaced",
    versions: [{ name: "v1", schema: rule, status: false }],
  },
  {
    group: rules,
    kind: "RuleEndpoint",
    plural: "ruleendpoints",
    shortNames: ["re"],
    scope: "Namespaced",
    versions: [{ name: "v1", schema: endpoint, status: false }],
  },
  {
    group: syncs,
    kind: "ObjectSync",
    plural: "objectsyncs",
    scope: "Namespaced",
    versions: [{ name: "v1alpha1", schema: sync, status: true }],
  },
  {
    group: syncs,
    kind: "ClusterObjectSync",
    plural: "clusterobjectsyncs",
    scope: "Cluster",
    versions: [{ name: "v1alpha1", schema: sync, status: true }],
  },
  {
    group: "policy.kubeedge.io",
    kind: "ServiceAccountAccess",
    plural: "serviceaccountaccesses",
    shortNames: ["saaccess"],
    scope: "Namespaced",
    versions: [{ name: "v1alpha1", schema: access, status: true }],
  },
];
