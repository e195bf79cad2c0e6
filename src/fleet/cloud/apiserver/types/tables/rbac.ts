export const rbac = `
Role -- Rights within a namespace.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  rules      [PolicyRule] atomic

PolicyRule
  apiGroups       [string] atomic -- "" is the core, * all.
  nonResourceURLs [string] atomic -- Paths that are no resources.
  resourceNames   [string] atomic -- Only objects of these names.
  resources       [string] atomic -- pods, pods/log, *.
  verbs*          [string] atomic -- get, list, watch, create, update, patch, delete, deletecollection, *.

ClusterRole -- Rights in all namespaces.
  aggregationRule AggregationRule
  apiVersion      string
  kind            string
  metadata        ObjectMeta
  rules           [PolicyRule] atomic

AggregationRule
  clusterRoleSelectors [LabelSelector] atomic

RoleBinding -- Gives a role to subjects within a namespace.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  roleRef*   RoleRef   -- The role; cannot be changed.
  subjects   [Subject] atomic -- Who gets it.

RoleRef atomic
  apiGroup* string
  kind*     string
  name*     string

Subject atomic
  apiGroup  string
  kind*     string -- User, Group or ServiceAccount.
  name*     string
  namespace string

ClusterRoleBinding -- Gives a cluster role to subjects in all namespaces.
  apiVersion string
  kind       string
  metadata   ObjectMeta
  roleRef*   RoleRef   -- The role; cannot be changed.
  subjects   [Subject] atomic -- Who gets it.
`;
