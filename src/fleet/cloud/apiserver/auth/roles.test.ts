import { afterEach, describe, expect, test } from "bun:test";
import { KubeError, type KubeObject } from "../../../../spec/kubernetes/kube.ts";
import type { UserInfo } from "./auth.ts";
import { openAuthorizer, type RoleAuthorizer } from "./authorizer.ts";
import { MemoryClient, MemoryStorage } from "./memory.fake.ts";
import { aggregated, keepAggregated } from "./rbac/aggregate.ts";
import { bootstrapRoles } from "./rbac/bootstrap.ts";
import { missingOf } from "./rbac/cover.ts";
import { checkRoleWrite } from "./rbac/escalation.ts";
import type { PolicyRule } from "./rbac/rules.ts";

const rbac = "rbac.authorization.k8s.io";
const roleId = { group: rbac, version: "v1", resource: "clusterroles" };
const bindingId = { group: rbac, version: "v1", resource: "clusterrolebindings" };

let opened: RoleAuthorizer | undefined;
afterEach(async () => {
  await opened?.[Symbol.asyncDispose]();
  opened = undefined;
});

async function open(): Promise<{ storage: MemoryStorage; client: MemoryClient; authorizer: RoleAuthorizer }> {
  const storage = new MemoryStorage();
  const client = new MemoryClient(storage);
  await bootstrapRoles(client);
  opened = openAuthorizer({ storage });
  return { storage, client, authorizer: opened };
}

const person = (name: string, ...groups: string[]): UserInfo => ({
  name,
  groups: [...groups, "system:authenticated"],
});

function bind(name: string, role: string, who: string, namespace?: string): KubeObject {
  return {
    apiVersion: `${rbac}/v1`,
    kind: namespace === undefined ? "ClusterRoleBinding" : "RoleBinding",
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    roleRef: { apiGroup: rbac, kind: "ClusterRole", name: role },
    subjects: [{ apiGroup: rbac, kind: "User", name: who }],
  };
}

const asked = (verb: string, what: string, namespace?: string) => {
  const [resource = "", subresource] = what.split(":").at(-1)?.split("/") ?? [];
  return {
    verb,
    resource: {
      group: what.includes(":") ? (what.split(":")[0] ?? "") : "",
      version: "v1",
      resource,
      ...(subresource === undefined ? {} : { subresource }),
      ...(namespace === undefined ? {} : { namespace }),
      name: "a",
    },
  };
};

const levels: readonly (readonly [
  verb: string,
  what: string,
  view: boolean,
  edit: boolean,
  admin: boolean,
])[] = [
  ["get", "pods", true, true, true],
  ["get", "pods/log", true, true, true],
  ["list", "apps:deployments", true, true, true],
  ["watch", "batch:jobs", true, true, true],
  ["get", "configmaps", true, true, true],
  ["get", "secrets", false, true, true],
  ["create", "pods", false, true, true],
  ["create", "pods/exec", false, true, true],
  ["create", "pods/eviction", false, true, true],
  ["patch", "apps:deployments/scale", false, true, true],
  ["create", "serviceaccounts/token", false, true, true],
  ["deletecollection", "batch:jobs", false, true, true],
  ["create", `${rbac}:rolebindings`, false, false, true],
  ["get", `${rbac}:roles`, false, false, true],
  ["create", `authorization.k8s.io:localsubjectaccessreviews`, false, false, true],
  ["delete", "namespaces", false, false, false],
  ["get", "nodes", false, false, false],
  ["create", "resourcequotas", false, false, false],
  ["update", "pods/status", false, false, false],
];

describe("the roles for people", () => {
  for (const [verb, what, ...wanted] of levels)
    test(`${verb} ${what}: view ${wanted[0]}, edit ${wanted[1]}, admin ${wanted[2]}`, async () => {
      const { storage, authorizer } = await open();
      const found = ["view", "edit", "admin"].map((role) => {
        storage.put(bind(role, role, role, "default"));
        return role;
      });
      await storage.delivered();
      const may = found.map(
        (name) => authorizer.authorize({ user: person(name), ...asked(verb, what, "default") }).allowed,
      );
      expect(may).toEqual(wanted);
    });
});

