import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import "reflect-metadata";
import {
  type JsonGeneralNames,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
} from "@peculiar/x509";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubeObject } from "../../../../spec/kubernetes/kube.ts";
import type { StrategyContext } from "../resource.ts";
import type { UserInfo } from "./auth.ts";
import { openAuthority, type Authority } from "./authority.ts";
import { openAuthorizer, type RoleAuthorizer } from "./authorizer.ts";
import { attendOne, startCertificates, sweep } from "./csr/controller.ts";
import { requestStrategy } from "./csr/strategy.ts";
import { MemoryClient, MemoryStorage } from "./memory.fake.ts";
import { bootstrapRoles } from "./rbac/bootstrap.ts";

const folder = mkdtempSync(join(tmpdir(), "sampan-csr-"));
const begin = Date.UTC(2026, 10, 21);
const now = () => begin;
const csrs = { group: "certificates.k8s.io", version: "v1", resource: "certificatesigningrequests" };
const apiClient = "kubernetes.io/kube-apiserver-client";
const kubelet = "kubernetes.io/kube-apiserver-client-kubelet";
const serving = "kubernetes.io/kubelet-serving";

let authority: Authority;
let opened: RoleAuthorizer | undefined;
beforeAll(async () => {
  authority = await openAuthority({ folder, now });
});
afterEach(async () => {
  await opened?.[Symbol.asyncDispose]();
  opened = undefined;
});
afterAll(() => rmSync(folder, { recursive: true }));

const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const rsa = (bits: number) => ({
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: bits,
});

interface Wanted {
  readonly cn?: string;
  readonly o?: readonly string[];
  readonly names?: JsonGeneralNames;
  readonly algorithm?: typeof ecdsa | ReturnType<typeof rsa>;
}

async function request({ cn = "jane", o = [], names = [], algorithm = ecdsa }: Wanted = {}): Promise<string> {
  const keys = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
  const made = await Pkcs10CertificateRequestGenerator.create({
    name: [...o.map((each) => ({ O: [each] })), ...(cn === "" ? [] : [{ CN: [cn] }])],
    keys,
    signingAlgorithm: algorithm,
    ...(names.length > 0 ? { extensions: [new SubjectAlternativeNameExtension(names)] } : {}),
  });
  return Buffer.from(`${made.toString("pem")}\n`).toString("base64");
}

const person = (name: string, ...groups: string[]): UserInfo => ({
  name,
  groups: [...groups, "system:authenticated"],
});
const nodeUser = person("system:node:n1", "system:nodes");

const client = ["digital signature", "key encipherment", "client auth"];
const server = ["digital signature", "key encipherment", "server auth"];

function object(spec: object, status?: object): KubeObject {
  return {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "a", uid: "u", creationTimestamp: new Date(begin).toISOString() },
    spec,
    ...(status ? { status } : {}),
  };
}

const approved = { conditions: [{ type: "Approved", status: "True" }] };

async function open() {
  const storage = new MemoryStorage();
  const api = new MemoryClient(storage);
  await bootstrapRoles(api);
  const authorizer = openAuthorizer({ storage });
  opened = authorizer;
  const failures: string[] = [];
  const options = {
    client: api,
    authority,
    authorizer,
    now,
    log: (text: string) => void failures.push(text),
  };
  return { storage, api, authorizer, options, failures };
}

/** What becomes of a request after one step. */
async function step(spec: object, status?: object) {
  const { api, options } = await open();
  await api.create(csrs, object(spec, status));
  await attendOne(options, object(spec, status));
  const { certificate, conditions = [] } =
    ((await api.get(csrs, { name: "a" }))["status"] as {
      certificate?: string;
      conditions?: { type: string; message?: string; reason?: string }[];
    }) ?? {};
  return {
    certificate:
      certificate === undefined ? undefined : new X509Certificate(Buffer.from(certificate, "base64")),
    conditions,
  };
}

