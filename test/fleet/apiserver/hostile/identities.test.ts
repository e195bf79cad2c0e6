/** Whoever says that he is somebody else is nobody, and a node is itself alone. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { openCluster, type Cluster } from "../_server.ts";
import { type Client, clientOf, person } from "./_client.ts";

let cluster: Cluster;
let admin: Client;
let node: Client;

const core = "/api/v1/namespaces/default";
const post = async (path: string, object: object) => {
  const { code, text } = await admin.send("POST", path, { body: JSON.stringify(object) });
  expect([200, 201], text).toContain(code);
  return JSON.parse(text);
};
const container = { name: "a", image: "a" };
const pod = (name: string, nodeName: string, secret: string) => ({
  metadata: { name },
  spec: {
    nodeName,
    containers: [container],
    volumes: [{ name: "s", secret: { secretName: secret } }],
  },
});

beforeAll(async () => {
  cluster = await openCluster({ controllers: false });
  admin = clientOf(cluster, await person(cluster, "admin", "system:masters"));
  node = clientOf(cluster, await person(cluster, "system:node:a", "system:nodes"));
  await post(`${core}/serviceaccounts`, { metadata: { name: "default" } });
  for (const name of ["a", "b"]) {
    await post("/api/v1/nodes", { metadata: { name } });
    await post(`${core}/secrets`, { metadata: { name: `of-${name}` } });
    await post(`${core}/pods`, pod(`on-${name}`, name, `of-${name}`));
    await post("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases", { metadata: { name } });
  }
  // What it may is known a moment after the pod is.
  while ((await node.send("GET", `${core}/secrets/of-a`)).code !== 200);
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const tokenOf = async (account: string, spec: object = {}): Promise<string> =>
  (await post(`${core}/serviceaccounts/${account}/token`, { spec })).status.token;
const whoami = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
const codeOf = async (token: string): Promise<number> =>
  (await clientOf(cluster, { token }).send("POST", whoami, { body: "{}" })).code;
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

describe("a token", () => {
  test("ends with its account, and is not that of the next one of the name", async () => {
    await post(`${core}/serviceaccounts`, { metadata: { name: "gone" } });
    const token = await tokenOf("gone");
    expect(await codeOf(token)).toBe(201);
    await admin.send("DELETE", `${core}/serviceaccounts/gone`);
    expect(await codeOf(token)).toBe(401);
    await post(`${core}/serviceaccounts`, { metadata: { name: "gone" } });
    expect(await codeOf(token)).toBe(401);
  });

  test.each([
    ["Pod", "pods", pod("bound", "", "of-a")],
    ["Secret", "secrets", { metadata: { name: "bound" } }],
  ])("ends with the %s that it is bound to", async (kind, resource, object) => {
    await post(`${core}/${resource}`, object);
    const token = await tokenOf("default", { boundObjectRef: { apiVersion: "v1", kind, name: "bound" } });
    expect(await codeOf(token)).toBe(201);
    await admin.send("DELETE", `${core}/${resource}/bound`);
    expect(await codeOf(token)).toBe(401);
    await post(`${core}/${resource}`, object);
    expect(await codeOf(token)).toBe(401);
  });

  test("for others is none here", async () => {
    expect(await codeOf(await tokenOf("default", { audiences: ["https://others"] }))).toBe(401);
  });

  test("that we did not sign is none, whatever its header says", async () => {
    const good = await tokenOf("default");
    expect(await codeOf(good)).toBe(201);
    const [head = "", claims = "", signature = ""] = good.split(".");
    const masters = { ...JSON.parse(Buffer.from(claims, "base64url").toString()), sub: "system:admin" };
    const { keys } = JSON.parse((await admin.send("GET", "/openid/v1/jwks")).text);
    const hs256 = `${encode({ alg: "HS256", typ: "JWT" })}.${claims}`;
    const hmac = (key: string) => createHmac("sha256", key).update(hs256).digest("base64url");
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const own = `${encode({ alg: "ES256", jwk: publicKey.export({ format: "jwk" }) })}.${claims}`;
    const signed = sign("sha256", Buffer.from(own), { key: privateKey, dsaEncoding: "ieee-p1363" });
    const forged = {
      "alg none": `${encode({ alg: "none" })}.${claims}.`,
      "alg none, signed": `${encode({ alg: "none" })}.${claims}.${signature}`,
      "HS256 with the public key": `${hs256}.${hmac(JSON.stringify(keys[0]))}`,
      "HS256 with nothing": `${hs256}.${hmac("")}`,
      "other claims": `${head}.${encode(masters)}.${signature}`,
      "a signature of zeros": `${head}.${claims}.${Buffer.alloc(64).toString("base64url")}`,
      "no signature": `${head}.${claims}.`,
      "a key of its own": `${own}.${signed.toString("base64url")}`,
      "two parts": `${head}.${claims}`,
      nothing: "x",
    };
    for (const [name, token] of Object.entries(forged)) expect(await codeOf(token), name).toBe(401);
  });

  test("of a service account asks for no other one's", async () => {
    const client = clientOf(cluster, { token: await tokenOf("default") });
    const body = JSON.stringify({ spec: {} });
    expect((await client.send("POST", `${core}/serviceaccounts/default/token`, { body })).code).toBe(403);
  });
});

const patch = "application/merge-patch+json";
const leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
const csrs = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const token = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest" };
const ofPod = (name: string) => ({ boundObjectRef: { apiVersion: "v1", kind: "Pod", name } });
const forbidden: readonly (readonly [string, string, string, object?])[] = [
  ["reads the secret of another", "GET", `${core}/secrets/of-b`],
  ["lists secrets", "GET", `${core}/secrets`],
  ["watches secrets", "GET", `${core}/secrets?watch=true`],
  [
    "lists secrets of a name that it may read, and one more",
    "GET",
    "/api/v1/secrets?fieldSelector=metadata.name%3Dof-b",
  ],
  ["reads the pod of another", "GET", `${core}/pods/on-b`],
  ["lists all pods", "GET", "/api/v1/pods"],
  ["lists pods of another", "GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Db"],
  ["lists all pods but its own", "GET", "/api/v1/pods?fieldSelector=spec.nodeName!%3Da"],
  ["deletes all its pods at once", "DELETE", `${core}/pods?fieldSelector=spec.nodeName%3Da`],
  ["deletes the pod of another", "DELETE", `${core}/pods/on-b`],
  ["evicts the pod of another", "POST", `${core}/pods/on-b/eviction`, { metadata: { name: "on-b" } }],
  ["changes its own pod", "PATCH", `${core}/pods/on-a`, { metadata: { labels: { a: "b" } } }],
  ["labels its pod by the status", "PATCH", `${core}/pods/on-a/status`, { metadata: { labels: { a: "b" } } }],
  [
    "changes the status of another's pod",
    "PATCH",
    `${core}/pods/on-b/status`,
    { status: { phase: "Failed" } },
  ],
  ["binds a pod", "POST", `${core}/pods/on-b/binding`, { metadata: { name: "on-b" }, target: { name: "a" } }],
  ["adds containers to its pod", "PATCH", `${core}/pods/on-a/ephemeralcontainers`, { spec: {} }],
  ["runs something in its pod", "POST", `${core}/pods/on-a/exec?command=a`],
  ["makes a pod", "POST", `${core}/pods`, pod("new", "a", "of-b")],
  [
    "makes a static pod with a secret",
    "POST",
    `${core}/pods`,
    {
      ...pod("new", "a", "of-b"),
      metadata: { name: "new", annotations: { "kubernetes.io/config.mirror": "a" } },
    },
  ],
  ["changes another node", "PATCH", "/api/v1/nodes/b", { metadata: { labels: { a: "b" } } }],
  ["changes the status of another node", "PATCH", "/api/v1/nodes/b/status", { status: {} }],
  ["makes another node", "POST", "/api/v1/nodes", { metadata: { name: "c" } }],
  ["deletes its node", "DELETE", "/api/v1/nodes/a"],
  [
    "labels itself for trust",
    "PATCH",
    "/api/v1/nodes/a",
    { metadata: { labels: { "node-restriction.kubernetes.io/a": "b" } } },
  ],
  [
    "labels itself for trust by the status",
    "PATCH",
    "/api/v1/nodes/a/status",
    { metadata: { labels: { "a.node-restriction.kubernetes.io/a": "b" } } },
  ],
  [
    "takes its taints away",
    "PATCH",
    "/api/v1/nodes/a",
    { spec: { taints: [{ key: "a", effect: "NoSchedule" }] } },
  ],
  ["changes the lease of another", "PATCH", `${leases}/b`, { spec: { holderIdentity: "a" } }],
  ["makes a lease of another name", "POST", leases, { metadata: { name: "c" } }],
  [
    "makes a lease elsewhere",
    "POST",
    leases.replace("kube-node-lease", "default"),
    { metadata: { name: "a" } },
  ],
  [
    "takes a token for another's pod",
    "POST",
    `${core}/serviceaccounts/default/token`,
    { ...token, spec: ofPod("on-b") },
  ],
  ["takes a token for no pod", "POST", `${core}/serviceaccounts/default/token`, { ...token, spec: {} }],
  [
    "takes a token for its node",
    "POST",
    `${core}/serviceaccounts/default/token`,
    { ...token, spec: { boundObjectRef: { apiVersion: "v1", kind: "Node", name: "a" } } },
  ],
  ["lists certificate requests", "GET", csrs],
  ["changes a role", "POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", { metadata: { name: "x" } }],
];

test.each(forbidden)("a node never %s", async (_name, method, path, ...[object]) => {
  const type = method === "PATCH" ? { type: patch } : {};
  const sending = object ? { body: JSON.stringify(object), ...type } : {};
  const { code, text } = await node.send(method, path, sending);
  expect(code, text).toBe(403);
});

test("a node has what is its own", async () => {
  for (const path of [
    `${core}/pods/on-a`,
    `${leases}/a`,
    "/api/v1/nodes/a",
    "/api/v1/pods?fieldSelector=spec.nodeName%3Da",
  ])
    expect((await node.send("GET", path)).code, path).toBe(200);
  const body = JSON.stringify({ ...token, spec: ofPod("on-a") });
  const made = await node.send("POST", `${core}/serviceaccounts/default/token`, { body });
  expect(made.code, made.text).toBe(201);
});

test.each(["system:node:", "system:node:a"])("%s without the group of nodes is no node", async (name) => {
  const client = clientOf(cluster, await person(cluster, name));
  expect((await client.send("GET", `${core}/secrets/of-a`)).code).toBe(403);
});