const groups: readonly (readonly [boolean, UserInfo, verb: string, path: string])[] = [
  [true, person("any"), "get", "/api"],
  [true, person("any"), "get", "/apis/apps/v1"],
  [true, person("any"), "get", "/openapi/v3"],
  [true, { name: "system:anonymous", groups: ["system:unauthenticated"] }, "get", "/version"],
  [true, { name: "system:anonymous", groups: ["system:unauthenticated"] }, "get", "/readyz"],
  [false, { name: "system:anonymous", groups: ["system:unauthenticated"] }, "get", "/api"],
  [false, person("any"), "get", "/metrics"],
  [true, person("prometheus", "system:monitoring"), "get", "/metrics"],
  [true, person("a", "system:serviceaccounts"), "get", "/openid/v1/jwks"],
  [false, person("any"), "get", "/openid/v1/jwks"],
  [true, person("root", "sampan:cluster-admins"), "delete", "/anything"],
];
for (const [allowed, user, verb, path] of groups)
  test(`${user.name} ${user.groups.join(" ")} ${allowed ? "may" : "may not"} ${verb} ${path}`, async () => {
    expect((await open()).authorizer.authorize({ user, verb, path }).allowed).toBe(allowed);
  });

test("everybody may ask what he may, and our administrators may everything", async () => {
  const { authorizer } = await open();
  const self = asked("create", "authorization.k8s.io:selfsubjectaccessreviews");
  expect(authorizer.authorize({ user: person("any"), ...self }).allowed).toBe(true);
  const admin = person("kubernetes-admin", "sampan:cluster-admins");
  expect(authorizer.authorize({ user: admin, ...asked("delete", "nodes") }).allowed).toBe(true);
});

test("a second start writes nothing", async () => {
  const { client } = await open();
  client.writes = 0;
  await bootstrapRoles(client);
  expect(client.writes).toBe(0);
});

test("a start adds what is missing, keeps what was added, and leaves alone what says so", async () => {
  const { client } = await open();
  const extra = { verbs: ["get"], apiGroups: ["x"], resources: ["y"] };
  const basic = await client.get(roleId, { name: "system:basic-user" });
  const before = basic["rules"] as PolicyRule[];
  await client.update(roleId, { ...basic, rules: [extra, before[1]] });
  const node = await client.get(roleId, { name: "system:kube-dns" });
  const left = {
    ...node,
    rules: [],
    metadata: {
      ...node.metadata,
      annotations: { [`${"rbac.authorization.kubernetes.io"}/autoupdate`]: "false" },
    },
  };
  await client.update(roleId, left);
  await client.delete(roleId, { name: "view" });
  await bootstrapRoles(client);
  const after = (await client.get(roleId, { name: "system:basic-user" }))["rules"] as PolicyRule[];
  expect(after[0]).toEqual(extra);
  expect(missingOf(after, before)).toEqual([]);
  expect((await client.get(roleId, { name: "system:kube-dns" }))["rules"]).toEqual([]);
  expect(((await client.get(roleId, { name: "view" }))["rules"] as unknown[]).length).toBeGreaterThan(5);
});

test("a default binding gets its subjects back, keeps others, and is made anew when it binds something else", async () => {
  const { client } = await open();
  const discovery = await client.get(bindingId, { name: "system:discovery" });
  const mine = { apiGroup: rbac, kind: "User", name: "me" };
  await client.update(bindingId, { ...discovery, subjects: [mine] });
  await client.update(bindingId, {
    ...(await client.get(bindingId, { name: "system:basic-user" })),
    roleRef: { apiGroup: rbac, kind: "ClusterRole", name: "cluster-admin" },
  });
  await bootstrapRoles(client);
  const subjects = (await client.get(bindingId, { name: "system:discovery" }))["subjects"] as {
    name: string;
  }[];
  expect(subjects.map(({ name }) => name)).toEqual(["me", "system:authenticated"]);
  expect((await client.get(bindingId, { name: "system:basic-user" }))["roleRef"]).toMatchObject({
    name: "system:basic-user",
  });
});

