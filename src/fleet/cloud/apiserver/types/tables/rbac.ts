export const rbac = `
Role -- Rights within a namespace.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  rules      [PolicyRule] atomic -- What may be done.

PolicyRule
  apiGroups       [string] atomic -- "" is the core, * all.
  nonResourceURLs [string] atomic -- Paths that are no resources.
  resourceNames   [string] atomic -- Only objects of these names.
  resources       [string] atomic -- pods, pods/log, *.
  verbs*          [string] atomic -- get, list, watch, create, update, patch, delete, deletecollection, *.

ClusterRole -- Rights in all namespaces.
  aggregationRule AggregationRule -- Rules are those of other roles.
  apiVersion      string
  kind            string
  metadata        ObjectMeta
  rules           [PolicyRule]    atomic -- What may be done.

AggregationRule
  clusterRoleSelectors [LabelSelector] atomic

RoleBinding -- Gives a role to subjects within a namespace.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  roleRef*   RoleRef   -- The role; cannot be changed.
  subjects   [Subject] atomic -- Who gets it.

RoleRef atomic
  apiGroup* string -- rbac.authorization.k8s.io.
  kind*     string -- Role or ClusterRole.
  name*     string -- The role.

Subject atomic
  apiGroup  string -- Empty for service accounts.
  kind*     string -- User, Group or ServiceAccount.
  name*     string -- Who.
  namespace string -- Of a service account.

ClusterRoleBinding -- Gives a cluster role to subjects in all namespaces.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  roleRef*   RoleRef   -- The role; cannot be changed.
  subjects   [Subject] atomic -- Who gets it.
`;
