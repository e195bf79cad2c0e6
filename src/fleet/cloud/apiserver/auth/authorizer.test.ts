import { afterEach, describe, expect, test } from "bun:test";
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { type Attributes, anonymous, type UserInfo } from "./auth.ts";
import { openAuthorizer, type RoleAuthorizer } from "./authorizer.ts";
import { MemoryStorage } from "./memory.fake.ts";
import { refusal } from "./refusal.ts";

const api = "rbac.authorization.k8s.io/v1";
type Rule = readonly [groups: string, resources: string, verbs: string, names?: string];

let opened: RoleAuthorizer | undefined;
afterEach(async () => {
  await opened?.[Symbol.asyncDispose]();
  opened = undefined;
});

const words = (text: string) =>
  text === "" ? [] : text.split(" ").map((word) => (word === "core" ? "" : word));

function role(
  name: string,
  rules: readonly (Rule | { urls: string; verbs: string })[],
  namespace?: string,
): KubeObject {
  return {
    apiVersion: api,
    kind: namespace === undefined ? "ClusterRole" : "Role",
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    rules: rules.map((each) =>
      "urls" in each
        ? { nonResourceURLs: words(each.urls), verbs: words(each.verbs) }
        : {
            apiGroups: words(each[0]),
            resources: words(each[1]),
            verbs: words(each[2]),
            ...(each[3] === undefined ? {} : { resourceNames: words(each[3]) }),
          },
    ),
  };
}

function binding(name: string, to: string, subjects: readonly object[], namespace?: string): KubeObject {
  const [kind = "", of = ""] = to.split(" ");
  return {
    apiVersion: api,
    kind: namespace === undefined ? "ClusterRoleBinding" : "RoleBinding",
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name: of },
    subjects,
  };
}

const user = (name: string) => ({ kind: "User", name, apiGroup: "rbac.authorization.k8s.io" });
const group = (name: string) => ({ kind: "Group", name, apiGroup: "rbac.authorization.k8s.io" });
const account = (name: string, namespace?: string) => ({
  kind: "ServiceAccount",
  name,
  ...(namespace === undefined ? {} : { namespace }),
});

/** The examples of https://kubernetes.io/docs/reference/access-authn-authz/rbac/ and a few of the odd ones. */
const objects: readonly KubeObject[] = [
  role("pod-reader", [["core", "pods", "get watch list"]], "default"),
  role("pod-and-pod-logs-reader", [["core", "pods pods/log", "get list"]], "default"),
  role("configmap-updater", [["core", "configmaps", "update get", "my-configmap"]], "default"),
  role("secret-reader", [["core", "secrets", "get watch list"]]),
  role("deployer", [["apps", "deployments", "get list watch create update patch delete"]]),
  role("jobs-and-pods", [
    ["core", "pods", "get list watch"],
    ["batch", "jobs", "get list watch create update patch delete"],
  ]),
  role("health", [{ urls: "/healthz /healthz/*", verbs: "get post" }]),
  role("all-urls", [{ urls: "*", verbs: "get" }]),
  role("everything", [["*", "*", "*"]]),
  role("scaler", [["apps", "*/scale", "get update"]]),
  role("all-of-apps", [["apps", "*", "get"]]),
  role("empty", []),
  { apiVersion: api, kind: "ClusterRole", metadata: { name: "damaged" }, rules: "all of it" },
  binding("read-pods", "Role pod-reader", [user("jane")], "default"),
  binding("read-logs", "Role pod-and-pod-logs-reader", [user("logan")], "default"),
  binding("one-configmap", "Role configmap-updater", [user("conny")], "default"),
  binding("read-secrets", "ClusterRole secret-reader", [user("dave")], "development"),
  binding("read-secrets-global", "ClusterRole secret-reader", [group("manager")]),
  binding("deployers", "ClusterRole deployer", [group("devs"), user("dora")], "default"),
  binding("jobs", "ClusterRole jobs-and-pods", [account("runner", "ci")], "default"),
  binding("own-account", "Role pod-reader", [account("here")], "default"),
  binding("all-accounts-of-qa", "ClusterRole secret-reader", [group("system:serviceaccounts:qa")], "qa"),
  binding("health", "ClusterRole health", [group("system:unauthenticated"), user("probe")]),
  binding("health-in-namespace", "ClusterRole health", [user("nora")], "default"),
  binding("urls", "ClusterRole all-urls", [user("ursula")]),
  binding("boss", "ClusterRole everything", [user("boss")]),
  binding("local-boss", "ClusterRole everything", [user("lara")], "default"),
  binding("scale", "ClusterRole scaler", [user("scarlett")]),
  binding("apps", "ClusterRole all-of-apps", [user("april")]),
  binding("nothing", "ClusterRole empty", [user("emma")]),
  binding("broken", "ClusterRole damaged", [user("dan")]),
  binding("dangling", "ClusterRole gone", [user("greta")]),
  binding("role-for-all", "Role pod-reader", [user("rita")]),
  binding("cross", "Role pod-reader", [user("cora")], "other"),
];

