/** Whoever has few rights gets no more, whatever is asked and in which form. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { openCluster, type Cluster } from "../_server.ts";
import { type Client, clientOf, nobody, person } from "./_client.ts";

let cluster: Cluster;
let admin: Client;
/** Has the role `admin` in the namespace default, and nothing besides. */
let weak: Client;

const rbac = "/apis/rbac.authorization.k8s.io/v1";
const roles = `${rbac}/namespaces/default/roles`;
const bindings = `${rbac}/namespaces/default/rolebindings`;
const secrets = "/api/v1/namespaces/kube-system/secrets";
const ref = (kind: string, name: string) => ({ apiGroup: "rbac.authorization.k8s.io", kind, name });
const binding = (name: string, role: string) => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "RoleBinding",
  metadata: { name },
  roleRef: ref("ClusterRole", role),
  subjects: [ref("User", "weak")],
});

beforeAll(async () => {
  cluster = await openCluster({ controllers: true });
  admin = clientOf(cluster, await person(cluster, "admin", "system:masters"));
  weak = clientOf(cluster, await person(cluster, "weak"));
  const given = await admin.send("POST", bindings, { body: JSON.stringify(binding("weak", "admin")) });
  expect(given.code, given.text).toBe(201);
  // The role is put together from others, and counts a moment after it is.
  while ((await weak.send("GET", roles)).code !== 200);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const everything = [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }];
const role = (name: string, rules: readonly object[]) =>
  JSON.stringify({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { name },
    rules,
  });
const apply = "application/apply-patch+yaml";

test("nobody writes a role of more than he has: made, changed, patched or applied", async () => {
  expect((await weak.send("POST", roles, { body: role("all", everything) })).code).toBe(403);
  expect((await weak.send("POST", roles, { body: role("mine", []) })).code).toBe(201);
  const mine = `${roles}/mine`;
  expect((await weak.send("PUT", mine, { body: role("mine", everything) })).code).toBe(403);
  for (const [type, body] of [
    ["application/merge-patch+json", JSON.stringify({ rules: everything })],
    ["application/strategic-merge-patch+json", JSON.stringify({ rules: everything })],
    ["application/json-patch+json", JSON.stringify([{ op: "add", path: "/rules", value: everything }])],
  ] as const)
    expect((await weak.send("PATCH", mine, { body, type })).code, type).toBe(403);
  for (const name of ["mine", "new"]) {
    const path = `${roles}/${name}?fieldManager=me&force=true`;
    expect((await weak.send("PATCH", path, { body: role(name, everything), type: apply })).code).toBe(403);
  }
  expect((await admin.send("GET", `${roles}/new`)).code).toBe(404);
});

test("nobody binds a role that is more than he has", async () => {
  const body = JSON.stringify(binding("up", "cluster-admin"));
  expect((await weak.send("POST", bindings, { body })).code).toBe(403);
  const path = `${bindings}/up?fieldManager=me`;
  expect((await weak.send("PATCH", path, { body, type: apply })).code).toBe(403);
  expect((await weak.send("POST", `${rbac}/clusterrolebindings`, { body: "{}" })).code).toBe(403);
});

test("rules whose combinations are beyond counting are refused, not counted", async () => {
  const list = (letter: string) => Array.from({ length: 300 }, (_, at) => `${letter}${at}`);
  const huge = [{ verbs: list("v"), apiGroups: list("g"), resources: list("r"), resourceNames: list("n") }];
  const { code, text } = await weak.send("POST", roles, { body: role("huge", huge) });
  expect(code, text).toBe(403);
  // Whoever has all rights may write it, and others are served beside it.
  expect((await admin.send("POST", roles, { body: role("huge", huge) })).code).toBe(201);
  const given = { ...binding("huge", ""), roleRef: ref("Role", "huge") };
  expect((await weak.send("POST", bindings, { body: JSON.stringify(given) })).code).toBe(403);
});

const masters = { "impersonate-user": "weak", "impersonate-group": "system:masters" };
const strange = ["__proto__", "constructor", "%zz"];

test("who may not impersonate is refused, and not served as himself", async () => {
  for (const headers of [
    { "impersonate-user": "admin" },
    { "impersonate-group": "system:masters" },
    masters,
    { "impersonate-uid": "1" },
    { "impersonate-extra-a": "b" },
    { "impersonate-nonsense": "b" },
  ]) {
    const { code } = await weak.send("GET", roles, { headers });
    expect([400, 403, 500], JSON.stringify(headers)).toContain(code);
    expect((await clientOf(cluster, nobody).send("GET", secrets, { headers })).code).not.toBe(200);
  }
});

test.each(strange)("an extra of the name %s is one like others, or not well encoded", async (name) => {
  const headers = { "impersonate-user": "weak", [`impersonate-extra-${name}`]: "x" };
  expect((await admin.send("GET", roles, { headers })).code).toBe(name === "%zz" ? 400 : 200);
  expect((await weak.send("GET", roles, { headers })).code).toBe(name === "%zz" ? 400 : 403);
});

test("headers of a proxy that is not there say nothing", async () => {
  const headers = { "x-remote-user": "admin", "x-remote-group": "system:masters" };
  expect((await weak.send("GET", secrets, { headers })).code).toBe(403);
});

test("names that all objects inherit are names like others", async () => {
  const maps = "/api/v1/namespaces/default/configmaps";
  const body = `{"metadata":{"name":"odd","constructor":"x","__proto__":{"namespace":"kube-system"},"labels":{"constructor":"y"}},"data":{"__proto__":"a","toString":"b"}}`;
  const made = await weak.send("POST", maps, { body });
  expect(made.code, made.text).toBe(201);
  const patch = `{"__proto__":{"polluted":"1"},"constructor":{"prototype":{"polluted":"1"}}}`;
  for (const kind of ["merge", "strategic-merge"]) {
    const type = `application/${kind}-patch+json`;
    expect((await weak.send("PATCH", `${maps}/odd`, { body: patch, type })).code).toBe(200);
  }
  for (const path of ["/__proto__/polluted", "/constructor/prototype/polluted"]) {
    const operations = JSON.stringify([{ op: "add", path, value: "1" }]);
    const type = "application/json-patch+json";
    expect((await weak.send("PATCH", `${maps}/odd`, { body: operations, type })).code).toBe(422);
  }
  expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  const selected = await weak.send("GET", `${maps}?labelSelector=constructor%3Dy`);
  expect(JSON.parse(selected.text)).toMatchObject({
    items: [{ metadata: { name: "odd", namespace: "default" } }],
  });
});
