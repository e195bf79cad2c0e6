/** How edges join and renew, and what others try there. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash, generateKeyPairSync, X509Certificate } from "node:crypto";
import { connect } from "node:net";
import type { Report } from "../../../src/fleet/cloud/hub/join.ts";
import { pemOf } from "../../../src/fleet/cloud/apiserver/auth/pki/pem.ts";
import { type Api, type Cloud, core, openApi, openCloudHub } from "./_cloud.ts";
import { until } from "../until.ts";
import { type Answer, askJoin, type Asked, type Identity, joinEdge, makeRequest } from "./fake-edge.ts";

let api: Api;
let cloud: Cloud;
let jwt = "";
const reports: Report[] = [];
beforeAll(async () => {
  api = await openApi();
  cloud = await openCloudHub(api.client, {
    onReport: (report) => void reports.push(report),
    deadlines: { head: 300 },
  });
  jwt = (await cloud.hub.token()).slice(65);
});
afterAll(async () => {
  await cloud[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

const ask = async (asked: Asked) => await askJoin({ host: "127.0.0.1", joinPort: cloud.hub.joinPort }, asked);
const words = ({ status, body }: Answer) => `${status} ${body.toString()}`;

/** A certificate of this cloud, of whom one likes. */
async function identity(node: string, days = 365): Promise<Identity> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const der = new Uint8Array(publicKey.export({ format: "der", type: "spki" }));
  const { keys } = cloud.hub;
  const made = await keys.signEdge({ node, publicKey: der, usages: ["client"], days });
  return {
    ca: keys.authorityText,
    certificate: pemOf("CERTIFICATE", made),
    key: privateKey.export({ format: "pem", type: "pkcs8" }) as string,
  };
}

interface Edge {
  readonly node?: string;
  readonly headers?: Record<string, string>;
  readonly body?: Uint8Array;
  readonly identity?: Identity;
  readonly legacy?: boolean;
}

/** GET /edge.crt as node e1 by the token, but for what is said. */
async function certificate({
  node = "e1",
  headers = {},
  body,
  legacy = false,
  ...more
}: Edge): Promise<Answer> {
  const request = body ?? (await makeRequest(node, legacy)).bytes;
  const token = more.identity ? {} : { Authorization: `Bearer ${jwt}` };
  const all = { ...token, NodeName: node, ...headers };
  return await ask({
    path: "/edge.crt",
    headers: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== "")),
    body: request,
    ...(more.identity ? { identity: more.identity } : {}),
  });
}

async function makeNode(name: string): Promise<void> {
  await api.client.create(core("nodes"), { apiVersion: "v1", kind: "Node", metadata: { name } });
}

test("the authority is given to everybody, and is the one of the token", async () => {
  const { status, body } = await ask({ path: "/ca.crt" });
  expect(status).toBe(200);
  const [sum] = (await cloud.hub.token()).split(".");
  expect(createHash("sha256").update(body).digest("hex")).toBe(sum ?? "");
});

test("a token and a request make a certificate of the node", async () => {
  const { status, body } = await certificate({});
  expect(status).toBe(200);
  expect(new X509Certificate(body).subject).toBe("O=system:nodes\nCN=system:node:e1");
});

test("an edge before 1.18 asks in nobody's name, and its certificate names the node all the same", async () => {
  const { body } = await certificate({ legacy: true });
  expect(new X509Certificate(body).subject).toBe("O=system:nodes\nCN=system:node:e1");
});