function open(more: readonly KubeObject[] = []): { storage: MemoryStorage; authorizer: RoleAuthorizer } {
  const storage = new MemoryStorage();
  for (const object of [...objects, ...more]) storage.put(object);
  opened = openAuthorizer({ storage });
  return { storage, authorizer: opened };
}

const person = (name: string, ...groups: string[]): UserInfo => ({
  name,
  groups: [...groups, "system:authenticated"],
});
const robot = (namespace: string, name: string) =>
  person(
    `system:serviceaccount:${namespace}:${name}`,
    "system:serviceaccounts",
    `system:serviceaccounts:${namespace}`,
  );

/** `apps/deployments/scale` in `default` named `a`; or a path. */
function attributes(who: UserInfo, verb: string, what: string, namespace = "", name = ""): Attributes {
  if (what.startsWith("/")) return { user: who, verb, path: what };
  const [, ofGroup = "", resource = "", subresource] =
    /^(?:([^/]*\.?[^/]*):)?([^/]+)(?:\/(.+))?$/.exec(what) ?? [];
  return {
    user: who,
    verb,
    resource: {
      group: ofGroup,
      version: "v1",
      resource,
      ...(subresource === undefined ? {} : { subresource }),
      ...(namespace === "" ? {} : { namespace }),
      ...(name === "" ? {} : { name }),
    },
  };
}