const labelled = (name: string, labels: Record<string, string>, resource: string): KubeObject => ({
  apiVersion: `${rbac}/v1`,
  kind: "ClusterRole",
  metadata: { name, labels },
  rules: [{ verbs: ["get"], apiGroups: ["example.com"], resources: [resource] }],
});

test("a role that is labelled for it becomes part of an aggregated one, while the server runs", async () => {
  const { client, storage, authorizer } = await open();
  await using _ = keepAggregated(client, () => {});
  storage.put(bind("v", "view", "vera", "default"));
  await storage.delivered();
  await client.create(roleId, labelled("widgets-view", { [`${rbac}/aggregate-to-view`]: "true" }, "widgets"));
  const may = () =>
    authorizer.authorize({ user: person("vera"), ...asked("get", "example.com:widgets", "default") }).allowed;
  while (!may()) await storage.delivered();
  await client.update(roleId, labelled("widgets-view", {}, "widgets"));
  while (may()) await storage.delivered();
  expect(may()).toBe(false);
});

test("aggregation takes every selector, each rule once, and never the role itself", () => {
  const roles: KubeObject[] = [
    labelled("b", { team: "x" }, "bs"),
    labelled("a", { team: "y" }, "as"),
    labelled("a2", { team: "y" }, "as"),
    labelled("c", { team: "z" }, "cs"),
    {
      ...labelled("sum", { team: "x" }, "old"),
      aggregationRule: {
        clusterRoleSelectors: [
          { matchLabels: { team: "x" } },
          { matchExpressions: [{ key: "team", operator: "In", values: ["y"] }] },
        ],
      },
    },
  ];
  const [sum, ...rest] = aggregated(roles);
  expect(rest).toEqual([]);
  const rules = (sum?.["rules"] ?? []) as PolicyRule[];
  expect(rules.map(({ resources }) => resources)).toEqual([["as"], ["bs"]]);
});

const rule = (apiGroups: string, resources: string, verbs: string, resourceNames?: string): PolicyRule => ({
  verbs: verbs.split(" "),
  apiGroups: apiGroups.split(",").map((each) => each.trim()),
  resources: resources.split(" "),
  ...(resourceNames === undefined ? {} : { resourceNames: resourceNames.split(" ") }),
});

const covers: readonly (readonly [string, PolicyRule[], PolicyRule, PolicyRule[]])[] = [
  ["the same", [rule("", "pods", "get")], rule("", "pods", "get"), []],
  ["all verbs", [rule("", "pods", "*")], rule("", "pods", "get list"), []],
  [
    "a star is more than a list",
    [rule("", "pods", "get list watch")],
    rule("", "pods", "*"),
    [rule("", "pods", "*")],
  ],
  ["all resources", [rule("*", "*", "get")], rule("apps", "deployments/scale", "get"), []],
  [
    "two rules together",
    [rule("", "pods", "get"), rule("", "pods", "list")],
    rule("", "pods", "get list"),
    [],
  ],
  ["a name of many", [rule("", "secrets", "get", "a b")], rule("", "secrets", "get", "a"), []],
  [
    "all names",
    [rule("", "secrets", "get", "a b")],
    rule("", "secrets", "get"),
    [rule("", "secrets", "get")],
  ],
  [
    "another group",
    [rule("apps", "deployments", "get")],
    rule("", "deployments", "get"),
    [rule("", "deployments", "get")],
  ],
  [
    "a subresource is not of the resource",
    [rule("", "pods", "get")],
    rule("", "pods/log", "get"),
    [rule("", "pods/log", "get")],
  ],
  ["a subresource of all", [rule("apps", "*/scale", "get")], rule("apps", "deployments/scale", "get"), []],
  [
    "what is missing alone",
    [rule("", "pods", "get")],
    rule("", "pods secrets", "get list"),
    [rule("", "secrets", "get list"), rule("", "pods", "list")],
  ],
  [
    "no more than a path",
    [{ verbs: ["get"], nonResourceURLs: ["/a/*"] }],
    { verbs: ["get"], nonResourceURLs: ["/a/b", "/b"] },
    [{ verbs: ["get"], nonResourceURLs: ["/b"] }],
  ],
];
for (const [name, held, wanted, missing] of covers)
  test(`who holds rules lacks of others: ${name}`, () => {
    const found = missingOf(held, [wanted]);
    expect(found).toHaveLength(missing.length);
    for (const each of missing) expect(found).toContainEqual(each);
  });

