import { afterAll, beforeAll, expect, test } from "bun:test";
import { installCrds } from "../../../src/fleet/cloud/crds/install.ts";
import { startDynamicController } from "../../../src/fleet/cloud/dynamiccontroller/start.ts";
import { startEdgeController } from "../../../src/fleet/cloud/edgecontroller/start.ts";
import { ids } from "../../../src/fleet/cloud/edgecontroller/ids.ts";
import { message, type Envelope } from "../../../src/fleet/link/envelope.ts";
import { applicationId, response, type Application } from "../../../src/fleet/link/kinds/application.ts";
import { captured } from "../link/_messages.ts";
import { openTestCloud, type TestCloud } from "../edgecontroller/_cloud.ts";

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await openTestCloud([startEdgeController, startDynamicController], installCrds);
  for (const name of ["cm1", "cm2"])
    await cloud.create(ids.configMaps, {
      kind: "ConfigMap",
      metadata: { name, namespace: "default" },
      data: { k: name },
    });
  for (const name of ["mine", "yours"])
    await cloud.create(ids.secrets, { kind: "Secret", metadata: { name, namespace: "default" } });
  await cloud.join("edge1");
  await cloud.join("edge2");
  await cloud.run("edge1", "p1", {
    volumes: [
      { name: "c", configMap: { name: "cm1" } },
      { name: "s", secret: { secretName: "mine" } },
    ],
  });
  await cloud.run("edge2", "p2", { volumes: [{ name: "s", secret: { secretName: "yours" } }] });
});
afterAll(() => cloud[Symbol.asyncDispose]());

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

interface Asking {
  readonly option?: unknown;
  readonly body?: unknown;
  readonly subresource?: string;
  readonly node?: string;
}

function application(verb: Application["Verb"], key: string, asking: Asking = {}): Application {
  const { option = {}, body, subresource = "", node = "edge1" } = asking;
  const what = {
    Nodename: node,
    Key: key,
    Verb: verb,
    Option: bytes(option),
    ReqBody: body === undefined ? null : bytes(body),
    Subresource: subresource,
  };
  return {
    ID: applicationId(what),
    ...what,
    RespBody: null,
    Status: "InApplying",
    Reason: "",
    Error: { ErrStatus: { metadata: {} } },
    Timestamp: "0001-01-01T00:00:00Z",
  };
}

async function ask(node: string, asked: Envelope): Promise<Application> {
  await cloud.hub.say(node, asked);
  const { content } = await cloud.hub.untilSent(node, ({ parent }) => parent === asked.id);
  return response.parse(content);
}

async function call(verb: Application["Verb"], key: string, asking: Asking = {}): Promise<Application> {
  const content = response.build(application(verb, key, asking));
  const route = { source: "metaserver", group: "dynamiccontroller", operation: "null", resource: "null" };
  return await ask(asking.node ?? "edge1", message(route, content));
}

const bodyOf = ({ RespBody }: Application): unknown =>
  RespBody === null ? undefined : JSON.parse(new TextDecoder().decode(RespBody));
const namesOf = (list: Application): unknown =>
  (bodyOf(list) as { items: { metadata: { name: string } }[] }).items.map(({ metadata }) => metadata.name);

test("a captured request is answered as KubeEdge answers it", async () => {
  const asked = captured.find(({ title }) => title.startsWith("up metaserver dynamiccontroller null null"));
  if (!asked) throw new Error("no captured request");
  const { content, ...approved } = await ask("edge1", asked.envelope).then((each) => ({
    ...each,
    content: bodyOf(each),
  }));
  expect(content).toMatchObject({ kind: "ConfigMap", apiVersion: "v1", data: { k: "cm1" } });
  expect(approved).toMatchObject({ Status: "Approved", Key: "/core/v1/configmaps/default/cm1", Reason: "" });
  const [sent] = cloud.hub.sent("edge1").filter(({ parent }) => parent === asked.envelope.id);
  expect(sent?.route).toEqual({
    source: "dynamiccontroller",
    group: "resource",
    operation: "applicationResponse",
    resource: "ignore/Application/ignore",
  });
});

const secretsOf = "/core/v1/secrets/default";
const own = { metadata: { name: "cm1", namespace: "default" }, kind: "ConfigMap", apiVersion: "v1" };