const jane = person("jane");
const rows: readonly (readonly [
  allowed: boolean,
  who: UserInfo,
  verb: string,
  what: string,
  namespace?: string,
  name?: string,
])[] = [
  [true, jane, "get", "pods", "default", "a"],
  [true, jane, "list", "pods", "default"],
  [true, jane, "watch", "pods", "default"],
  [false, jane, "create", "pods", "default"],
  [false, jane, "delete", "pods", "default", "a"],
  [false, jane, "get", "pods/log", "default", "a"],
  [false, jane, "get", "pods", "kube-system", "a"],
  [false, jane, "list", "pods"],
  [false, jane, "get", "apps:pods", "default", "a"],
  [false, jane, "get", "secrets", "default", "a"],
  [false, person("Jane"), "get", "pods", "default", "a"],
  [false, person("other", "jane"), "get", "pods", "default", "a"],
  [true, person("logan"), "get", "pods/log", "default", "a"],
  [true, person("logan"), "get", "pods", "default", "a"],
  [false, person("logan"), "create", "pods/exec", "default", "a"],
  [false, person("logan"), "watch", "pods/log", "default", "a"],
  [true, person("conny"), "get", "configmaps", "default", "my-configmap"],
  [true, person("conny"), "update", "configmaps", "default", "my-configmap"],
  [false, person("conny"), "get", "configmaps", "default", "other"],
  [false, person("conny"), "list", "configmaps", "default"],
  [false, person("conny"), "patch", "configmaps", "default", "my-configmap"],
  [true, person("dave"), "get", "secrets", "development", "a"],
  [true, person("dave"), "list", "secrets", "development"],
  [false, person("dave"), "get", "secrets", "default", "a"],
  [false, person("dave"), "list", "secrets"],
  [true, person("m", "manager"), "list", "secrets"],
  [true, person("m", "manager"), "get", "secrets", "any", "a"],
  [false, person("manager"), "get", "secrets", "any", "a"],
  [false, person("m", "managers"), "get", "secrets", "any", "a"],
  [true, person("d", "devs"), "create", "apps:deployments", "default"],
  [true, person("dora"), "patch", "apps:deployments", "default", "a"],
  [false, person("dora"), "patch", "apps:deployments/scale", "default", "a"],
  [false, person("dora"), "patch", "apps:deployments/status", "default", "a"],
  [false, person("dora"), "create", "deployments", "default"],
  [false, person("dora"), "create", "apps:statefulsets", "default"],
  [false, person("dora"), "deletecollection", "apps:deployments", "default"],
  [true, robot("ci", "runner"), "create", "batch:jobs", "default"],
  [true, robot("ci", "runner"), "list", "pods", "default"],
  [false, robot("ci", "runner"), "create", "batch:jobs", "ci"],
  [false, robot("default", "runner"), "create", "batch:jobs", "default"],
  [true, robot("default", "here"), "get", "pods", "default", "a"],
  [false, robot("other", "here"), "get", "pods", "default", "a"],
  [true, robot("qa", "any"), "get", "secrets", "qa", "a"],
  [false, robot("qa2", "any"), "get", "secrets", "qa", "a"],
  [true, anonymous, "get", "/healthz"],
  [true, anonymous, "get", "/healthz/etcd"],
  [false, anonymous, "get", "/healthzz"],
  [false, anonymous, "get", "/metrics"],
  [false, anonymous, "get", "/"],
  [true, person("probe"), "post", "/healthz/a/b"],
  [false, person("probe"), "delete", "/healthz"],
  [false, person("nora"), "get", "/healthz"],
  [true, person("ursula"), "get", "/anything/at/all"],
  [false, person("ursula"), "put", "/anything"],
  [false, person("ursula"), "get", "pods", "default", "a"],
  [true, person("boss"), "frobnicate", "x.example.com:widgets/odd", "default", "a"],
  [true, person("boss"), "list", "nodes"],
  [false, person("boss"), "get", "/healthz"],
  [true, person("lara"), "delete", "secrets", "default", "a"],
  [false, person("lara"), "get", "secrets", "other", "a"],
  [false, person("lara"), "list", "nodes"],
  [false, person("lara"), "create", "namespaces"],
  [true, person("scarlett"), "update", "apps:deployments/scale", "default", "a"],
  [true, person("scarlett"), "get", "apps:replicasets/scale", "x", "a"],
  [false, person("scarlett"), "get", "apps:deployments", "default", "a"],
  [false, person("scarlett"), "get", "apps:deployments/status", "default", "a"],
  [false, person("scarlett"), "get", "replicationcontrollers/scale", "default", "a"],
  [true, person("april"), "get", "apps:deployments/status", "default", "a"],
  [true, person("april"), "get", "apps:statefulsets", "default", "a"],
  [false, person("april"), "get", "batch:jobs", "default", "a"],
  [false, person("emma"), "get", "pods", "default", "a"],
  [false, person("dan"), "get", "pods", "default", "a"],
  [false, person("greta"), "get", "pods", "default", "a"],
  [false, person("rita"), "get", "pods", "default", "a"],
  [false, person("cora"), "get", "pods", "other", "a"],
  [false, person("nobody"), "get", "pods", "default", "a"],
  [true, person("root", "system:masters"), "anything", "x:y/z", "n", "m"],
  [true, person("root", "system:masters"), "get", "/metrics"],
  [false, person("system:masters"), "get", "/metrics"],
];

describe("RBAC", () => {
  for (const [allowed, who, verb, what, namespace, name] of rows) {
    const where = namespace === undefined ? "" : ` in ${namespace}`;
    const title = `${who.name} (${who.groups.join(" ")}) ${allowed ? "may" : "may not"} ${verb} ${what}${where} ${name ?? ""}`;
    test(title.trim(), () => {
      expect(open().authorizer.authorize(attributes(who, verb, what, namespace, name)).allowed).toBe(allowed);
    });
  }
});

