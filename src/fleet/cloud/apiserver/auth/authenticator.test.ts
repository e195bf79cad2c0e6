import { afterAll, beforeAll, expect, test } from "bun:test";
import { createHmac, createPublicKey, generateKeyPairSync, sign as signBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubeError, type KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { openAuthenticator, type TokenAuthenticator } from "./authenticator.ts";
import { openAuthority, type Authority } from "./authority.ts";
import { claimsOf } from "./tokens/claims.ts";

const folder = mkdtempSync(join(tmpdir(), "sampan-authenticator-"));
afterAll(() => rmSync(folder, { recursive: true }));

const begin = Date.UTC(2026, 10, 21);
let clock = begin;
let authority: Authority;
let objects: Record<string, KubeObject>;
let authenticator: TokenAuthenticator;

const object = (uid: string, more: object = {}): KubeObject => ({
  apiVersion: "v1",
  kind: "X",
  metadata: { uid, ...more },
});

beforeAll(async () => {
  authority = await openAuthority({ folder, now: () => clock });
});

function reset(): void {
  clock = begin;
  objects = {
    "serviceaccounts/default/robot": object("u1"),
    "pods/default/p": object("u2"),
    "secrets/default/s": object("u3"),
    "nodes//n": object("u4"),
  };
  const find = (...key: string[]) => objects[key.join("/")];
  authenticator = openAuthenticator({ authority, find, now: () => clock });
}

const bound = { namespace: "default", serviceaccount: { name: "robot", uid: "u1" } };
const seconds = () => Math.floor(clock / 1000);

async function token(more: object = {}, claims: object = {}): Promise<string> {
  const all = { ...claimsOf({ ...bound, ...more }), aud: [authority.tokens.issuer] };
  return authority.tokens.sign({ ...all, iat: seconds(), nbf: seconds(), exp: seconds() + 3600, ...claims });
}

async function refused(text: string): Promise<void> {
  const error = await authenticator.authenticate({ bearer: text }).then(
    () => undefined,
    (each: unknown) => each,
  );
  expect(error).toBeInstanceOf(KubeError);
  expect((error as KubeError).status).toMatchObject({
    code: 401,
    reason: "Unauthorized",
    message: "Unauthorized",
  });
}

test("no credentials are nobody in particular", async () => {
  reset();
  expect(await authenticator.authenticate({})).toBeUndefined();
});

test("a certificate's common name is the user, its organizations the groups", async () => {
  reset();
  const certificate = { commonName: "jane", organizations: ["dev", "dev", "ops"], until: clock + 1 };
  expect(await authenticator.authenticate({ certificate })).toEqual({
    name: "jane",
    groups: ["dev", "ops", "system:authenticated"],
  });
});

test("a certificate that ended while its connection lived, or without a name, is refused", async () => {
  reset();
  for (const certificate of [
    { commonName: "jane", organizations: [], until: clock - 1 },
    { commonName: "", organizations: ["system:masters"] },
  ])
    expect(authenticator.authenticate({ certificate })).rejects.toMatchObject({ reason: "Unauthorized" });
});

test("a token of a service account is that account, with its groups and what it is bound to", async () => {
  reset();
  const text = await token({ pod: { name: "p", uid: "u2" }, node: { name: "n", uid: "u4" } });
  const user = await authenticator.authenticate({ bearer: text });
  expect(user).toMatchObject({
    name: "system:serviceaccount:default:robot",
    uid: "u1",
    groups: ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"],
    extra: {
      "authentication.kubernetes.io/pod-name": ["p"],
      "authentication.kubernetes.io/pod-uid": ["u2"],
      "authentication.kubernetes.io/node-name": ["n"],
    },
  });
  expect(user?.extra?.["authentication.kubernetes.io/credential-id"]?.[0]).toMatch(/^JTI=[0-9a-f-]{36}$/);
});

test("a token ends at its time, even when its signature was seen before", async () => {
  reset();
  const text = await token();
  await authenticator.authenticate({ bearer: text });
  clock += 3_600_000 + 11_000;
  await refused(text);
});

test("a token is not good before its time", async () => {
  reset();
  await refused(await token({}, { nbf: seconds() + 60 }));
});

test("a token for another audience is refused here, and known there", async () => {
  reset();
  const text = await token({}, { aud: ["vault", "other"] });
  await refused(text);
  expect((await authenticator.token(text, ["vault"])).audiences).toEqual(["vault"]);
});

const endings = [
  ["the account is gone", {}, "serviceaccounts/default/robot", undefined],
  ["another account has the name", {}, "serviceaccounts/default/robot", object("u9")],
  ["the pod is gone", { pod: { name: "p", uid: "u2" } }, "pods/default/p", undefined],
  ["another pod has the name", { pod: { name: "p", uid: "u2" } }, "pods/default/p", object("u9")],
  ["the secret is gone", { secret: { name: "s", uid: "u3" } }, "secrets/default/s", undefined],
  ["the node is gone", { node: { name: "n", uid: "u4" } }, "nodes//n", undefined],
  ["the node is another", { node: { name: "n", uid: "u4" } }, "nodes//n", object("u9")],
] as const;
for (const [name, more, key, then] of endings)
  test(`a token ends when ${name}`, async () => {
    reset();
    const text = await token(more);
    expect(await authenticator.authenticate({ bearer: text })).toBeDefined();
    if (then) objects[key] = then;
    else delete objects[key];
    await refused(text);
  });

test("a pod that ends keeps its token for its grace and a minute", async () => {
  reset();
  const text = await token({ pod: { name: "p", uid: "u2" } });
  objects["pods/default/p"] = object("u2", { deletionTimestamp: new Date(clock + 30_000).toISOString() });
  expect(await authenticator.authenticate({ bearer: text })).toBeDefined();
  clock += 91_000;
  await refused(text);
});

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

test("a token whose claims were changed is refused", async () => {
  reset();
  const [head, body = "", signature] = (await token()).split(".");
  const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as object;
  await refused([head, part({ ...claims, exp: seconds() + 999_999 }), signature].join("."));
});

test("a token without a signature is refused, whatever it calls that", async () => {
  reset();
  const [, body] = (await token()).split(".");
  for (const alg of ["none", "None", "NONE", ""]) await refused(`${part({ alg, typ: "JWT" })}.${body}.`);
});

test("the public key is no secret to sign with", async () => {
  reset();
  const [, body] = (await token()).split(".");
  const jwk = authority.tokens.jwks.keys[0] ?? {};
  const key = createPublicKey({ key: jwk, format: "jwk" });
  for (const secret of [
    key.export({ format: "pem", type: "spki" }),
    key.export({ format: "der", type: "spki" }),
  ]) {
    const text = `${part({ alg: "HS256", typ: "JWT" })}.${body}`;
    await refused(`${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`);
  }
});

test("a key that a token brings along counts for nothing", async () => {
  reset();
  const [, body] = (await token()).split(".");
  const mine = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const head = {
    alg: "ES256",
    jwk: mine.publicKey.export({ format: "jwk" }),
    kid: authority.tokens.jwks.keys[0]?.kid,
  };
  const text = `${part(head)}.${body}`;
  const signature = signBytes("sha256", Buffer.from(text), {
    key: mine.privateKey,
    dsaEncoding: "ieee-p1363",
  });
  await refused(`${text}.${signature.toString("base64url")}`);
});

test("a token of ours that is of another issuer, for another subject or without claims is refused", async () => {
  reset();
  await refused(await token({}, { sub: "system:serviceaccount:kube-system:admin" }));
  await refused(await token({}, { "kubernetes.io": undefined }));
  await refused(await token({}, { "kubernetes.io": { namespace: "default", serviceaccount: "robot" } }));
  await refused(await token({}, { exp: undefined }));
  await refused(await token({}, { aud: undefined }));
});

for (const text of ["", "a", "a.b.c", "..", "x".repeat(20_000), "é.é.é"])
  test(`"${text.slice(0, 8)}" is no token`, async () => {
    reset();
    await refused(text);
  });

test("others can look up the key", async () => {
  reset();
  expect(authority.tokens.discovery("https://10.0.0.1:6443")).toMatchObject({
    issuer: "https://kubernetes.default.svc.cluster.local",
    jwks_uri: "https://10.0.0.1:6443/openid/v1/jwks",
    id_token_signing_alg_values_supported: ["ES256"],
  });
  const [key] = authority.tokens.jwks.keys;
  expect(key).toMatchObject({ kty: "EC", crv: "P-256", alg: "ES256", use: "sig" });
  expect(key).not.toHaveProperty("d");
});
