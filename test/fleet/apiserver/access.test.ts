/** Who may do what, over the network: certificates, tokens, roles and nodes as a client meets them. */
import "reflect-metadata";
import { Pkcs10CertificateRequestGenerator } from "@peculiar/x509";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createPublicKey, verify } from "node:crypto";
import { join } from "node:path";
import { openAuthority } from "../../../src/fleet/cloud/apiserver/auth/authority.ts";
import { makeKeyPair } from "../../../src/fleet/cloud/apiserver/auth/pki/issue.ts";
import { type Cluster, openCluster } from "./_server.ts";

let cluster: Cluster;
beforeAll(async () => {
  cluster = await openCluster({ controllers: true });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

interface Answer {
  readonly code: number;
  readonly body: {
    readonly metadata?: { readonly name?: string; readonly uid?: string };
    readonly status?: unknown;
    readonly message?: string;
    readonly [field: string]: unknown;
  };
}

interface Credentials {
  readonly certificate?: string;
  readonly key?: string;
  readonly token?: string;
}

/** `send(admin, "POST", path, object)` */
async function send(who: Credentials, method: string, path: string, object?: object): Promise<Answer> {
  const { authority, url } = cluster.server;
  const { certificate, key, token } = who;
  const patch = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { "content-type": patch, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    ...(object === undefined ? {} : { body: JSON.stringify(object) }),
    tls: { ca: authority.ca, ...(certificate && key ? { cert: certificate, key } : {}) },
    // A connection is its certificate's.
    keepalive: false,
  });
  return { code: response.status, body: (await response.json()) as Answer["body"] };
}

const issue = async (user: string, ...groups: string[]) =>
  await cluster.server.authority.issueClient({ user, groups });
const admin = async () => await issue("root", "sampan:cluster-admins");
const nobody: Credentials = {};

const rbac = "/apis/rbac.authorization.k8s.io/v1";
const csrs = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const secrets = "/api/v1/namespaces/default/secrets";

function binding(name: string, role: string, user: string): object {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: user }],
  };
}

/** Asks again until the answer is that: what is granted counts a moment after it is written. */
async function until(code: number, ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await ask();
    if (answer.code === code) return answer;
  }
}

test("nobody in particular learns the version and little else", async () => {
  expect((await send(nobody, "GET", "/version")).code).toBe(200);
  const { code, body } = await send(nobody, "GET", secrets);
  expect([code, body.message]).toEqual([
    403,
    'secrets is forbidden: User "system:anonymous" cannot list resource "secrets" in API group "" in the namespace "default"',
  ]);
});

test("a wrong token is told so, and nothing more", async () => {
  const { code, body } = await send({ token: "a.b.c" }, "GET", "/version");
  expect([code, body["reason"]]).toEqual([401, "Unauthorized"]);
});

const whoAmI = (who: Credentials) =>
  send(who, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {
    apiVersion: "authentication.k8s.io/v1",
    kind: "SelfSubjectReview",
  });

test("a certificate's user has all its groups", async () => {
  const { body } = await whoAmI(await issue("jane, of ops", "dev", "a=b, c", "qa"));
  expect(body.status).toEqual({
    userInfo: { username: "jane, of ops", groups: ["dev", "a=b, c", "qa", "system:authenticated"] },
  });
});

test("certificates of another authority, for servers, and from before or after their time are nobody's", async () => {
  const { authority } = cluster.server;
  const stranger = await openAuthority({ folder: join(cluster.folder, "stranger") });
  const own = await makeKeyPair();
  const hour = 3_600_000;
  const make = async (from: number, until: number) => ({
    key: own.key,
    certificate: await authority.sign({
      subject: { commonName: "root", organizations: ["system:masters"] },
      publicKey: own.publicKey,
      validity: { from: Date.now() + from, until: Date.now() + until },
      usages: ["client"],
    }),
  });
  expect((await whoAmI(await make(-1000, hour))).code).toBe(201);
  for (const wrong of [
    await stranger.issueClient({ user: "root", groups: ["system:masters"] }),
    await authority.server(),
    await make(hour, 2 * hour),
    await make(-hour, -60_000),
  ])
    expect((await whoAmI(wrong)).code).toBe(401);
});

test("a role that is bound counts, and ends with its binding", async () => {
  const [root, jane] = [await admin(), await issue("jane")];
  const ask = () => send(jane, "GET", secrets);
  expect((await ask()).code).toBe(403);
  const made = await send(
    root,
    "POST",
    `${rbac}/namespaces/default/rolebindings`,
    binding("jane", "edit", "jane"),
  );
  expect(made.code).toBe(201);
  await until(200, ask);
  await send(root, "DELETE", `${rbac}/namespaces/default/rolebindings/jane`);
  await until(403, ask);
});

test("who may ask about a namespace asks about that one alone", async () => {
  const root = await admin();
  const ask = (namespace: string) =>
    send(root, "POST", "/apis/authorization.k8s.io/v1/namespaces/default/localsubjectaccessreviews", {
      apiVersion: "authorization.k8s.io/v1",
      kind: "LocalSubjectAccessReview",
      spec: { user: "somebody", resourceAttributes: { verb: "get", resource: "pods", namespace } },
    });
  const { code, body } = await ask("default");
  expect([code, body.status]).toEqual([201, { allowed: false }]);
  expect((await ask("kube-system")).code).toBe(400);
});