test("usages are those that are asked for", async () => {
  const both = new X509Certificate((await certificate({ headers: { ExtKeyUsages: "[1, 2]" } })).body);
  expect(both.keyUsage?.toSorted()).toEqual(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
});

test("a certificate is renewed by itself, without a token", async () => {
  const { status, body } = await certificate({ identity: await identity("e1") });
  expect(status).toBe(200);
  expect(new X509Certificate(body).subject).toContain("system:node:e1");
});

test("one that ended while the edge was offline is renewed as long as its node is there", async () => {
  const late = { node: "late", identity: await identity("late", -1 / 1440) };
  expect(words(await certificate(late))).toMatch(/^401 .*join again with a token/);
  await makeNode("late");
  expect((await certificate(late)).status).toBe(200);
  await makeNode("other");
  expect((await certificate({ ...late, node: "other" })).status).toBe(403);
});

test("one that ended too long ago is not, but does not stand in the way of a token", async () => {
  await makeNode("older");
  const old = { node: "older", identity: await identity("older", -366) };
  expect((await certificate(old)).status).toBe(401);
  expect((await certificate({ ...old, headers: { Authorization: `Bearer ${jwt}` } })).status).toBe(200);
});

describe("refused with words", () => {
  const rows: readonly [why: string, status: number, words: string, edge: () => Edge | Promise<Edge>][] = [
    ["no token", 401, "Invalid authorization token", () => ({ headers: { Authorization: "" } })],
    ["another scheme", 401, "Invalid", () => ({ headers: { Authorization: `Basic ${jwt}` } })],
    [
      "a wrong token",
      401,
      "token validation failure",
      () => ({ headers: { Authorization: "Bearer a.b.c" } }),
    ],
    ["no name", 400, "NodeName", () => ({ headers: { NodeName: "" } })],
    ["a name that is none", 400, "NodeName", () => ({ headers: { NodeName: "../e1" } })],
    ["a name in a name", 400, "NodeName", () => ({ headers: { NodeName: "e1,CN=e2" } })],
    ["a request of another node", 403, '"e2"', async () => ({ body: (await makeRequest("e2")).bytes })],
    ["no request", 400, "certificate request", () => ({ body: new Uint8Array() })],
    ["garbage", 400, "PKCS #10", () => ({ body: Buffer.from("garbage") })],
    ["usages that are none", 400, "ExtKeyUsages", () => ({ headers: { ExtKeyUsages: "[3]" } })],
    ["usages that are no list", 400, "ExtKeyUsages", () => ({ headers: { ExtKeyUsages: '{"a":1}' } })],
    ["a certificate of another node", 403, '"e2"', async () => ({ identity: await identity("e2") })],
    [
      "one of another node and a token too",
      403,
      '"e2"',
      async () => ({ identity: await identity("e2"), headers: { Authorization: `Bearer ${jwt}` } }),
    ],
  ];
  test.each(rows)("%s", async (_why, status, expected, edge) => {
    const answer = words(await certificate(await edge()));
    expect(answer).toStartWith(`${status} `);
    expect(answer).toContain(expected);
  });

  test("a request that somebody else signed", async () => {
    const { bytes } = await makeRequest("e1");
    bytes.writeUInt8((bytes.at(-1) ?? 0) ^ 1, bytes.length - 1);
    expect(words(await certificate({ body: bytes }))).toMatch(/^400 .*its own key did not sign/);
  });

  test("more than a mebibyte", async () => {
    const answer = await certificate({ body: new Uint8Array((1 << 20) + 1) }).catch(() => undefined);
    // The connection may be gone before the words are read.
    expect([undefined, 0, 413]).toContain(answer?.status);
  });

  test("a certificate of another authority", async () => {
    const other = await openCloudHub((await freshApi()).client);
    try {
      const strange = await other.join("e1");
      expect((await certificate({ identity: strange })).status).toBe(401);
    } finally {
      await other[Symbol.asyncDispose]();
      await strangers.pop()?.[Symbol.asyncDispose]();
    }
  });
});

const strangers: Api[] = [];
async function freshApi(): Promise<Api> {
  const made = await openApi();
  strangers.push(made);
  return made;
}

test("a token does not take the name of a node that is connected", async () => {
  const edge = await cloud.connect("taken", await cloud.join("taken"));
  expect(words(await certificate({ node: "taken" }))).toMatch(/^409 .*is connected/);
  await edge.close();
  await until(() => cloud.hub.edge("taken") === undefined);
  expect((await certificate({ node: "taken" })).status).toBe(200);
});

test("names are told apart for who wants to join", async () => {
  await makeNode("there");
  expect(words(await ask({ path: "/node/there" }))).toBe("200 Node found");
  expect(words(await ask({ path: "/node/not-there" }))).toBe("404 Node not found");
  expect((await ask({ path: "/node/..%2f" })).status).toBe(400);
});

test("reports are taken from the node that they are of, and from nobody else", async () => {
  const e1 = await identity("e1");
  const task = "/task/nodeupgradejob/name/up1/node/e1/status";
  const body = Buffer.from(JSON.stringify({ UpgradeID: "u", NodeName: "e1", Status: "upgrade_success" }));
  expect((await ask({ method: "POST", path: "/nodeupgrade", body })).status).toBe(401);
  expect((await ask({ method: "POST", path: task, body })).status).toBe(401);
  const e2 = { identity: await identity("e2"), body };
  expect((await ask({ method: "POST", path: "/nodeupgrade", ...e2 })).status).toBe(403);
  expect((await ask({ method: "POST", path: task, ...e2 })).status).toBe(403);
  const broken = { identity: e1, body: Buffer.from("no json") };
  expect((await ask({ method: "POST", path: "/nodeupgrade", ...broken })).status).toBe(400);
  const many = { identity: e1, body: Buffer.from(`{"NodeName":"e1","x":[${"{},".repeat(500_000)}{}]}`) };
  expect((await ask({ method: "POST", path: "/nodeupgrade", ...many })).status).toBe(400);
  expect(reports).toEqual([]);
  expect(words(await ask({ method: "POST", path: "/nodeupgrade", identity: e1, body }))).toBe("200 ok");
  expect(words(await ask({ method: "POST", path: task, identity: e1, body }))).toBe("200 ok");
  expect(reports).toEqual([
    { kind: "upgrade", node: "e1", body },
    { kind: "task", node: "e1", type: "nodeupgradejob", id: "up1", body },
  ]);
});

test("nothing else is there", async () => {
  expect((await ask({ path: "/" })).status).toBe(404);
  expect((await ask({ path: "/edge.crt/x" })).status).toBe(404);
  expect((await ask({ method: "POST", path: "/ca.crt" })).status).toBe(405);
});

test("who says nothing, or not all of it, is let go", async () => {
  const { joinPort } = cloud.hub;
  const silent = connect({ host: "127.0.0.1", port: joinPort });
  await new Promise((resolve) => silent.once("close", resolve));
});

test("a node that joins by a token begins anew: what it once had is forgotten", async () => {
  const metadata = { name: "fresh.some-uid", namespace: "default" };
  const resource = { group: "reliablesyncs.kubeedge.io", version: "v1alpha1", resource: "objectsyncs" };
  const spec = { objectAPIVersion: "v1", objectKind: "ConfigMap", objectName: "a" };
  const sync = { apiVersion: "reliablesyncs.kubeedge.io/v1alpha1", kind: "ObjectSync", metadata, spec };
  await makeNode("fresh");
  await api.client.create(resource, sync);
  const join = async () =>
    await joinEdge({
      host: "127.0.0.1",
      joinPort: cloud.hub.joinPort,
      node: "fresh",
      token: await cloud.hub.token(),
    });
  const isThere = async () =>
    (await api.client.list(resource)).items.some((item) => item.metadata.name === metadata.name);
  // The hub may not have heard of the object yet when it is asked first.
  await until(async () => {
    await join();
    return !(await isThere());
  });
  expect(await isThere()).toBe(false);
});