describe("signing", () => {
  test("a user's certificate has the subject that was asked for, and ends when it was asked to", async () => {
    const spec = {
      request: await request({ cn: "jane", o: ["dev", "ops"] }),
      signerName: apiClient,
      usages: ["client auth"],
      username: "jane",
      expirationSeconds: 3600,
    };
    const { certificate } = await step(spec, approved);
    expect(certificate?.verify(new X509Certificate(authority.ca).publicKey)).toBe(true);
    expect(certificate?.subject.split("\n")).toEqual(["O=dev", "O=ops", "CN=jane"]);
    expect(certificate?.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
    expect(Date.parse(certificate?.validTo ?? "")).toBe(begin + 3_600_000);
    expect(certificate?.ca).toBe(false);
  });

  test("a year is the longest", async () => {
    const spec = {
      request: await request(),
      signerName: apiClient,
      usages: client,
      expirationSeconds: 10 * 365 * 86_400,
    };
    const { certificate } = await step(spec, approved);
    expect(Date.parse(certificate?.validTo ?? "")).toBe(begin + 365 * 86_400_000);
  });

  test("RSA keys are signed too", async () => {
    const spec = { request: await request({ algorithm: rsa(2048) }), signerName: apiClient, usages: client };
    const { certificate } = await step(spec, approved);
    expect(certificate?.publicKey.asymmetricKeyType).toBe("rsa");
  });

  test("a node's serving certificate has its names and addresses, and is for serving alone", async () => {
    const names: JsonGeneralNames = [
      { type: "dns", value: "n1.example" },
      { type: "ip", value: "192.0.2.1" },
      { type: "ip", value: "2001:db8::1" },
    ];
    const spec = {
      request: await request({ cn: "system:node:n1", o: ["system:nodes"], names }),
      signerName: serving,
      usages: server,
      username: "system:node:n1",
    };
    const { certificate } = await step(spec, approved);
    expect(certificate?.checkHost("n1.example")).toBe("n1.example");
    expect(certificate?.checkIP("192.0.2.1")).toBe("192.0.2.1");
    expect(certificate?.checkIP("2001:db8::1")).toBe("2001:db8::1");
    expect(certificate?.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
  });

  // edgecore 1.23.0 with requireAuthorization asks so for its MetaServer, through the cloud, which makes the request under its own name.
  test("a node's serving certificate may be asked for by who may do all", async () => {
    const names: JsonGeneralNames = [
      { type: "ip", value: "127.0.0.1" },
      { type: "ip", value: "169.254.30.10" },
    ];
    const spec = {
      request: await request({ cn: "system:node:ke-edge", o: ["system:nodes"], names }),
      signerName: serving,
      usages: ["digital signature", "key encipherment", "server auth"],
      username: "system:apiserver",
      groups: ["system:masters", "system:authenticated"],
    };
    const { certificate } = await step(spec, approved);
    expect(certificate?.subject.split("\n")).toEqual(["O=system:nodes", "CN=system:node:ke-edge"]);
    expect(certificate?.checkIP("169.254.30.10")).toBe("169.254.30.10");
  });

  const node = { cn: "system:node:n1", o: ["system:nodes"] };
  const dns: JsonGeneralNames = [{ type: "dns", value: "a.example" }];
  const refusals: readonly (readonly [string, string, Wanted, readonly string[], string, RegExp])[] = [
    ["a user without a name", apiClient, { cn: "" }, client, "jane", /no common name/],
    ["a user for a server", apiClient, {}, server, "jane", /usages must be/],
    ["a user for everything", apiClient, {}, [...client, "server auth"], "jane", /usages must be/],
    [
      "a node of another organization",
      kubelet,
      { ...node, o: ["dev"] },
      client,
      "x",
      /must be exactly system:nodes/,
    ],
    [
      "a node of two organizations",
      kubelet,
      { ...node, o: ["system:nodes", "system:masters"] },
      client,
      "x",
      /exactly/,
    ],
    ["a node that is called otherwise", kubelet, { ...node, cn: "n1" }, client, "x", /system:node:NAME/],
    ["a node without a name", kubelet, { ...node, cn: "system:node:" }, client, "x", /system:node:NAME/],
    [
      "a node's client with names",
      kubelet,
      { ...node, names: dns },
      client,
      "x",
      /no subject alternative names/,
    ],
    ["a node's client that serves", kubelet, node, server, "x", /usages must be/],
    ["a serving node without names", serving, node, server, node.cn, /at least one/],
    [
      "a serving node with a mail address",
      serving,
      { ...node, names: [...dns, { type: "email", value: "a@b.c" }] },
      server,
      node.cn,
      /other than/,
    ],
    [
      "a serving node with a URI",
      serving,
      { ...node, names: [...dns, { type: "url", value: "https://a" }] },
      server,
      node.cn,
      /other than/,
    ],
    [
      "a serving node for another",
      serving,
      { ...node, names: dns },
      server,
      "system:node:n2",
      /itself alone/,
    ],
    ["a serving user", serving, { cn: "jane", names: dns }, server, "jane", /exactly system:nodes/],
  ];
  for (const [name, signerName, wanted, usages, username, words] of refusals)
    test(`fails and says why: ${name}`, async () => {
      const spec = { request: await request(wanted), signerName, usages, username };
      const { certificate, conditions } = await step(spec, approved);
      expect(certificate).toBeUndefined();
      expect(conditions[1]).toMatchObject({ type: "Failed", reason: "SignerValidationFailure" });
      expect(conditions[1]?.message).toMatch(words);
    });

  test("a request whose own key did not sign it fails", async () => {
    const pem = Buffer.from(await request(), "base64").toString();
    const der = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
    der[der.length - 1] = (der[der.length - 1] ?? 0) ^ 1;
    const text = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
    const spec = { request: Buffer.from(text).toString("base64"), signerName: apiClient, usages: client };
    expect((await step(spec, approved)).conditions[1]?.message).toBe("its key did not sign it");
  });

  test("nothing is signed that nobody approved, that was denied, or that is for another signer", async () => {
    const spec = { request: await request(), signerName: apiClient, usages: client };
    expect((await step(spec)).certificate).toBeUndefined();
    const denied = { conditions: [{ type: "Denied", status: "True" }] };
    expect((await step(spec, denied)).certificate).toBeUndefined();
    expect((await step({ ...spec, signerName: "example.com/mine" }, approved)).certificate).toBeUndefined();
    expect(
      (await step({ ...spec, signerName: "kubernetes.io/legacy-unknown" }, approved)).certificate,
    ).toBeUndefined();
  });
});

describe("approving by itself", () => {
  const wanted = { cn: "system:node:n1", o: ["system:nodes"] };
  const asked = async (user: UserInfo, more: object = {}) => ({
    request: await request(wanted),
    signerName: kubelet,
    usages: client,
    username: user.name,
    groups: user.groups,
    ...more,
  });

  test("a node renews its own certificate", async () => {
    const { conditions } = await step(await asked(nodeUser));
    expect(conditions).toMatchObject([{ type: "Approved", status: "True", reason: "AutoApproved" }]);
  });

  test("a node does not get another's", async () => {
    const spec = await asked(person("system:node:n2", "system:nodes"));
    expect((await step(spec)).conditions).toEqual([]);
  });

  test("others do not get a node's, unless they may ask for all", async () => {
    expect((await step(await asked(person("jane")))).conditions).toEqual([]);
    expect((await step(await asked(person("admin", "sampan:cluster-admins")))).conditions).toHaveLength(1);
  });

  test("other signers are for people to approve", async () => {
    const spec = { ...(await asked(person("admin", "sampan:cluster-admins"))), signerName: apiClient };
    expect((await step(spec)).conditions).toEqual([]);
    expect((await step(await asked(nodeUser, { usages: server }))).conditions).toEqual([]);
  });

  test("the controller goes on to the certificate, and forgets it in an hour", async () => {
    const { api, options, storage, failures } = await open();
    await using _ = startCertificates(options);
    await api.create(csrs, object(await asked(nodeUser)));
    const status = async () =>
      (await api.get(csrs, { name: "a" }))["status"] as { certificate?: string } | undefined;
    while ((await status())?.certificate === undefined) await storage.delivered();
    const certificate = new X509Certificate(Buffer.from((await status())?.certificate ?? "", "base64"));
    expect(certificate.subject).toContain("CN=system:node:n1");
    expect(failures).toEqual([]);
  });

  test("what was judged goes after an hour, what waits after a day", async () => {
    const { api, options } = await open();
    const { signal } = new AbortController();
    const left = async (later: number, status?: object) => {
      await api.create(csrs, object({}, status));
      await sweep({ ...options, now: () => begin + later }, signal);
      return (await api.list(csrs)).items.length;
    };
    const judged = { conditions: [{ type: "Denied", lastUpdateTime: new Date(begin).toISOString() }] };
    expect(await left(3_500_000, judged)).toBe(1);
    expect(await left(3_700_000, judged)).toBe(0);
    expect(await left(23 * 3_600_000)).toBe(1);
    expect(await left(25 * 3_600_000)).toBe(0);
  });
});

describe("what may be asked", () => {
  const context = (user: UserInfo, subresource?: string): StrategyContext => ({
    user,
    now: "2026-11-21T00:00:00Z",
    find: () => undefined,
    keep: () => {},
    ...(subresource === undefined ? {} : { subresource }),
  });

  test("who asked is whoever asked", async () => {
    const { authorizer } = await open();
    const made = object(
      {
        request: "",
        signerName: apiClient,
        usages: client,
        username: "root",
        groups: ["system:masters"],
        uid: "0",
      },
      approved,
    );
    requestStrategy({}, authorizer).prepareForCreate?.(made, context({ ...nodeUser, extra: { a: ["b"] } }));
    expect(made["spec"]).toMatchObject({
      username: nodeUser.name,
      groups: nodeUser.groups,
      extra: { a: ["b"] },
    });
    expect(made["spec"]).not.toHaveProperty("uid");
    expect(made["status"]).toBeUndefined();
  });

  test("nobody asks to be a master", async () => {
    const { authorizer } = await open();
    const spec = { request: await request({ o: ["system:masters"] }), signerName: apiClient, usages: client };
    expect(() => requestStrategy({}, authorizer).prepareForCreate?.(object(spec), context(nodeUser))).toThrow(
      "system:masters group is not allowed",
    );
  });

  const rows: readonly (readonly [string, object, string])[] = [
    ["no request", { request: "" }, "spec.request"],
    ["not PEM", { request: Buffer.from("hello").toString("base64") }, "spec.request"],
    [
      "a certificate",
      {
        request: Buffer.from("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----").toString(
          "base64",
        ),
      },
      "spec.request",
    ],
    [
      "a damaged request",
      {
        request: Buffer.from(
          "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----",
        ).toString("base64"),
      },
      "spec.request",
    ],
    ["a huge request", { request: Buffer.alloc(40_000, "A").toString("base64") }, "spec.request"],
    ["no signer", { signerName: "" }, "spec.signerName"],
    ["a signer without a domain", { signerName: "mine" }, "spec.signerName"],
    ["no usages", { usages: [] }, "spec.usages"],
    ["an unknown usage", { usages: ["client auth", "flying"] }, "spec.usages[1]"],
    ["a usage twice", { usages: ["client auth", "client auth"] }, "spec.usages[1]"],
    ["too short a time", { expirationSeconds: 599 }, "spec.expirationSeconds"],
  ];
  for (const [name, more, field] of rows)
    test(`refused: ${name}`, async () => {
      const { authorizer } = await open();
      const spec = { request: await request(), signerName: apiClient, usages: client, ...more };
      const causes = requestStrategy({}, authorizer).validate?.(object(spec), context(nodeUser)) ?? [];
      expect(causes.map((cause) => cause.field)).toEqual([field]);
    });

  for (const [name, wanted] of [
    ["a weak RSA key", { algorithm: rsa(1024) }],
    ["a name of two lines", { cn: "root\njane" }],
    ["a group of two lines", { o: ["dev\nsystem:masters"] }],
  ] as const)
    test(`refused: ${name}`, async () => {
      const { authorizer } = await open();
      const spec = { request: await request(wanted), signerName: apiClient, usages: client };
      expect(requestStrategy({}, authorizer).validate?.(object(spec), context(nodeUser))).toHaveLength(1);
    });

  const approve = (user: UserInfo, authorizer: RoleAuthorizer, old: KubeObject) => {
    const changed: KubeObject = structuredClone({
      ...old,
      spec: { signerName: "example.com/x" },
      status: approved,
    });
    requestStrategy({}, authorizer).prepareForUpdate?.(changed, old, context(user, "approval"));
    return changed;
  };

  test("approving is for who may approve for that signer; what was asked stays", async () => {
    const { authorizer, storage } = await open();
    const old = object({ signerName: kubelet, username: "x" });
    expect(() => approve(person("jane"), authorizer, old)).toThrow(
      'user not permitted to approve requests with signerName "kubernetes.io/kube-apiserver-client-kubelet"',
    );
    storage.put({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "jane" },
      roleRef: {
        kind: "ClusterRole",
        name: "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver",
      },
      subjects: [{ kind: "User", name: "jane" }],
    });
    await storage.delivered();
    const changed = approve(person("jane"), authorizer, old);
    expect(changed["spec"]).toEqual({ signerName: kubelet, username: "x" });
    expect(changed["status"]).toMatchObject({
      conditions: [{ type: "Approved", lastUpdateTime: "2026-11-21T00:00:00Z" }],
    });
    expect(() => approve(person("jane"), authorizer, object({ signerName: apiClient }))).toThrow(
      "not permitted",
    );
  });

  test("a certificate is put in by who may sign, and a verdict not by that way", async () => {
    const { authorizer } = await open();
    const old = object({ signerName: kubelet });
    const changed = (status: object) => structuredClone({ ...old, status });
    const strategy = requestStrategy({}, authorizer);
    const signed = changed({ certificate: "AAAA" });
    expect(() => strategy.prepareForUpdate?.(signed, old, context(person("jane"), "status"))).toThrow(
      "not permitted to sign",
    );
    const sneaked = changed(approved);
    strategy.prepareForUpdate?.(sneaked, old, context(person("jane"), "status"));
    expect(sneaked["status"]).toEqual({});
  });

  test("a verdict stays, and there is one", async () => {
    const { authorizer } = await open();
    const strategy = requestStrategy({}, authorizer);
    const both = object(
      {},
      {
        conditions: [
          { type: "Approved", status: "True" },
          { type: "Denied", status: "True" },
        ],
      },
    );
    const causes = (changed: KubeObject, old: KubeObject) =>
      strategy.validateUpdate?.(changed, old, context(nodeUser, "approval")) ?? [];
    expect(causes(both, object({}))).toHaveLength(1);
    expect(causes(object({}), object({}, approved))).toHaveLength(1);
    expect(
      causes(object({}, { conditions: [{ type: "Approved", status: "False" }] }), object({})),
    ).toHaveLength(1);
    expect(causes(object({}, approved), object({}))).toEqual([]);
  });
});