const refused: readonly [title: string, ask: () => Promise<Application>, code: number][] = [
  ["a secret of another node's pod", () => call("get", `${secretsOf}/yours`), 403],
  ["a secret that is nobody's", () => call("get", `${secretsOf}/none`), 403],
  ["another node", () => call("get", "/core/v1/nodes/null/edge2"), 403],
  ["another node's pod", () => call("get", "/core/v1/pods/default/p2"), 403],
  ["a kind that is no node's", () => call("list", "/rbac.authorization.k8s.io/v1/roles/default/null"), 403],
  [
    "to write what its pods refer to",
    () => call("update", "/core/v1/configmaps/default/cm1", { body: own }),
    403,
  ],
  ["to make something", () => call("create", "/core/v1/configmaps/default/null", { body: own }), 403],
  ["to delete its own pod", () => call("delete", "/core/v1/pods/default/p1"), 403],
  [
    "to patch its own pod",
    () =>
      call("patch", "/core/v1/pods/default/p1", {
        option: { Name: "p1", PatchType: "application/merge-patch+json", Data: btoa('{"spec":{}}') },
      }),
    403,
  ],
  ["a name with a slash", () => call("get", `${secretsOf}/a/../yours`), 400],
  ["a name that climbs", () => call("get", `${secretsOf}/..`), 400],
  ["a kind that is not served", () => call("get", "/no.such/v1/things/default/a"), 403],
  [
    "to write more than an object has",
    () =>
      call("create", "/core/v1/configmaps/default/null", {
        body: { ...own, data: { k: "x".repeat(4 << 20) } },
      }),
    413,
  ],
  ["a path that is not passed on", () => call("get", "/version"), 404],
  ["a path to be written", () => call("create", "/version"), 404],
];

test.each(refused)("%s is refused", async (_title, asked, code) => {
  const given = await asked();
  expect(given).toMatchObject({ Status: "Rejected", RespBody: null, Error: { ErrStatus: { code } } });
  expect(given.Reason).not.toBe("");
});

test("a node lists and gets what is its own, and services of all", async () => {
  expect(namesOf(await call("list", `${secretsOf}/null`))).toEqual(["mine"]);
  expect(namesOf(await call("list", "/core/v1/pods/null/null"))).toEqual(["p1"]);
  expect(namesOf(await call("list", "/core/v1/nodes/null/null"))).toEqual(["edge1"]);
  expect(namesOf(await call("list", "/core/v1/services/default/null"))).toContain("kubernetes");
  expect(bodyOf(await call("get", `${secretsOf}/mine`))).toMatchObject({ metadata: { name: "mine" } });
  const none = bodyOf(await call("list", "/core/v1/persistentvolumeclaims/default/null"));
  expect(none).toMatchObject({ kind: "PersistentVolumeClaimList", apiVersion: "v1", items: [] });
});

test("a selector counts for what is the node's own too", async () => {
  const option = { fieldSelector: "metadata.name=other" };
  expect(namesOf(await call("list", `${secretsOf}/null`, { option }))).toEqual([]);
});

const rbac = (resource: string) => ({ group: "rbac.authorization.k8s.io", version: "v1", resource });

/** A role for the service account that the pods of the node have. */
async function grant(name: string, rules: readonly object[]): Promise<void> {
  const apiVersion = "rbac.authorization.k8s.io/v1";
  const metadata = { name, namespace: "default" };
  await cloud.create(rbac("roles"), { apiVersion, kind: "Role", metadata, rules });
  const binding = await cloud.create(rbac("rolebindings"), {
    apiVersion,
    kind: "RoleBinding",
    metadata,
    subjects: [{ kind: "ServiceAccount", name: "default", namespace: "default" }],
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
  });
  await cloud.seen(rbac("rolebindings"), binding);
}

