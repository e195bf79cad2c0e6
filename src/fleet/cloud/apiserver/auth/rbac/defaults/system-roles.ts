/** The roles of parts of a cluster: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#core-component-roles and …#other-component-roles */
import { nodeRules } from "../../node/authorizer.ts";
import { type DefaultRole, read, rule } from "./rule.ts";

const csr = "certificates.k8s.io";
const csrs = "certificatesigningrequests";
const signing = (name: string, signer: string): DefaultRole => ({
  name: `system:certificates.k8s.io:${name}`,
  rules: [rule(csr, "signers", "approve", signer)],
});
const automatic = (name: string): DefaultRole => ({
  name: `system:certificates.k8s.io:certificatesigningrequests:${name}`,
  rules: [rule(csr, `${csrs}/${name}`, "create")],
});

const events = [
  rule("", "events", "create patch update"),
  rule("events.k8s.io", "events", "create patch update"),
];
const reviews = [
  rule("authentication.k8s.io", "tokenreviews", "create"),
  rule("authorization.k8s.io", "subjectaccessreviews", "create"),
];

export const systemRoles: readonly DefaultRole[] = [
  signing("kube-apiserver-client-approver", "kubernetes.io/kube-apiserver-client"),
  signing("kube-apiserver-client-kubelet-approver", "kubernetes.io/kube-apiserver-client-kubelet"),
  signing("kubelet-serving-approver", "kubernetes.io/kubelet-serving"),
  signing("legacy-unknown-approver", "kubernetes.io/legacy-unknown"),
  automatic("nodeclient"),
  automatic("selfnodeclient"),
  { name: "system:node-bootstrapper", rules: [rule(csr, csrs, "create get list watch")] },
  // Bound to nobody: the Node authorizer gives nodes less, and only what is theirs.
  {
    name: "system:node",
    rules: [
      ...nodeRules,
      rule("", "nodes", "get list watch patch update"),
      rule("", "nodes/status", "patch update"),
      rule("", "pods", "get list watch delete"),
      rule("", "pods/status", "patch update"),
      rule("", "pods/eviction", "create"),
      rule("", "configmaps secrets persistentvolumeclaims persistentvolumes", read),
      rule("", "persistentvolumeclaims/status", "get patch update"),
      rule("", "serviceaccounts/token", "create"),
      rule(csr, csrs, read),
      rule("coordination.k8s.io", "leases", "create delete get patch update"),
    ],
  },
  {
    name: "system:node-problem-detector",
    rules: [rule("", "nodes", "get"), rule("", "nodes/status", "patch"), ...events],
  },
  {
    name: "system:node-proxier",
    rules: [
      rule("", "endpoints services", "list watch"),
      rule("", "nodes", read),
      ...events,
      rule("discovery.k8s.io", "endpointslices", "list watch"),
    ],
  },
  {
    name: "system:kubelet-api-admin",
    rules: [
      rule("", "nodes", "get list watch proxy"),
      rule("", "nodes/log nodes/metrics nodes/proxy nodes/stats", "*"),
    ],
  },
  { name: "system:auth-delegator", rules: reviews },
  {
    name: "system:kube-scheduler",
    rules: [
      ...events,
      rule("coordination.k8s.io", "leases", "create"),
      rule("coordination.k8s.io", "leases", "get list update watch"),
      rule("", "nodes", read),
      rule("", "pods", "delete get list watch"),
      rule("", "bindings pods/binding", "create"),
      rule("", "pods/status", "patch update"),
      rule("", "replicationcontrollers services namespaces", read),
      rule("apps", "replicasets statefulsets", read),
      rule("policy", "poddisruptionbudgets", read),
      rule("", "persistentvolumeclaims persistentvolumes", read),
      ...reviews,
      rule("storage.k8s.io", "csidrivers csinodes csistoragecapacities storageclasses", read),
    ],
  },
  {
    name: "system:volume-scheduler",
    rules: [
      rule("", "persistentvolumes", "get list patch update watch"),
      rule("storage.k8s.io", "storageclasses", read),
      rule("", "persistentvolumeclaims", "get list patch update watch"),
    ],
  },
  {
    name: "system:kube-controller-manager",
    rules: [
      ...events,
      rule("coordination.k8s.io", "leases", "create"),
      rule("coordination.k8s.io", "leases", "get list update watch"),
      rule("", "secrets serviceaccounts", "create"),
      rule("", "secrets", "delete"),
      rule("", "configmaps namespaces secrets serviceaccounts", "get"),
      rule("", "secrets serviceaccounts", "update"),
      ...reviews,
      rule("*", "*", "list watch"),
      rule("", "serviceaccounts/token", "create"),
    ],
  },
  {
    name: "system:kube-dns",
    rules: [rule("", "endpoints services", "list watch")],
  },
  {
    name: "system:persistent-volume-provisioner",
    rules: [
      rule("", "persistentvolumes", "create delete get list watch"),
      rule("", "persistentvolumeclaims", "get list update watch"),
      rule("storage.k8s.io", "storageclasses", read),
      rule("", "events", "watch"),
      rule("", "events", "create list patch update watch"),
    ],
  },
  { name: "system:kube-aggregator", rules: [rule("", "endpoints services", read)] },
];
