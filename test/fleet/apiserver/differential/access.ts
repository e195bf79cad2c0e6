/** Questions about access, tokens, and refusals, by impersonation. */
import { a, failure, has, like, type Scenario } from "./_row.ts";

const bob = { "Impersonate-User": "bob-{ns}" };

export const access: readonly Scenario[] = [
  {
    name: "who may do what",
    rows: [
      {
        says: "who am I",
        ask: "POST /apis/authentication.k8s.io/v1/selfsubjectreviews",
        body: { kind: "SelfSubjectReview", apiVersion: "authentication.k8s.io/v1" },
        status: 201,
        shape: { status: { userInfo: { username: a("string"), groups: has("system:authenticated") } } },
      },
      {
        says: "may I",
        ask: "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        body: { spec: { resourceAttributes: { verb: "list", resource: "pods", namespace: "{ns}" } } },
        status: 201,
        shape: { kind: "SelfSubjectAccessReview", status: { allowed: true } },
      },
      {
        says: "may somebody",
        ask: "POST /apis/authorization.k8s.io/v1/subjectaccessreviews",
        body: {
          spec: {
            user: "bob-{ns}",
            resourceAttributes: { verb: "list", resource: "pods", namespace: "{ns}" },
          },
        },
        status: 201,
        shape: { status: { allowed: false } },
      },
      {
        says: "he may not",
        ask: "GET /api/v1/namespaces/{ns}/pods",
        headers: bob,
        status: 403,
        shape: failure(
          403,
          "Forbidden",
          'pods is forbidden: User "bob-{ns}" cannot list resource "pods" in API group "" in the namespace "{ns}"',
          { kind: "pods" },
        ),
      },
      {
        says: "nor over all",
        ask: "GET /apis/apps/v1/deployments",
        headers: bob,
        status: 403,
        shape: failure(
          403,
          "Forbidden",
          'deployments.apps is forbidden: User "bob-{ns}" cannot list resource "deployments" in API group "apps" at the cluster scope',
          { group: "apps", kind: "deployments" },
        ),
      },
      {
        says: "nor one by name and subresource",
        ask: "GET /api/v1/namespaces/{ns}/pods/a/log",
        headers: bob,
        status: 403,
        shape: failure(
          403,
          "Forbidden",
          'pods "a" is forbidden: User "bob-{ns}" cannot get resource "pods/log" in API group "" in the namespace "{ns}"',
          { name: "a", kind: "pods" },
        ),
      },
      {
        says: "nor a path",
        ask: "GET /metrics",
        headers: bob,
        status: 403,
        shape: failure(403, "Forbidden", 'forbidden: User "bob-{ns}" cannot get path "/metrics"'),
      },
      { says: "but discovery", ask: "GET /apis", headers: bob, status: 200 },
      {
        says: "a role",
        ask: "POST /apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles",
        body: {
          metadata: { name: "reader" },
          rules: [{ apiGroups: [""], resources: ["pods"], verbs: ["get", "list"] }],
        },
        status: 201,
      },
      {
        says: "bound to him",
        ask: "POST /apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/rolebindings",
        body: {
          metadata: { name: "bob" },
          roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" },
          subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "bob-{ns}" }],
        },
        status: 201,
      },
      {
        says: "now he may",
        ask: "GET /api/v1/namespaces/{ns}/pods",
        headers: bob,
        status: 200,
        shape: { kind: "PodList" },
      },
      {
        says: "but not delete",
        ask: "DELETE /api/v1/namespaces/{ns}/pods",
        headers: bob,
        status: 403,
        shape: failure(403, "Forbidden", like("cannot deletecollection resource")),
      },
      {
        says: "his rules",
        ask: "POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        headers: bob,
        body: { spec: { namespace: "{ns}" } },
        status: 201,
        shape: {
          status: {
            resourceRules: has({ verbs: ["get", "list"], apiGroups: [""], resources: ["pods"] }),
            incomplete: false,
          },
        },
      },
      {
        says: "a token that is none",
        ask: "POST /apis/authentication.k8s.io/v1/tokenreviews",
        body: { spec: { token: "x.y.z" } },
        status: 201,
        shape: { kind: "TokenReview", status: {} },
      },
      {
        says: "a service account",
        ask: "POST /api/v1/namespaces/{ns}/serviceaccounts",
        body: { metadata: { name: "worker" } },
        status: 201,
      },
      {
        says: "its token",
        ask: "POST /api/v1/namespaces/{ns}/serviceaccounts/worker/token",
        body: {
          kind: "TokenRequest",
          apiVersion: "authentication.k8s.io/v1",
          spec: { expirationSeconds: 600 },
        },
        status: 201,
        shape: {
          kind: "TokenRequest",
          status: { token: like("^[\\w-]+\\.[\\w-]+\\.[\\w-]+$"), expirationTimestamp: a("string") },
        },
        keep: { token: "status.token" },
      },
      {
        says: "whose it is",
        ask: "POST /apis/authentication.k8s.io/v1/tokenreviews",
        body: { spec: { token: "{token}" } },
        status: 201,
        shape: {
          status: {
            authenticated: true,
            user: {
              username: "system:serviceaccount:{ns}:worker",
              groups: has("system:serviceaccounts", "system:serviceaccounts:{ns}", "system:authenticated"),
            },
          },
        },
      },
      {
        says: "a token for too short a time",
        ask: "POST /api/v1/namespaces/{ns}/serviceaccounts/worker/token",
        body: {
          kind: "TokenRequest",
          apiVersion: "authentication.k8s.io/v1",
          spec: { expirationSeconds: 5 },
        },
        status: 422,
        shape: failure(422, "Invalid", like("may not specify a duration less than 10 minutes")),
      },
    ],
  },
];