test("what a role gives to a service account of its pods a node may, and no more", async () => {
  await grant("writer", [
    { apiGroups: [""], resources: ["configmaps"], verbs: ["create", "update", "patch", "delete", "list"] },
    { apiGroups: ["rbac.authorization.k8s.io"], resources: ["*"], verbs: ["*"] },
  ]);
  const key = "/core/v1/configmaps/default";
  const made = { kind: "ConfigMap", apiVersion: "v1", metadata: { name: "made" }, data: { a: "1" } };
  expect(bodyOf(await call("create", `${key}/null`, { body: made }))).toMatchObject({ data: { a: "1" } });
  expect(namesOf(await call("list", `${key}/null`))).toEqual(["cm1", "cm2", "made"]);
  const changed = { ...made, data: { a: "2" } };
  expect(bodyOf(await call("update", `${key}/made`, { body: changed }))).toMatchObject({ data: { a: "2" } });
  const option = {
    Name: "made",
    PatchType: "application/merge-patch+json",
    Data: btoa('{"data":{"b":"3"}}'),
    Options: {},
    Subresources: [""],
  };
  expect(bodyOf(await call("patch", `${key}/made`, { option }))).toMatchObject({ data: { a: "2", b: "3" } });
  const elsewhere = { ...made, metadata: { name: "made", namespace: "other" } };
  const wrong = await call("create", `${key}/null`, { body: elsewhere });
  expect(wrong).toMatchObject({ Status: "Rejected", Error: { ErrStatus: { code: 400 } } });
  const other = await call("create", "/core/v1/configmaps/other/null", { body: made });
  expect(other).toMatchObject({ Status: "Rejected", Error: { ErrStatus: { code: 403 } } });
  expect((await call("delete", `${key}/made`)).Status).toBe("Approved");
  const role = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata: { name: "more" },
    rules: [],
  };
  const risen = await call("create", "/rbac.authorization.k8s.io/v1/roles/default/null", { body: role });
  expect(risen).toMatchObject({ Status: "Rejected", Error: { ErrStatus: { code: 403 } } });
});

test("an answer that is too large is refused, and one by pages is not", async () => {
  const text = "x".repeat(1_000_000);
  await grant("reader", [{ apiGroups: [""], resources: ["configmaps"], verbs: ["list"] }]);
  for (let index = 0; index < 13; index++)
    await cloud.create(ids.configMaps, {
      kind: "ConfigMap",
      metadata: { name: `large-${index}`, namespace: "default", labels: { large: "yes" } },
      data: { text },
    });
  const option = { labelSelector: "large=yes" };
  const whole = await call("list", "/core/v1/configmaps/default/null", { option });
  expect(whole).toMatchObject({ Status: "Rejected", Error: { ErrStatus: { code: 413 } } });
  const page = bodyOf(
    await call("list", "/core/v1/configmaps/default/null", { option: { ...option, limit: 5 } }),
  );
  const { metadata, items } = page as { metadata: { continue?: string }; items: readonly unknown[] };
  expect([typeof metadata.continue, items.length]).toEqual(["string", 5]);
});

const devices = { group: "devices.kubeedge.io", version: "v1beta1", resource: "devices" };
const device = (name: string, nodeName: string, change: object = {}) => ({
  apiVersion: "devices.kubeedge.io/v1beta1",
  kind: "Device",
  metadata: { name, namespace: "default" },
  spec: { deviceModelRef: { name: "m" }, nodeName, ...change },
});

test("a node reads and updates its own devices, gives none away and takes none", async () => {
  for (const [name, node] of [
    ["lamp", "edge1"],
    ["pump", "edge2"],
  ] as const)
    await cloud.create(devices, device(name, node));
  const key = "/devices.kubeedge.io/v1beta1/devices/default";
  expect(namesOf(await call("list", `${key}/null`))).toEqual(["lamp"]);
  expect((await call("get", `${key}/pump`)).Error.ErrStatus.code).toBe(403);
  const changed = device("lamp", "edge1", { properties: [{ name: "on", desired: { value: "1" } }] });
  expect(bodyOf(await call("update", `${key}/lamp`, { body: changed }))).toMatchObject(changed);
  for (const [name, body] of [
    ["lamp", device("lamp", "edge2")],
    ["pump", device("pump", "edge1")],
    ["pump", device("pump", "edge2")],
  ] as const)
    expect(await call("update", `${key}/${name}`, { body })).toMatchObject({ Status: "Rejected" });
  expect(await cloud.client.get(devices, { namespace: "default", name: "pump" })).toMatchObject(
    device("pump", "edge2"),
  );
});
