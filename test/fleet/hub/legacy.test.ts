/** Edges that joined a KubeEdge cloud before 1.18, whose certificates name no node. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { issue, makeKeyPair } from "../../../src/fleet/cloud/apiserver/auth/pki/issue.ts";
import { type Api, type Cloud, core, openApi, openCloudHub } from "./_cloud.ts";
import { until } from "../until.ts";
import { askJoin, type Identity, makeRequest } from "./fake-edge.ts";

let api: Api;
let strict: Cloud;
let lenient: Cloud;
let identity: Identity;

beforeAll(async () => {
  api = await openApi();
  strict = await openCloudHub(api.client, { name: "strict" });
  lenient = await openCloudHub(api.client, { name: "lenient", legacyCertificates: true });
  identity = await legacyIdentity();
});
afterAll(async () => {
  await strict[Symbol.asyncDispose]();
  await lenient[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

/** As cloudcore gave them out. */
async function legacyIdentity(): Promise<Identity> {
  const { data } = await api.client.get(core("secrets"), { namespace: "kubeedge", name: "casecret" });
  const der = Buffer.from((data as Record<string, string>)["cakeydata"] ?? "", "base64");
  const key = createPrivateKey({ key: der, format: "der", type: "sec1" });
  const ca = strict.hub.keys.authorityText;
  const pair = await makeKeyPair();
  const certificate = await issue(
    { certificate: ca, key: key.export({ format: "pem", type: "pkcs8" }) as string },
    {
      subject: { commonName: "kubeedge.io", organizations: ["KubeEdge"] },
      publicKey: pair.publicKey,
      validity: { from: Date.now() - 1000, until: Date.now() + 86_400_000 },
      usages: ["client"],
    },
  );
  return { ca, certificate, key: pair.key };
}

async function renewed(cloud: Cloud, headers: Record<string, string> = {}) {
  const place = { host: "127.0.0.1", joinPort: cloud.hub.joinPort };
  const body = (await makeRequest("old", true)).bytes;
  return await askJoin(place, {
    path: "/edge.crt",
    headers: { NodeName: "old", ...headers },
    body,
    identity,
  });
}

test("they come in where that was allowed, and nowhere else", async () => {
  const refused = await strict.connect("old", identity).then(
    () => "let in",
    () => "refused",
  );
  expect(refused).toBe("refused");
  const edge = await lenient.connect("old", identity);
  await until(() => lenient.hub.edge("old"));
  await edge.close();
  await until(() => lenient.hub.edge("old") === undefined);
});

test("what they renew theirs to names their node", async () => {
  expect((await renewed(strict)).status).toBe(403);
  const { status, body } = await renewed(lenient);
  expect(status).toBe(200);
  expect(new X509Certificate(body).subject).toContain("CN=system:node:old");
});

test("with a token they get a proper one from any cloud", async () => {
  const jwt = (await strict.hub.token()).slice(65);
  const { status, body } = await renewed(strict, { Authorization: `Bearer ${jwt}` });
  expect(status).toBe(200);
  expect(new X509Certificate(body).subject).toContain("CN=system:node:old");
});
