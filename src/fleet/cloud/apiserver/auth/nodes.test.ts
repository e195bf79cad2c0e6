import { afterEach, describe, expect, test } from "bun:test";
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import type { Attributes, UserInfo } from "./auth.ts";
import { openAuthorizer, type RoleAuthorizer } from "./authorizer.ts";
import { MemoryStorage } from "./memory.fake.ts";

let opened: RoleAuthorizer | undefined;
afterEach(async () => {
  await opened?.[Symbol.asyncDispose]();
  opened = undefined;
});

const node = (name: string): UserInfo => ({
  name: `system:node:${name}`,
  groups: ["system:nodes", "system:authenticated"],
});

const pod = (name: string, nodeName: string | undefined, spec: object = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", uid: `uid-${name}` },
  spec: { ...(nodeName === undefined ? {} : { nodeName }), ...spec },
});

const objects: readonly KubeObject[] = [
  pod("mine", "n1", {
    serviceAccountName: "robot",
    imagePullSecrets: [{ name: "pull" }],
    containers: [
      {
        envFrom: [{ configMapRef: { name: "env-map" } }, { secretRef: { name: "env-secret" } }],
        env: [
          { name: "A", valueFrom: { secretKeyRef: { name: "key-secret", key: "a" } } },
          { name: "B", valueFrom: { configMapKeyRef: { name: "key-map", key: "a" } } },
        ],
      },
    ],
    initContainers: [
      { env: [{ name: "A", valueFrom: { secretKeyRef: { name: "init-secret", key: "a" } } }] },
    ],
    volumes: [
      { name: "a", secret: { secretName: "volume-secret" } },
      { name: "b", configMap: { name: "volume-map" } },
      { name: "c", persistentVolumeClaim: { claimName: "claim" } },
      {
        name: "d",
        projected: {
          sources: [{ secret: { name: "projected-secret" } }, { configMap: { name: "projected-map" } }],
        },
      },
      { name: "e", ephemeral: {} },
    ],
  }),
  pod("theirs", "n2", {
    serviceAccountName: "other",
    volumes: [{ name: "a", secret: { secretName: "their-secret" } }],
  }),
  pod("waiting", undefined, { volumes: [{ name: "a", secret: { secretName: "waiting-secret" } }] }),
  {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "pv1" },
    spec: { claimRef: { namespace: "default", name: "claim" } },
  },
  {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "pv2" },
    spec: { claimRef: { namespace: "default", name: "no" } },
  },
  { apiVersion: "v1", kind: "PersistentVolume", metadata: { name: "pv3" }, spec: {} },
  {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "csr-mine" },
    spec: { username: "system:node:n1" },
  },
  {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "csr-theirs" },
    spec: { username: "system:node:n2" },
  },
];

function open(): { storage: MemoryStorage; authorizer: RoleAuthorizer } {
  const storage = new MemoryStorage();
  for (const object of objects) storage.put(object);
  opened = openAuthorizer({ storage });
  return { storage, authorizer: opened };
}

interface Asked {
  readonly namespace?: string;
  readonly name?: string;
  readonly fieldSelector?: string;
}

function attributes(who: UserInfo, verb: string, what: string, rest: Asked): Attributes {
  const slash = what.includes(".k8s.io/") || what.startsWith("apps/") ? what.indexOf("/") : -1;
  const [resource = "", subresource] = what.slice(slash + 1).split("/");
  const group = slash < 0 ? "" : what.slice(0, slash);
  return {
    user: who,
    verb,
    resource: {
      group,
      version: "v1",
      resource,
      ...(subresource === undefined ? {} : { subresource }),
      ...rest,
    },
  };
}

const inDefault = (name?: string): Asked => ({
  namespace: "default",
  ...(name === undefined ? {} : { name }),
});
const lease = (name: string, namespace = "kube-node-lease"): Asked => ({ namespace, name });