test("why something is allowed is said with the binding, the role and the subject", () => {
  const { authorizer } = open();
  const why = (who: UserInfo, verb: string, what: string, namespace: string) =>
    authorizer.authorize(attributes(who, verb, what, namespace)).reason;
  expect(why(jane, "list", "pods", "default")).toBe(
    'RBAC: allowed by RoleBinding "read-pods/default" of Role "pod-reader" to User "jane"',
  );
  expect(why(person("m", "manager"), "list", "secrets", "")).toBe(
    'RBAC: allowed by ClusterRoleBinding "read-secrets-global" of ClusterRole "secret-reader" to Group "manager"',
  );
  expect(why(robot("ci", "runner"), "list", "pods", "default")).toBe(
    'RBAC: allowed by RoleBinding "jobs/default" of ClusterRole "jobs-and-pods" to ServiceAccount "runner/ci"',
  );
  expect(why(person("greta"), "list", "pods", "default")).toBe(
    'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found',
  );
});

test("what is granted and taken away while the server runs counts at once", async () => {
  const { storage, authorizer } = open();
  const ask = () => authorizer.authorize(attributes(person("new"), "get", "pods", "default", "a")).allowed;
  expect(ask()).toBe(false);
  storage.put(binding("later", "Role pod-reader", [user("new")], "default"));
  await storage.delivered();
  expect(ask()).toBe(true);
  storage.put(role("pod-reader", [], "default"));
  await storage.delivered();
  expect(ask()).toBe(false);
  storage.put(role("pod-reader", [["core", "pods", "get"]], "default"));
  await storage.delivered();
  expect(ask()).toBe(true);
  storage.remove(`rbac.authorization.k8s.io/rolebindings`, "default", "later");
  await storage.delivered();
  expect(ask()).toBe(false);
});

test("a watch that fell behind is begun again, and everything read again", async () => {
  const { storage, authorizer } = open();
  const ask = () => authorizer.authorize(attributes(person("new"), "get", "pods", "default", "a")).allowed;
  expect(ask()).toBe(false);
  storage.put(binding("later", "Role pod-reader", [user("new")], "default"), { quietly: true });
  storage.expire();
  await storage.delivered();
  expect(ask()).toBe(true);
});

test("the rules of a user are those of all his bindings there", () => {
  const { authorizer } = open();
  expect(authorizer.rulesFor(jane, "default").resourceRules).toEqual([
    { verbs: ["get", "watch", "list"], apiGroups: [""], resources: ["pods"] },
  ]);
  expect(authorizer.rulesFor(jane, "other").resourceRules).toEqual([]);
  expect(authorizer.rulesFor(person("ursula"), "x").nonResourceRules).toEqual([
    { verbs: ["get"], nonResourceURLs: ["*"] },
  ]);
});

const refusals: readonly (readonly [string, Attributes])[] = [
  [
    'pods "a" is forbidden: User "jane" cannot delete resource "pods" in API group "" in the namespace "default"',
    attributes(jane, "delete", "pods", "default", "a"),
  ],
  [
    'pods is forbidden: User "jane" cannot list resource "pods" in API group "" at the cluster scope',
    attributes(jane, "list", "pods"),
  ],
  [
    'deployments.apps "a" is forbidden: User "jane" cannot patch resource "deployments/scale" in API group "apps" in the namespace "x"',
    attributes(jane, "patch", "apps:deployments/scale", "x", "a"),
  ],
  ['forbidden: User "system:anonymous" cannot get path "/metrics"', attributes(anonymous, "get", "/metrics")],
];
for (const [message, asked] of refusals)
  test(`the refusal says: ${message}`, () => {
    expect(refusal(asked, "").status).toMatchObject({ message, code: 403, reason: "Forbidden" });
    expect(refusal(asked, "because").message).toBe(`${message}: because`);
  });

test("while a watch is broken, what was taken away is not remembered", async () => {
  const { storage, authorizer } = open();
  const ask = () => authorizer.authorize(attributes(jane, "get", "pods", "default", "a")).allowed;
  expect(ask()).toBe(true);
  storage.remove("rbac.authorization.k8s.io/rolebindings", "default", "read-pods", { quietly: true });
  storage.fail();
  await storage.delivered();
  expect(ask()).toBe(false);
});
