/** All built-in types by their names in OpenAPI: `definitions("io.k8s.api.core.v1.Pod")`. */
import { openDefinitions, type TypePackages } from "./notation.ts";
import { apiextensions } from "./tables/apiextensions.ts";
import { apps } from "./tables/apps.ts";
import { authentication } from "./tables/authentication.ts";
import { authorization } from "./tables/authorization.ts";
import { autoscaling } from "./tables/autoscaling.ts";
import { batch } from "./tables/batch.ts";
import { certificates } from "./tables/certificates.ts";
import { config } from "./tables/config.ts";
import { containers } from "./tables/containers.ts";
import { coordination } from "./tables/coordination.ts";
import { discovery } from "./tables/discovery.ts";
import { events } from "./tables/events.ts";
import { meta } from "./tables/meta.ts";
import { metrics } from "./tables/metrics.ts";
import { node } from "./tables/node.ts";
import { nodes } from "./tables/nodes.ts";
import { occurrences } from "./tables/occurrences.ts";
import { persistent } from "./tables/persistent.ts";
import { pods } from "./tables/pods.ts";
import { podstatus } from "./tables/podstatus.ts";
import { policy } from "./tables/policy.ts";
import { priority } from "./tables/priority.ts";
import { rbac } from "./tables/rbac.ts";
import { references } from "./tables/references.ts";
import { scheduling } from "./tables/scheduling.ts";
import { services } from "./tables/services.ts";
import { storage } from "./tables/storage.ts";
import { volumes } from "./tables/volumes.ts";

export const typePackages = {
  meta: { name: "io.k8s.apimachinery.pkg.apis.meta.v1", tables: [meta] },
  core: {
    name: "io.k8s.api.core.v1",
    tables: [
      references,
      volumes,
      scheduling,
      containers,
      pods,
      podstatus,
      nodes,
      config,
      services,
      persistent,
      occurrences,
    ],
  },
  apps: { name: "io.k8s.api.apps.v1", tables: [apps] },
  batch: { name: "io.k8s.api.batch.v1", tables: [batch] },
  discovery: { name: "io.k8s.api.discovery.v1", tables: [discovery] },
  events: { name: "io.k8s.api.events.v1", tables: [events] },
  coordination: { name: "io.k8s.api.coordination.v1", tables: [coordination] },
  node: { name: "io.k8s.api.node.v1", tables: [node] },
  scheduling: { name: "io.k8s.api.scheduling.v1", tables: [priority] },
  storage: { name: "io.k8s.api.storage.v1", tables: [storage] },
  certificates: { name: "io.k8s.api.certificates.v1", tables: [certificates] },
  rbac: { name: "io.k8s.api.rbac.v1", tables: [rbac] },
  authentication: { name: "io.k8s.api.authentication.v1", tables: [authentication] },
  authorization: { name: "io.k8s.api.authorization.v1", tables: [authorization] },
  apiextensions: {
    name: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
    tables: [apiextensions],
  },
  policy: { name: "io.k8s.api.policy.v1", tables: [policy] },
  autoscaling: { name: "io.k8s.api.autoscaling.v1", tables: [autoscaling] },
  metrics: { name: "io.k8s.metrics.pkg.apis.metrics.v1beta1", tables: [metrics] },
} as const satisfies TypePackages;

export type PackageName = keyof typeof typePackages;

export const definitions = openDefinitions(typePackages);
