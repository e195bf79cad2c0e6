/** Who has the default roles. https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings */
import type { DefaultBinding } from "./rule.ts";

/** The administrators of this cloud: unlike system:masters, what they may is a binding that can be taken away. */
export const administrators = "sampan:cluster-admins";

export const defaultBindings: readonly DefaultBinding[] = [
  { name: "cluster-admin", role: "cluster-admin", groups: ["system:masters"] },
  { name: administrators, role: "cluster-admin", groups: [administrators] },
  { name: "system:basic-user", role: "system:basic-user", groups: ["system:authenticated"] },
  { name: "system:discovery", role: "system:discovery", groups: ["system:authenticated"] },
  {
    name: "system:public-info-viewer",
    role: "system:public-info-viewer",
    groups: ["system:authenticated", "system:unauthenticated"],
  },
  { name: "system:monitoring", role: "system:monitoring", groups: ["system:monitoring"] },
  {
    name: "system:service-account-issuer-discovery",
    role: "system:service-account-issuer-discovery",
    groups: ["system:serviceaccounts"],
  },
  { name: "system:kube-scheduler", role: "system:kube-scheduler", users: ["system:kube-scheduler"] },
  { name: "system:volume-scheduler", role: "system:volume-scheduler", users: ["system:kube-scheduler"] },
  {
    name: "system:kube-controller-manager",
    role: "system:kube-controller-manager",
    users: ["system:kube-controller-manager"],
  },
  { name: "system:kube-dns", role: "system:kube-dns", accounts: ["kube-system/kube-dns"] },
  { name: "system:node", role: "system:node" },
  { name: "system:node-proxier", role: "system:node-proxier", users: ["system:kube-proxy"] },
  // A node renews its own certificate, as kubeadm has it.
  {
    name: "sampan:node-certificate-rotation",
    role: "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
    groups: ["system:nodes"],
  },
];
