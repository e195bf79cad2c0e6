/** What is served, and how it says so. */
import { a, absent, has, like, type Scenario } from "./_row.ts";

const aggregated = (version: string) =>
  `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList,application/json`;

const verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

export const discovery: readonly Scenario[] = [
  {
    name: "discovery",
    rows: [
      {
        says: "/api",
        ask: "GET /api",
        status: 200,
        shape: {
          kind: "APIVersions",
          versions: ["v1"],
          serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0" }],
        },
      },
      {
        says: "/apis",
        ask: "GET /apis",
        status: 200,
        shape: {
          kind: "APIGroupList",
          apiVersion: "v1",
          groups: has({
            name: "apps",
            versions: has({ groupVersion: "apps/v1", version: "v1" }),
            preferredVersion: { groupVersion: "apps/v1", version: "v1" },
          }),
        },
      },
      ...[
        "authentication.k8s.io",
        "authorization.k8s.io",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "node.k8s.io",
        "rbac.authorization.k8s.io",
        "scheduling.k8s.io",
        "apiextensions.k8s.io",
      ].map((name) => ({
        says: `the group ${name}`,
        ask: `GET /apis/${name}`,
        status: 200,
        shape: { kind: "APIGroup", apiVersion: "v1", name, preferredVersion: { version: "v1" } },
      })),
      {
        says: "the core's resources",
        ask: "GET /api/v1",
        status: 200,
        shape: {
          kind: "APIResourceList",
          groupVersion: "v1",
          resources: has(
            {
              name: "pods",
              singularName: "pod",
              namespaced: true,
              kind: "Pod",
              shortNames: ["po"],
              categories: ["all"],
              verbs: has(...verbs),
            },
            { name: "pods/log", namespaced: true, kind: "Pod", verbs: ["get"] },
            { name: "pods/exec", kind: "PodExecOptions", verbs: has("create", "get") },
            { name: "pods/status", kind: "Pod", verbs: has("get", "patch", "update") },
            { name: "pods/eviction", group: "policy", version: "v1", kind: "Eviction", verbs: ["create"] },
            { name: "namespaces", namespaced: false, shortNames: ["ns"] },
            { name: "configmaps", shortNames: ["cm"] },
            { name: "services", shortNames: ["svc"] },
            { name: "serviceaccounts/token", group: "authentication.k8s.io", kind: "TokenRequest" },
          ),
        },
      },
      {
        says: "the resources of apps",
        ask: "GET /apis/apps/v1",
        status: 200,
        shape: {
          groupVersion: "apps/v1",
          resources: has(
            { name: "deployments", shortNames: ["deploy"], categories: ["all"] },
            { name: "deployments/scale", group: "autoscaling", version: "v1", kind: "Scale" },
            { name: "deployments/status", kind: "Deployment", group: absent },
          ),
        },
      },
      {
        says: "all groups at once",
        ask: "GET /apis",
        accept: aggregated("v2"),
        status: 200,
        answers: { "content-type": "^application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList" },
        shape: {
          kind: "APIGroupDiscoveryList",
          apiVersion: "apidiscovery.k8s.io/v2",
          items: has({
            metadata: { name: "apps" },
            versions: has({
              version: "v1",
              freshness: "Current",
              resources: has({
                resource: "deployments",
                responseKind: { group: "apps", version: "v1", kind: "Deployment" },
                scope: "Namespaced",
                singularResource: "deployment",
                verbs: has(...verbs),
                subresources: has({ subresource: "scale" }, { subresource: "status" }),
              }),
            }),
          }),
        },
      },
      {
        says: "the core at once",
        ask: "GET /api",
        accept: aggregated("v2"),
        status: 200,
        shape: {
          kind: "APIGroupDiscoveryList",
          items: [{ versions: [{ version: "v1", resources: has({ resource: "nodes", scope: "Cluster" }) }] }],
        },
      },
      { says: "no such version of a group", ask: "GET /apis/apps/v9", status: 404 },
      {
        says: "the version of Kubernetes",
        ask: "GET /version",
        status: 200,
        shape: {
          major: "1",
          minor: like("^\\d+"),
          gitVersion: like("^v1\\.\\d+\\.\\d+"),
          platform: like("^linux/"),
        },
      },
      { says: "alive", ask: "GET /livez", status: 200, text: "^ok$" },
      {
        says: "ready, at length",
        ask: "GET /readyz?verbose",
        status: 200,
        text: "\\[\\+\\]ping ok[^]*readyz check passed",
      },
      { says: "one check", ask: "GET /readyz/ping", status: 200, text: "ok" },
      { says: "healthy", ask: "GET /healthz", status: 200, text: "^ok$" },
      { says: "figures", ask: "GET /metrics", status: 200, text: "apiserver_request_total\\{" },
      {
        says: "OpenAPI v2",
        ask: "GET /openapi/v2",
        accept: "application/json",
        status: 200,
        shape: {
          swagger: "2.0",
          paths: { "/api/v1/namespaces/{namespace}/pods": { get: a("object"), post: a("object") } },
          definitions: {
            "io.k8s.api.core.v1.Pod": {
              "x-kubernetes-group-version-kind": has({ group: "", version: "v1", kind: "Pod" }),
            },
          },
        },
      },
      {
        says: "OpenAPI v3's list",
        ask: "GET /openapi/v3",
        status: 200,
        shape: { paths: { "api/v1": { serverRelativeURL: like("^/openapi/v3/api/v1\\?hash=") } } },
      },
      {
        says: "OpenAPI v3 of apps",
        ask: "GET /openapi/v3/apis/apps/v1",
        status: 200,
        shape: {
          openapi: like("^3\\."),
          components: { schemas: { "io.k8s.api.apps.v1.Deployment": { properties: { spec: a("object") } } } },
        },
      },
    ],
  },
];
