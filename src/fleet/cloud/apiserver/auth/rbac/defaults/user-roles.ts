/** The roles that are meant for people: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles and …#discovery-roles */
import { type DefaultRole, read, readWrite, rule, urls, write } from "./rule.ts";

const aggregate = (to: string) => `rbac.authorization.k8s.io/aggregate-to-${to}`;
const into = (to: string) => ({ labels: { [aggregate(to)]: "true" } });

const workloads =
  "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale";
const workloadsRead = `controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status`;

export const userRoles: readonly DefaultRole[] = [
  { name: "cluster-admin", rules: [rule("*", "*", "*"), urls("*", "*")] },
  { name: "admin", from: aggregate("admin") },
  { name: "edit", from: aggregate("edit"), ...into("admin") },
  { name: "view", from: aggregate("view"), ...into("edit") },
  {
    name: "system:aggregate-to-admin",
    ...into("admin"),
    rules: [
      rule("authorization.k8s.io", "localsubjectaccessreviews", "create"),
      rule("rbac.authorization.k8s.io", "roles rolebindings", readWrite),
    ],
  },
  {
    name: "system:aggregate-to-edit",
    ...into("edit"),
    rules: [
      rule("", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy", read),
      rule("", "serviceaccounts", "impersonate"),
      rule("", "pods pods/attach pods/exec pods/portforward pods/proxy", write),
      rule("", "pods/eviction", "create"),
      rule(
        "",
        "configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy",
        write,
      ),
      rule("", "serviceaccounts/token", "create"),
      rule("apps", workloads, write),
      rule("autoscaling", "horizontalpodautoscalers", write),
      rule("batch", "cronjobs jobs", write),
      rule("policy", "poddisruptionbudgets", write),
      rule("networking.k8s.io", "ingresses networkpolicies", write),
      rule("coordination.k8s.io", "leases", readWrite),
    ],
  },
  {
    name: "system:aggregate-to-view",
    ...into("view"),
    rules: [
      rule(
        "",
        "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status",
        read,
      ),
      rule(
        "",
        "bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status",
        read,
      ),
      rule("", "namespaces", read),
      rule("discovery.k8s.io", "endpointslices", read),
      rule("apps", workloadsRead, read),
      rule("autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status", read),
      rule("batch", "cronjobs cronjobs/status jobs jobs/status", read),
      rule("policy", "poddisruptionbudgets poddisruptionbudgets/status", read),
      rule("networking.k8s.io", "ingresses ingresses/status networkpolicies", read),
    ],
  },
  {
    name: "system:aggregated-metrics-reader",
    ...into("view"),
    rules: [rule("metrics.k8s.io", "nodes pods", read)],
  },
  {
    name: "system:basic-user",
    rules: [
      rule("authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews", "create"),
      rule("authentication.k8s.io", "selfsubjectreviews", "create"),
    ],
  },
  {
    name: "system:discovery",
    rules: [urls("/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/")],
  },
  { name: "system:public-info-viewer", rules: [urls("/healthz /livez /readyz /version /version/")] },
  {
    name: "system:monitoring",
    rules: [urls("/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*")],
  },
  {
    name: "system:service-account-issuer-discovery",
    rules: [
      urls(
        "/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/",
      ),
    ],
  },
];
