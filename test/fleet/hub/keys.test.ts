/** The three secrets by which edges know a cloud. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHash, createHmac, createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { systemClock } from "../../../src/base/clock.ts";
import { SampanError } from "../../../src/base/errors.ts";
import { type Keys, openKeys, peerPair } from "../../../src/fleet/cloud/keys/keys.ts";
import { makeToken } from "../../../src/fleet/cloud/keys/token.ts";
import type { KubeClient } from "../../../src/spec/kubernetes/kube.ts";
import { type Api, core, openApi, Turned } from "./_cloud.ts";

const apis: Api[] = [];
let client: KubeClient;
beforeAll(async () => (client = await freshApi()));
afterAll(async () => {
  for (const api of apis) await api[Symbol.asyncDispose]();
});

async function freshApi(): Promise<KubeClient> {
  const api = await openApi();
  apis.push(api);
  return api.client;
}

const { signal } = new AbortController();
const open = async (of: KubeClient, names: readonly string[] = ["127.0.0.1"], clock = systemClock()) =>
  await openKeys({ client: of, clock, signal, names });

async function dataOf(of: KubeClient, name: string): Promise<Record<string, Buffer>> {
  const secret = await of.get(core("secrets"), { namespace: "kubeedge", name });
  expect(secret["type"]).toBe("Opaque");
  return Object.fromEntries(
    Object.entries(secret["data"] as Record<string, string>).map(([key, text]) => [
      key,
      Buffer.from(text, "base64"),
    ]),
  );
}

async function edgeOf(keys: Keys, node = "e1"): Promise<X509Certificate> {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const der = new Uint8Array(publicKey.export({ format: "der", type: "spki" }));
  return new X509Certificate(await keys.signEdge({ node, publicKey: der, usages: ["client"], days: 365 }));
}

test("processes of the cloud know each other by the authority, once there is one", async () => {
  const of = await freshApi();
  const options = { client: of, clock: systemClock(), signal };
  expect(await peerPair(options)).toBeUndefined();
  const { certificate } = await open(of);
  const [one, other] = [await peerPair(options), await peerPair(options)];
  expect(one?.key).not.toBe(other?.key);
  expect(new X509Certificate(one?.ca ?? "").raw).toEqual(certificate.raw);
  const own = new X509Certificate(one?.certificate ?? "");
  expect(own.subject.split("\n")).toEqual(["O=sampan:clouds", "CN=sampan:cloud"]);
  expect(own.verify(certificate.publicKey)).toBe(true);
  expect(own.checkPrivateKey(createPrivateKey(one?.key ?? ""))).toBe(true);
  // For asking alone: who has one cannot pass for the cloud that edges dial.
  expect(own.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
});

test("the authority is one that cloudcore would have made", async () => {
  const keys = await open(client);
  const { cadata, cakeydata, ...more } = await dataOf(client, "casecret");
  expect(more).toEqual({});
  const certificate = new X509Certificate(cadata ?? "");
  expect([certificate.subject, certificate.serialNumber, certificate.ca]).toEqual([
    "CN=KubeEdge",
    "0400",
    true,
  ]);
  expect(certificate.keyUsage?.toSorted()).toEqual(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  const years = (Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / (365 * 86_400_000);
  expect(Math.round(years)).toBe(100);
  const key = createPrivateKey({ key: cakeydata ?? "", format: "der", type: "sec1" });
  expect(certificate.checkPrivateKey(key)).toBe(true);
  expect(keys.authority).toEqual(certificate.raw);
});

test("so is the hub's certificate, with the names that edges dial", async () => {
  await open(client, ["127.0.0.1", "2001:db8::1", "cloud.example.com"]);
  const data = await dataOf(client, "cloudcoresecret");
  const certificate = new X509Certificate(data["cloudcoredata"] ?? "");
  expect(certificate.subject.split("\n").toSorted()).toEqual(["CN=KubeEdge", "O=KubeEdge"]);
  expect(certificate.checkIP("127.0.0.1")).toBe("127.0.0.1");
  expect(certificate.checkIP("2001:db8::1")).toBeDefined();
  expect(certificate.checkHost("cloud.example.com")).toBe("cloud.example.com");
  expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
  const key = createPrivateKey({ key: data["cloudcorekeydata"] ?? "", format: "der", type: "sec1" });
  expect(certificate.checkPrivateKey(key)).toBe(true);
});

test("a name that the certificate lacks is added, and one that it has changes nothing", async () => {
  const of = await freshApi();
  await open(of, ["192.0.2.1", "2001:db8::1"]);
  const first = await dataOf(of, "cloudcoresecret");
  await open(of, ["2001:0db8:0::1"]);
  expect(await dataOf(of, "cloudcoresecret")).toEqual(first);
  const { server } = await open(of, ["192.0.2.2"]);
  const renewed = new X509Certificate(server.certificate);
  expect(["192.0.2.1", "192.0.2.2", "2001:db8::1"].map((name) => renewed.checkIP(name))).not.toContain(
    undefined,
  );
});

test("several processes that begin at once agree", async () => {
  const of = await freshApi();
  const all = await Promise.all(["192.0.2.1", "192.0.2.2", "192.0.2.3"].map((name) => open(of, [name])));
  expect(new Set(all.map((keys) => keys.authority.toString("hex"))).size).toBe(1);
  expect(new Set(await Promise.all(all.map((keys) => keys.token()))).size).toBe(1);
  all.forEach(({ server }, index) =>
    expect(new X509Certificate(server.certificate).checkIP(`192.0.2.${index + 1}`)).toBeDefined(),
  );
});

test("an authority of RSA, as an administrator may have given cloudcore, signs as well", async () => {
  const of = await freshApi();
  const { x509 } = await import("../../../src/fleet/cloud/apiserver/auth/pki/library.ts");
  const algorithm = {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const { BasicConstraintsExtension, X509CertificateGenerator } = x509();
  const made = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: ["theirs"] }],
    notBefore: new Date(Date.now() - 1000),
    notAfter: new Date(Date.now() + 86_400_000_000),
    signingAlgorithm: algorithm,
    keys,
    extensions: [new BasicConstraintsExtension(true, undefined, true)],
  });
  const der = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  await of.create(core("namespaces"), {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "kubeedge" },
  });
  await of.create(core("secrets"), {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "casecret", namespace: "kubeedge" },
    data: {
      cadata: Buffer.from(made.rawData).toString("base64"),
      cakeydata: key.export({ format: "der", type: "pkcs1" }).toString("base64"),
    },
  });
  const opened = await open(of);
  expect((await edgeOf(opened)).verify(opened.certificate.publicKey)).toBe(true);
});

test("a damaged authority is told by its secret and never made anew", async () => {
  const of = await freshApi();
  await open(of);
  const secret = await of.get(core("secrets"), { namespace: "kubeedge", name: "casecret" });
  const broken = { ...(secret["data"] as object), cakeydata: Buffer.from("no key").toString("base64") };
  await of.update(core("secrets"), { ...secret, data: broken });
  const error = await open(of).catch((thrown: unknown) => SampanError.from(thrown));
  expect(error).toBeInstanceOf(SampanError);
  expect((error as SampanError).message).toContain("casecret");
  expect((await dataOf(of, "casecret"))["cakeydata"]?.toString()).toBe("no key");
});

test("an edge's certificate names its node and is good for a year from now on", async () => {
  const clock = new Turned(Date.now() + 5 * 86_400_000);
  const keys = await open(client, [], clock);
  const certificate = await edgeOf(keys, "edge.example");
  expect(certificate.subject).toBe("O=system:nodes\nCN=system:node:edge.example");
  expect(certificate.verify(keys.certificate.publicKey)).toBe(true);
  expect(certificate.ca).toBe(false);
  expect(certificate.subjectAltName).toBeUndefined();
  expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
  const days = (Date.parse(certificate.validTo) - clock.now()) / 86_400_000;
  expect(Math.round(days)).toBe(365);
  expect(Date.parse(certificate.validFrom)).toBeLessThan(clock.now());
});

test("the token is a KubeEdge one: the authority's sum, and a JWT over its key", async () => {
  const keys = await open(client);
  const [sum, header = "", payload = "", signature, ...more] = (await keys.token()).split(".");
  expect(more).toEqual([]);
  const { cadata, cakeydata } = await dataOf(client, "casecret");
  expect(sum).toBe(
    createHash("sha256")
      .update(cadata ?? "")
      .digest("hex"),
  );
  const decode = (text: string) => JSON.parse(Buffer.from(text, "base64url").toString()) as unknown;
  expect(decode(header)).toEqual({ alg: "HS256", typ: "JWT" });
  expect(decode(payload)).toEqual({ exp: expect.any(Number) });
  const wanted = createHmac("sha256", cakeydata ?? "")
    .update(`${header}.${payload}`)
    .digest("base64url");
  expect(signature).toBe(wanted);
  expect((await dataOf(client, "tokensecret"))["tokendata"]?.toString()).toBe(await keys.token());
});

test("a token is made anew when half of its time is over, and the old one goes on to its end", async () => {
  const clock = new Turned();
  const keys = await open(await freshApi(), [], clock);
  const first = await keys.token();
  const jwt = first.slice(65);
  await clock.pass(1000);
  expect(await keys.token()).not.toBe("");
  const later = new Turned(clock.now() + 13 * 3_600_000);
  const again = await open(apis.at(-1)?.client ?? client, [], later);
  expect(await again.token()).not.toBe(first);
  expect(() => again.checkToken(jwt)).not.toThrow();
  const end = await open(apis.at(-1)?.client ?? client, [], new Turned(clock.now() + 25 * 3_600_000));
  expect(() => end.checkToken(jwt)).toThrow("expired");
});

test("no other token is taken", async () => {
  const keys = await open(client);
  const [, header = "", payload = "", signature = ""] = (await keys.token()).split(".");
  const none = Buffer.from(JSON.stringify({ alg: "none", typ: "JWT" })).toString("base64url");
  const late = Buffer.from(JSON.stringify({ exp: 9_999_999_999 })).toString("base64url");
  const strange = makeToken("", Buffer.from("another key"), 9_999_999_999).slice(1);
  const { cakeydata = Buffer.alloc(0) } = await dataOf(client, "casecret");
  const signed = (text: string) =>
    `${text}.${createHmac("sha256", cakeydata).update(text).digest("base64url")}`;
  for (const wrong of [
    "",
    "a.b.c",
    `${header}.${payload}.`,
    `${none}.${payload}.`,
    `${none}.${payload}.${signature}`,
    `${header}.${late}.${signature}`,
    `${header}.${payload}.${signature}.${signature}`,
    `${header}.${payload}.${signature.slice(1)}`,
    strange,
    signed(`${none}.${late}`),
    signed(`${header}.${Buffer.from("{}").toString("base64url")}`),
    signed(`${header}.${Buffer.from('{"exp":"9999999999"}').toString("base64url")}`),
    `${header}.${"a".repeat(5000)}.${signature}`,
  ])
    expect(() => keys.checkToken(wrong)).toThrow("cannot use the token");
  expect(() => keys.checkToken(`${header}.${payload}.${signature}`)).not.toThrow();
});