test("nobody gives away more than he has", async () => {
  const [root, ada] = [await admin(), await issue("ada")];
  const bindings = `${rbac}/namespaces/default/rolebindings`;
  await send(root, "POST", bindings, binding("ada", "admin", "ada"));
  await until(201, () => send(ada, "POST", bindings, binding(`b-${crypto.randomUUID()}`, "view", "friend")));
  const { code, body } = await send(ada, "POST", bindings, binding("boss", "cluster-admin", "ada"));
  expect(code).toBe(403);
  expect(body.message).toContain("is attempting to grant RBAC permissions not currently held");
});

test("a token is its account until what it is bound to goes, and others can check it", async () => {
  const root = await admin();
  const accounts = "/api/v1/namespaces/default/serviceaccounts";
  await send(root, "POST", accounts, {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "robot" },
  });
  await send(root, "POST", secrets, { apiVersion: "v1", kind: "Secret", metadata: { name: "lifetime" } });
  const request = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { expirationSeconds: 600, boundObjectRef: { apiVersion: "v1", kind: "Secret", name: "lifetime" } },
  };
  const given = await send(root, "POST", `${accounts}/robot/token`, request);
  expect(given.code).toBe(201);
  const { token } = given.body.status as { token: string };
  const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
  const reviews = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
  const { body } = await send({ token }, "POST", reviews, review);
  expect(body.status).toMatchObject({ userInfo: { username: "system:serviceaccount:default:robot" } });
  const keys = (await send(root, "GET", "/openid/v1/jwks")).body["keys"] as [Record<string, unknown>];
  const [head = "", claims = "", signature = ""] = token.split(".");
  const key = createPublicKey({ key: keys[0], format: "jwk" });
  const good = verify(
    "sha256",
    Buffer.from(`${head}.${claims}`),
    { key, dsaEncoding: "ieee-p1363" },
    Buffer.from(signature, "base64url"),
  );
  expect(good).toBe(true);
  await send(root, "DELETE", `${secrets}/lifetime`);
  expect((await send({ token }, "POST", reviews, review)).code).toBe(401);
});

/** A request for a key of one's own. */
async function requestFor(cn: string, organization: string) {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [{ O: [organization] }, { CN: [cn] }],
    keys,
    signingAlgorithm: algorithm,
  });
  const der = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
  const key = `-----BEGIN PRIVATE KEY-----\n${der.toString("base64")}\n-----END PRIVATE KEY-----\n`;
  return { key, request: Buffer.from(request.toString("pem")).toString("base64") };
}

async function signed(who: Credentials, name: string): Promise<string> {
  for (;;) {
    const { certificate } = ((await send(who, "GET", `${csrs}/${name}`)).body.status ?? {}) as {
      certificate?: string;
    };
    if (certificate !== undefined) return Buffer.from(certificate, "base64").toString();
  }
}

test("a request that is approved becomes a certificate that its user comes in by", async () => {
  const root = await admin();
  const { key, request } = await requestFor("carl", "dev");
  const object = {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "carl" },
    spec: {
      request,
      signerName: "kubernetes.io/kube-apiserver-client",
      usages: ["client auth"],
      username: "mallory",
    },
  };
  const { code, body } = await send(root, "POST", csrs, object);
  expect([code, (body["spec"] as { username: string }).username]).toEqual([201, "root"]);
  const condition = { type: "Approved", status: "True", reason: "Test", message: "yes" };
  const approval = await send(root, "PUT", `${csrs}/carl/approval`, {
    ...body,
    status: { conditions: [condition] },
  });
  expect(approval.code).toBe(200);
  const certificate = await signed(root, "carl");
  const who = await send({ certificate, key }, "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {
    apiVersion: "authentication.k8s.io/v1",
    kind: "SelfSubjectReview",
  });
  expect(who.body.status).toMatchObject({
    userInfo: { username: "carl", groups: ["dev", "system:authenticated"] },
  });
});

test("a node gets its certificate, makes itself, and reaches no other", async () => {
  const first = await issue("system:node:edge-1", "system:nodes");
  const { key, request } = await requestFor("system:node:edge-1", "system:nodes");
  const object = {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "edge-1" },
    spec: {
      request,
      signerName: "kubernetes.io/kube-apiserver-client-kubelet",
      usages: ["client auth", "digital signature"],
    },
  };
  expect((await send(first, "POST", csrs, object)).code).toBe(201);
  const node = { certificate: await signed(first, "edge-1"), key };
  const make = (name: string) =>
    send(node, "POST", "/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name } });
  expect((await make("edge-1")).code).toBe(201);
  expect((await make("edge-2")).code).toBe(403);
  expect((await send(node, "GET", "/api/v1/nodes/edge-1")).code).toBe(200);
  expect((await send(node, "GET", "/api/v1/nodes")).code).toBe(403);
  expect((await send(node, "GET", "/api/v1/pods")).code).toBe(403);
  expect((await send(node, "GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dedge-1")).code).toBe(200);
  const label = { metadata: { labels: { "node-restriction.kubernetes.io/zone": "safe" } } };
  expect((await send(node, "PATCH", "/api/v1/nodes/edge-1", label)).code).toBe(403);
});
