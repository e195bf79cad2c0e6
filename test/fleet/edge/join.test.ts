import { afterAll, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../src/base/clock.ts";
import { SampanError } from "../../../src/base/errors.ts";
import { readRequest } from "../../../src/fleet/cloud/apiserver/auth/csr/request.ts";
import { openLink } from "../../../src/fleet/edge/hub/open.ts";
import { openMeta } from "../../../src/fleet/edge/meta/open.ts";
import { joinByToken, renew } from "../../../src/fleet/edge/join/certificate.ts";
import { joinCloud, keysFolder, type Joining } from "../../../src/fleet/edge/join/join.ts";
import { readJoined } from "../../../src/fleet/edge/join/joined.ts";
import { openKeys } from "../../../src/fleet/edge/join/keys.ts";
import { dueTime, keepCertificate } from "../../../src/fleet/edge/join/renewal.ts";
import { parseToken } from "../../../src/fleet/edge/join/token.ts";
import { configMap, core, delivery, openApi, openCloudHub, type Cloud } from "../hub/_cloud.ts";
import { until } from "../until.ts";
import { testAuthority } from "./fake-cloud.ts";

const base = mkdtempSync(join(tmpdir(), "sampan-join-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const { signal } = new AbortController();

async function joining(cloud: Cloud, more: Partial<Joining> = {}): Promise<Joining> {
  return {
    root: mkdtempSync(join(base, "root-")),
    clouds: [`127.0.0.1:${cloud.hub.port}`],
    certificatePort: cloud.hub.joinPort,
    node: "edge1",
    token: await cloud.hub.token(),
    force: false,
    now: Date.now(),
    signal,
    ...more,
  };
}

async function errorOf(promise: Promise<unknown>): Promise<SampanError> {
  try {
    await promise;
  } catch (error) {
    return SampanError.from(error);
  }
  throw new Error("it did not fail");
}

test("a node joins by a token: its key is made here, and its certificate is of its name", async () => {
  await using api = await openApi();
  await using cloud = await openCloudHub(api.client);
  const wanted = await joining(cloud);
  expect(await joinCloud(wanted)).toMatchObject({ node: "edge1", already: false });
  const keys = openKeys(keysFolder(wanted.root)).current();
  const { subject } = new X509Certificate(keys.certificate);
  expect(subject.split("\n")).toEqual(["O=system:nodes", "CN=system:node:edge1"]);
  for (const name of readdirSync(keysFolder(wanted.root)))
    expect(statSync(join(keysFolder(wanted.root), name)).mode & 0o777).toBe(0o600);
  expect(readJoined(wanted.root)).toEqual({
    node: "edge1",
    clouds: wanted.clouds,
    certificatePort: wanted.certificatePort,
  });
});

test("joining again changes nothing, joining otherwise is refused unless forced", async () => {
  await using api = await openApi();
  await using cloud = await openCloudHub(api.client);
  const wanted = await joining(cloud);
  await joinCloud(wanted);
  const before = openKeys(keysFolder(wanted.root)).current();
  expect(await joinCloud(wanted)).toMatchObject({ already: true });
  expect(openKeys(keysFolder(wanted.root)).current()).toEqual(before);
  const other = { ...wanted, node: "edge2" };
  expect((await errorOf(joinCloud(other))).message).toContain('this machine is node "edge1"');
  expect(await joinCloud({ ...other, force: true })).toMatchObject({ node: "edge2", already: false });
});

test("the token of another cloud is refused before anything of it is sent", async () => {
  await using api = await openApi();
  await using cloud = await openCloudHub(api.client);
  const wanted = await joining(cloud);
  const token = `${"0".repeat(64)}${wanted.token.slice(64)}`;
  const error = await errorOf(joinCloud({ ...wanted, token }));
  expect(error.code).toBe("unauthenticated");
  expect(error.message).toContain("somebody stands between");
  expect(readdirSync(wanted.root)).toEqual([]);
});

test("a token that is not good any more is refused with the cloud's words", async () => {
  await using api = await openApi();
  await using cloud = await openCloudHub(api.client);
  const wanted = await joining(cloud);
  const token = `${wanted.token.slice(0, -8)}AAAAAAAA`;
  const error = await errorOf(joinCloud({ ...wanted, token }));
  expect(error.code).toBe("unauthenticated");
  expect(error.message).toContain("token validation failure");
  expect(error.message).not.toContain(token.slice(70, 90));
});

test.each(["", "abc", `${"g".repeat(64)}.a.b.c`, `${"0".repeat(64)}.a.b`, `${"0".repeat(64)}.a.b.c\r\nX: y`])(
  "%p is no token",
  (text) => {
    expect(() => parseToken(text)).toThrow("cannot use the token");
  },
);

test("the link stands with what joining brought, and what the hub delivers is kept and acknowledged", async () => {
  await using api = await openApi();
  await using cloud = await openCloudHub(api.client);
  const wanted = await joining(cloud);
  await joinCloud(wanted);
  const around = { clock: systemClock(), log: () => {}, signal };
  const options = {
    ...around,
    node: "edge1",
    addresses: wanted.clouds,
    keys: openKeys(keysFolder(wanted.root)),
  };
  await using link = await openLink({ ...options, dials: false });
  await using meta = await openMeta({ ...around, root: wanted.root, link });
  link.start();
  await until(() => cloud.hub.edge("edge1"));
  const object = configMap("c", 7);
  cloud.hub.deliver("edge1", delivery(object));
  const key = { namespace: "default", type: "configmap", name: "c" };
  expect(await until(() => meta.get(key))).toEqual(object);
  const syncs = { group: "reliablesyncs.kubeedge.io", version: "v1alpha1", resource: "objectsyncs" };
  const recorded = await until(async () => {
    const { items } = await api.client.list(syncs);
    const [first] = items;
    return (first?.["status"] as { objectResourceVersion?: string } | undefined)?.objectResourceVersion;
  });
  expect(recorded).toBe("7");
});

test("a certificate is renewed by the one before", async () => {
  await using api = await openApi();
  await using cloud = await openCloudHub(api.client);
  const wanted = await joining(cloud);
  await joinCloud(wanted);
  const before = openKeys(keysFolder(wanted.root)).current();
  const address = `127.0.0.1:${cloud.hub.joinPort}`;
  const after = await renew({ address, node: "edge1", signal }, before);
  expect(after.key).not.toBe(before.key);
  const serial = (text: string) => new X509Certificate(text).serialNumber;
  expect(serial(after.certificate)).not.toBe(serial(before.certificate));
  expect((await errorOf(renew({ address, node: "edge2", signal }, before))).code).toBe("unauthenticated");
});

test("a certificate that ended while the node was away is renewed, as long as the cloud wants the node", async () => {
  await using api = await openApi();
  await using cloud = await openCloudHub(api.client, { certificateDays: 0 });
  const wanted = await joining(cloud);
  await joinCloud(wanted);
  const keys = openKeys(keysFolder(wanted.root));
  expect(keys.validity().until).toBeLessThanOrEqual(Date.now());
  const address = `127.0.0.1:${cloud.hub.joinPort}`;
  expect((await errorOf(renew({ address, node: "edge1", signal }, keys.current()))).code).toBe(
    "unauthenticated",
  );
  await api.client.create(core("nodes"), { apiVersion: "v1", kind: "Node", metadata: { name: "edge1" } });
  const before = keys.current();
  await until(() =>
    renew({ address, node: "edge1", signal }, before).then(
      () => true,
      () => false,
    ),
  );
});

test("renewal is due between 70 and 90 % of a certificate's life", () => {
  const life = { from: 1_000, until: 2_000 };
  expect([0, 0.5, 1].map((part) => dueTime(life, part))).toEqual([1_700, 1_800, 1_900]);
});

test("what is due is renewed and put in place; when the cloud refuses, by the token file", async () => {
  await using api = await openApi();
  await using cloud = await openCloudHub(api.client);
  for (const by of ["certificate", "token"] as const) {
    const wanted = await joining(cloud, { node: by });
    await joinCloud(wanted);
    const keys = openKeys(keysFolder(wanted.root));
    const before = keys.current();
    if (by === "token") {
      // Of another authority: this cloud does not know it.
      const stranger = await (await testAuthority()).node(by);
      keys.replace({ ...stranger, authority: before.authority });
    }
    const renewed = Promise.withResolvers<void>();
    const token = await cloud.hub.token();
    const { from, until: end } = keys.validity();
    const late = from + (end - from) * 0.95;
    let now = late;
    await using _renewal = keepCertificate({
      node: by,
      addresses: [`127.0.0.1:${cloud.hub.joinPort}`],
      keys,
      clock: { ...systemClock(), now: () => now },
      log: (text) => {
        now = Date.now();
        if (text.includes("was renewed")) renewed.resolve();
        else renewed.reject(new Error(text));
      },
      signal,
      token: () => token,
    });
    await renewed.promise;
    expect(keys.current().certificate).not.toBe(before.certificate);
  }
});

/** A cloud's port 10002 of the test's own. */
async function oldCloud(sign: (body: Buffer) => Promise<Buffer>) {
  const authority = await testAuthority();
  const { certificate, key } = await authority.server();
  const server = createServer({ cert: certificate, key }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.url === "/ca.crt") return response.end(new X509Certificate(authority.certificate).raw);
      void sign(Buffer.concat(chunks)).then((body) => response.end(body));
    });
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const sum = new Bun.CryptoHasher("sha256")
    .update(new X509Certificate(authority.certificate).raw)
    .digest("hex");
  return {
    authority,
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: parseToken(`${sum}.a.b.c`),
    [Symbol.dispose]: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

test("a cloud that does not take the name of a node gets the one name that old edges have", async () => {
  const asked: string[] = [];
  using cloud = await oldCloud(async (body) => {
    const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${body.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
    const request = readRequest(Buffer.from(pem).toString("base64"));
    if (typeof request === "string") throw new Error(request);
    asked.push(`${request.organizations.join()} ${request.commonName}`);
    if (request.commonName !== "kubeedge.io") return Buffer.alloc(0);
    const { issue } = await import("../../../src/fleet/cloud/apiserver/auth/pki/issue.ts");
    const text = await issue(cloud.authority, {
      subject: { commonName: request.commonName, organizations: request.organizations },
      publicKey: request.publicKey,
      validity: { from: Date.now() - 1000, until: Date.now() + 1_000_000 },
      usages: ["client"],
    });
    return new X509Certificate(text).raw;
  });
  const keys = await joinByToken({ address: cloud.address, node: "edge1", signal }, cloud.token);
  expect(asked).toEqual(["system:nodes system:node:edge1", "kubeEdge kubeedge.io"]);
  expect(new X509Certificate(keys.certificate).subject).toContain("CN=kubeedge.io");
});

test("a certificate for another key than ours, and what is none, are refused", async () => {
  for (const answer of ["other", "garbage"] as const) {
    using cloud = await oldCloud(async () =>
      answer === "garbage"
        ? Buffer.from("garbage")
        : new X509Certificate((await cloud.authority.node("edge1")).certificate).raw,
    );
    const error = await errorOf(joinByToken({ address: cloud.address, node: "edge1", signal }, cloud.token));
    expect(error.code).toBe("unavailable");
  }
});

test("a damaged pair of keys is told with what to do", () => {
  const folder = mkdtempSync(join(base, "keys-"));
  expect(() => openKeys(folder).current()).toThrow("has not joined");
  writeFileSync(join(folder, "authority.crt"), "");
  writeFileSync(join(folder, "node.pem"), "half a fi");
  expect(() => openKeys(folder).current()).toThrow("join again");
  expect(readFileSync(join(folder, "node.pem"), "utf8")).toBe("half a fi");
});