const newRole = (rules: readonly PolicyRule[], name = "r"): KubeObject => ({
  apiVersion: `${rbac}/v1`,
  kind: "Role",
  metadata: { name, namespace: "default" },
  rules,
});

async function withEditor() {
  const all = await open();
  all.storage.put(bind("e", "edit", "eve", "default"));
  all.storage.put(bind("a", "admin", "ada", "default"));
  await all.storage.delivered();
  return all;
}

test("nobody writes a role with more than he has", async () => {
  const { authorizer } = await withEditor();
  const user = person("ada");
  const write = (rules: readonly PolicyRule[]) => () =>
    checkRoleWrite(authorizer, { kind: "Role", user, object: newRole(rules) });
  expect(write([rule("", "pods", "get list")])).not.toThrow();
  expect(write([rule("", "nodes", "get list"), rule("", "pods", "get")])).toThrow(
    'roles.rbac.authorization.k8s.io "r" is forbidden: user "ada" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["nodes"], Verbs:["get" "list"]}',
  );
  expect(write([rule("*", "*", "*")])).toThrow(KubeError);
});

test("who may escalate may, an unchanged role may be written, and masters may everything", async () => {
  const { authorizer, storage } = await withEditor();
  const object = newRole([rule("", "nodes", "get")]);
  const check = (user: UserInfo, old?: KubeObject) => () =>
    checkRoleWrite(authorizer, { kind: "Role", user, object, ...(old ? { old } : {}) });
  expect(check(person("ada"), structuredClone(object))).not.toThrow();
  expect(check(person("x", "system:masters"))).not.toThrow();
  expect(check(person("ed"))).toThrow(KubeError);
  storage.put({
    apiVersion: `${rbac}/v1`,
    kind: "ClusterRole",
    metadata: { name: "esc" },
    rules: [rule(rbac, "roles", "escalate")],
  });
  storage.put(bind("esc", "esc", "ed", "default"));
  await storage.delivered();
  expect(check(person("ed"))).not.toThrow();
});

test("nobody binds a role with more than he has, but who may bind it", async () => {
  const { authorizer, storage } = await withEditor();
  const check = (user: UserInfo, role: string) => () =>
    checkRoleWrite(authorizer, { kind: "RoleBinding", user, object: bind("b", role, "friend", "default") });
  expect(check(person("ada"), "edit")).not.toThrow();
  expect(check(person("ada"), "admin")).not.toThrow();
  expect(check(person("ada"), "cluster-admin")).toThrow(
    "is attempting to grant RBAC permissions not currently held",
  );
  expect(check(person("ada"), "nothing")).toThrow(
    'clusterrole.rbac.authorization.k8s.io "nothing" not found',
  );
  storage.put({
    apiVersion: `${rbac}/v1`,
    kind: "ClusterRole",
    metadata: { name: "binder" },
    rules: [rule(rbac, "clusterroles", "bind", "cluster-admin")],
  });
  storage.put(bind("binder", "binder", "bea", "default"));
  await storage.delivered();
  expect(check(person("bea"), "cluster-admin")).not.toThrow();
  expect(check(person("bea"), "edit")).toThrow(KubeError);
});

test("an aggregated role is for who may everything", async () => {
  const { authorizer } = await withEditor();
  const object = {
    ...newRole([], "sum"),
    kind: "ClusterRole",
    metadata: { name: "sum" },
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: "b" } }] },
  };
  const check = (user: UserInfo) => () => checkRoleWrite(authorizer, { kind: "ClusterRole", user, object });
  expect(check(person("ada"))).toThrow("must have cluster-admin privileges to use an aggregationRule");
  expect(check(person("root", "sampan:cluster-admins"))).not.toThrow();
});