const rows: readonly (readonly [boolean, verb: string, what: string, Asked])[] = [
  [true, "get", "nodes", { name: "n1" }],
  [true, "update", "nodes/status", { name: "n1" }],
  [true, "patch", "nodes", { name: "n1" }],
  [true, "watch", "nodes", { name: "n1" }],
  [true, "create", "nodes", {}],
  [false, "get", "nodes", { name: "n2" }],
  [false, "patch", "nodes/status", { name: "n2" }],
  [false, "list", "nodes", {}],
  [false, "delete", "nodes", { name: "n1" }],
  [false, "get", "nodes/proxy", { name: "n1" }],
  [true, "get", "pods", inDefault("mine")],
  [true, "delete", "pods", inDefault("mine")],
  [true, "patch", "pods/status", inDefault("mine")],
  [true, "create", "pods/eviction", inDefault("mine")],
  [true, "list", "pods", { fieldSelector: "spec.nodeName=n1" }],
  [true, "watch", "pods", { fieldSelector: "status.phase=Running,spec.nodeName=n1" }],
  [true, "create", "pods", inDefault()],
  [false, "get", "pods", inDefault("theirs")],
  [false, "get", "pods", inDefault("waiting")],
  [false, "delete", "pods", inDefault("theirs")],
  [false, "patch", "pods/status", inDefault("theirs")],
  [false, "list", "pods", {}],
  [false, "list", "pods", { fieldSelector: "spec.nodeName=n2" }],
  [false, "list", "pods", { fieldSelector: "spec.nodeName!=n1" }],
  [false, "list", "pods", { fieldSelector: "spec.nodeName=n11" }],
  [false, "patch", "pods", inDefault("mine")],
  [false, "deletecollection", "pods", inDefault()],
  [false, "create", "pods/exec", inDefault("mine")],
  [false, "create", "pods/binding", inDefault("waiting")],
  ...["pull", "env-secret", "key-secret", "init-secret", "volume-secret", "projected-secret"].map(
    (name) => [true, "get", "secrets", inDefault(name)] as const,
  ),
  ...["env-map", "key-map", "volume-map", "projected-map"].map(
    (name) => [true, "watch", "configmaps", inDefault(name)] as const,
  ),
  [false, "get", "secrets", inDefault("their-secret")],
  [false, "get", "secrets", inDefault("waiting-secret")],
  [false, "get", "secrets", { namespace: "other", name: "pull" }],
  [false, "list", "secrets", inDefault()],
  [false, "update", "secrets", inDefault("pull")],
  [false, "get", "secrets", inDefault("env-map")],
  [false, "create", "configmaps", inDefault()],
  [true, "get", "persistentvolumeclaims", inDefault("claim")],
  [true, "get", "persistentvolumeclaims", inDefault("mine-e")],
  [true, "patch", "persistentvolumeclaims/status", inDefault("claim")],
  [false, "get", "persistentvolumeclaims", inDefault("no")],
  [false, "patch", "persistentvolumeclaims", inDefault("claim")],
  [true, "get", "persistentvolumes", { name: "pv1" }],
  [false, "get", "persistentvolumes", { name: "pv2" }],
  [false, "get", "persistentvolumes", { name: "pv3" }],
  [false, "list", "persistentvolumes", {}],
  [true, "create", "serviceaccounts/token", inDefault("robot")],
  [false, "create", "serviceaccounts/token", inDefault("other")],
  [false, "create", "serviceaccounts", inDefault()],
  [true, "create", "coordination.k8s.io/leases", { namespace: "kube-node-lease" }],
  [true, "get", "coordination.k8s.io/leases", lease("n1")],
  [true, "update", "coordination.k8s.io/leases", lease("n1")],
  [false, "update", "coordination.k8s.io/leases", lease("n2")],
  [false, "list", "coordination.k8s.io/leases", { namespace: "kube-node-lease" }],
  [false, "update", "coordination.k8s.io/leases", lease("n1", "kube-system")],
  [true, "create", "certificates.k8s.io/certificatesigningrequests", {}],
  [true, "get", "certificates.k8s.io/certificatesigningrequests", { name: "csr-mine" }],
  [true, "watch", "certificates.k8s.io/certificatesigningrequests", { name: "csr-mine" }],
  [false, "get", "certificates.k8s.io/certificatesigningrequests", { name: "csr-theirs" }],
  [false, "list", "certificates.k8s.io/certificatesigningrequests", {}],
  [false, "update", "certificates.k8s.io/certificatesigningrequests/approval", { name: "csr-mine" }],
  [true, "list", "services", {}],
  [true, "watch", "discovery.k8s.io/endpointslices", {}],
  [true, "create", "events", inDefault()],
  [true, "list", "node.k8s.io/runtimeclasses", {}],
  [true, "create", "authentication.k8s.io/tokenreviews", {}],
  [false, "create", "services", inDefault()],
  [false, "list", "namespaces", {}],
  [false, "get", "apps/deployments", inDefault("a")],
  [false, "create", "rbac.authorization.k8s.io/clusterrolebindings", {}],
];

describe("the node n1", () => {
  for (const [allowed, verb, what, rest] of rows)
    test(`${allowed ? "may" : "may not"} ${verb} ${what} ${Object.values(rest).join(" ")}`, () => {
      expect(open().authorizer.authorize(attributes(node("n1"), verb, what, rest)).allowed).toBe(allowed);
    });
});

test("the name alone makes no node, nor does the group", () => {
  const { authorizer } = open();
  const asks = (who: UserInfo) =>
    authorizer.authorize(attributes(who, "get", "nodes", { name: "n1" })).allowed;
  expect(asks({ name: "system:node:n1", groups: ["system:authenticated"] })).toBe(false);
  expect(asks({ name: "n1", groups: ["system:nodes"] })).toBe(false);
  expect(asks({ name: "system:node:", groups: ["system:nodes"] })).toBe(false);
});

test("what a node may read comes with its pods and goes with them", async () => {
  const { storage, authorizer } = open();
  const asks = () =>
    authorizer.authorize(attributes(node("n3"), "get", "secrets", inDefault("late"))).allowed;
  const spec = { volumes: [{ name: "a", secret: { secretName: "late" } }] };
  expect(asks()).toBe(false);
  storage.put(pod("late", undefined, spec));
  await storage.delivered();
  expect(asks()).toBe(false);
  storage.put(pod("late", "n3", spec));
  await storage.delivered();
  expect(asks()).toBe(true);
  storage.remove("pods", "default", "late");
  await storage.delivered();
  expect(asks()).toBe(false);
});

test("a pod of the same name on another node is another pod", async () => {
  const { storage, authorizer } = open();
  storage.put({ ...pod("mine", "n2"), metadata: { name: "mine", namespace: "default", uid: "new" } });
  await storage.delivered();
  const asks = (name: string) =>
    authorizer.authorize(attributes(node(name), "get", "pods", inDefault("mine"))).allowed;
  expect([asks("n1"), asks("n2")]).toEqual([false, true]);
});

test("the refusal says what the node lacks", () => {
  const { reason } = open().authorizer.authorize(
    attributes(node("n1"), "get", "secrets", inDefault("their-secret")),
  );
  expect(reason).toBe('node "n1" has no pod that refers to it');
});
