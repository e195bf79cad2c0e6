import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubeError, type KubeObject } from "../../../../spec/kubernetes/kube.ts";
import type { UserInfo } from "./auth.ts";
import { openAuthenticator, type TokenAuthenticator } from "./authenticator.ts";
import { openAuthority, type Authority } from "./authority.ts";
import { openAuthorizer, type RoleAuthorizer } from "./authorizer.ts";
import { MemoryClient, MemoryStorage } from "./memory.fake.ts";
import { restrictNode } from "./node/restriction.ts";
import { bootstrapRoles } from "./rbac/bootstrap.ts";
import { reviews } from "./reviews/reviews.ts";
import { tokenRequests } from "./tokens/request.ts";

const folder = mkdtempSync(join(tmpdir(), "sampan-reviews-"));
const begin = Date.UTC(2026, 10, 21);
const now = () => begin;

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

const person = (name: string, ...groups: string[]): UserInfo => ({
  name,
  groups: [...groups, "system:authenticated"],
});

function thing(kind: string, name: string, more: { namespace?: string; spec?: object } = {}): KubeObject {
  const { namespace, spec } = more;
  return {
    apiVersion: "v1",
    kind,
    metadata: { name, uid: `uid-${name}`, ...(namespace === undefined ? {} : { namespace }) },
    ...(spec ? { spec } : {}),
  };
}

async function open() {
  const storage = new MemoryStorage();
  const client = new MemoryClient(storage);
  await bootstrapRoles(client);
  const inDefault = { namespace: "default" };
  storage.put(thing("ServiceAccount", "robot", inDefault));
  storage.put(thing("ServiceAccount", "other", inDefault));
  storage.put(thing("Pod", "p", { ...inDefault, spec: { serviceAccountName: "robot", nodeName: "n1" } }));
  storage.put(thing("Pod", "q", { ...inDefault, spec: { serviceAccountName: "robot" } }));
  storage.put(thing("Secret", "s", inDefault));
  storage.put(thing("Node", "n1"));
  storage.put({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: "v", namespace: "default" },
    roleRef: { kind: "ClusterRole", name: "view" },
    subjects: [
      { kind: "User", name: "vera" },
      { kind: "Group", name: "viewers" },
    ],
  });
  const find = (resource: string, namespace: string, name: string) =>
    storage.get({ resource, namespace, name })?.object;
  const authorizer = openAuthorizer({ storage });
  opened = authorizer;
  const authenticator: TokenAuthenticator = openAuthenticator({ authority, find, now });
  return {
    storage,
    authenticator,
    reviews: reviews({ authorizer, authenticator }),
    request: tokenRequests({ tokens: authority.tokens, find, now }),
  };
}

async function review(
  plural: string,
  user: UserInfo,
  object: { kind: string; namespace?: string; spec?: object },
) {
  const { kind, namespace, spec } = object;
  const all = (await open()).reviews;
  const metadata = namespace === undefined ? {} : { namespace };
  const answer = await all[plural]?.(
    { apiVersion: "authorization.k8s.io/v1", kind, metadata, ...(spec ? { spec } : {}) },
    { user },
  );
  return answer?.["status"];
}

const pods = { resource: "pods", verb: "get", namespace: "default" };

describe("reviews of access", () => {
  test("of oneself", async () => {
    const ask = (user: UserInfo, resourceAttributes: object) =>
      review("selfsubjectaccessreviews", user, {
        kind: "SelfSubjectAccessReview",
        spec: { resourceAttributes },
      });
    expect(await ask(person("vera"), pods)).toEqual({
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "v/default" of ClusterRole "view" to User "vera"',
    });
    expect(await ask(person("vera"), { ...pods, verb: "delete" })).toEqual({ allowed: false });
    expect(await ask(person("vera"), { ...pods, namespace: "other" })).toEqual({ allowed: false });
    expect(
      await ask(person("root", "sampan:cluster-admins"), { verb: "*", resource: "*", group: "*" }),
    ).toMatchObject({ allowed: true });
  });

  test("of a path", async () => {
    const spec = { nonResourceAttributes: { path: "/version", verb: "get" } };
    const kind = "SelfSubjectAccessReview";
    expect(await review("selfsubjectaccessreviews", person("x"), { kind, spec })).toMatchObject({
      allowed: true,
    });
  });

  test("of others, by name and by group", async () => {
    const ask = (more: object) =>
      review("subjectaccessreviews", person("root", "system:masters"), {
        kind: "SubjectAccessReview",
        spec: { resourceAttributes: pods, ...more },
      });
    expect(await ask({ user: "vera" })).toMatchObject({ allowed: true });
    expect(await ask({ groups: ["viewers"] })).toMatchObject({ allowed: true });
    expect(await ask({ user: "x" })).toEqual({ allowed: false });
    expect(ask({})).rejects.toMatchObject({ reason: "Invalid" });
  });

  test("within a namespace, only of that one", async () => {
    const ask = (namespace: string) =>
      review("localsubjectaccessreviews", person("x"), {
        kind: "LocalSubjectAccessReview",
        namespace,
        spec: { user: "vera", resourceAttributes: pods },
      });
    expect(await ask("default")).toMatchObject({ allowed: true });
    expect(ask("other")).rejects.toMatchObject({ reason: "BadRequest" });
  });

  test("of both or of nothing is refused", async () => {
    const ask = (spec: object) =>
      review("selfsubjectaccessreviews", person("x"), { kind: "SelfSubjectAccessReview", spec });
    expect(ask({})).rejects.toMatchObject({ reason: "Invalid" });
    expect(ask({ resourceAttributes: pods, nonResourceAttributes: {} })).rejects.toMatchObject({
      reason: "Invalid",
    });
  });

  test("a node's own pods, by the selector", async () => {
    const node = person("system:node:n1", "system:nodes");
    const ask = (fieldSelector: object) =>
      review("selfsubjectaccessreviews", node, {
        kind: "SelfSubjectAccessReview",
        spec: { resourceAttributes: { resource: "pods", verb: "list", fieldSelector } },
      });
    expect(
      await ask({ requirements: [{ key: "spec.nodeName", operator: "In", values: ["n1"] }] }),
    ).toMatchObject({ allowed: true });
    expect(await ask({ rawSelector: "spec.nodeName=n1" })).toMatchObject({ allowed: true });
    expect(
      await ask({ requirements: [{ key: "spec.nodeName", operator: "NotIn", values: ["n1"] }] }),
    ).toMatchObject({ allowed: false });
  });

  test("all rules of oneself in a namespace", async () => {
    const kind = "SelfSubjectRulesReview";
    const status = (await review("selfsubjectrulesreviews", person("vera"), {
      kind,
      spec: { namespace: "default" },
    })) as {
      resourceRules: { resources: string[]; verbs: string[] }[];
      nonResourceRules: { nonResourceURLs: string[] }[];
      incomplete: boolean;
    };
    expect(status.incomplete).toBe(false);
    expect(status.resourceRules.some(({ resources }) => resources.includes("pods"))).toBe(true);
    expect(status.nonResourceRules.some(({ nonResourceURLs }) => nonResourceURLs.includes("/version"))).toBe(
      true,
    );
    expect(review("selfsubjectrulesreviews", person("vera"), { kind, spec: {} })).rejects.toMatchObject({
      reason: "BadRequest",
    });
    const node = person("system:node:n1", "system:nodes");
    expect(await review("selfsubjectrulesreviews", node, { kind, spec: { namespace: "x" } })).toMatchObject({
      incomplete: true,
    });
  });
});

const key = { namespace: "default", name: "robot" };
const asks = (spec: object = {}, metadata: object = {}): KubeObject => ({
  apiVersion: "authentication.k8s.io/v1",
  kind: "TokenRequest",
  metadata,
  spec,
});
const admin = { user: person("root", "system:masters") };

interface Given {
  readonly token: string;
  readonly expirationTimestamp: string;
}

describe("requests of tokens", () => {
  test("a token is for this API and an hour, and is the account", async () => {
    const { request, authenticator } = await open();
    const answer = await request({ key, object: asks(), options: {}, context: admin });
    const { token, expirationTimestamp } = answer["status"] as Given;
    expect(expirationTimestamp).toBe("2026-11-21T01:00:00Z");
    expect(answer["spec"]).toEqual({ audiences: [authority.tokens.issuer], expirationSeconds: 3600 });
    expect((await authenticator.authenticate({ bearer: token }))?.name).toBe(
      "system:serviceaccount:default:robot",
    );
  });

  test("a token for a pod is bound to it and says its node", async () => {
    const { request, authenticator, storage } = await open();
    const boundObjectRef = { kind: "Pod", apiVersion: "v1", name: "p", uid: "uid-p" };
    const object = asks({
      boundObjectRef,
      audiences: [authority.tokens.issuer, "vault"],
      expirationSeconds: 600,
    });
    const { token } = (await request({ key, object, options: {}, context: admin }))["status"] as Given;
    expect((await authenticator.authenticate({ bearer: token }))?.extra).toMatchObject({
      "authentication.kubernetes.io/pod-name": ["p"],
      "authentication.kubernetes.io/node-uid": ["uid-n1"],
    });
    storage.remove("pods", "default", "p");
    expect(authenticator.authenticate({ bearer: token })).rejects.toBeInstanceOf(KubeError);
  });

  const bound = (kind: string, name: string, uid?: string, apiVersion = "v1") => ({
    boundObjectRef: { kind, apiVersion, name, ...(uid === undefined ? {} : { uid }) },
  });
  const rows: readonly (readonly [string, object, string])[] = [
    ["less than ten minutes", { expirationSeconds: 599 }, "Invalid"],
    ["more than a century", { expirationSeconds: 2 ** 32 + 1 }, "Invalid"],
    ["half a second", { expirationSeconds: 600.5 }, "BadRequest"],
    ["audiences that are no texts", { audiences: [1] }, "BadRequest"],
    ["a pod that is not there", bound("Pod", "gone"), "NotFound"],
    ["a pod that is another now", bound("Pod", "p", "old"), "Conflict"],
    ["a config map", bound("ConfigMap", "p"), "BadRequest"],
    ["a pod of another version", bound("Pod", "p", undefined, "v2"), "BadRequest"],
    ["nothing by name", { boundObjectRef: { kind: "Pod" } }, "BadRequest"],
  ];
  for (const [name, spec, reason] of rows)
    test(`refused: ${name}`, async () => {
      const { request } = await open();
      expect(request({ key, object: asks(spec), options: {}, context: admin })).rejects.toMatchObject({
        reason,
      });
    });

  for (const [kind, name] of [
    ["Secret", "s"],
    ["Node", "n1"],
  ] as const)
    test(`bound to a ${kind} it ends with it`, async () => {
      const { request, authenticator, storage } = await open();
      const answer = await request({ key, object: asks(bound(kind, name)), options: {}, context: admin });
      const { token } = answer["status"] as Given;
      expect(await authenticator.authenticate({ bearer: token })).toBeDefined();
      storage.remove(`${kind.toLowerCase()}s`, kind === "Node" ? "" : "default", name);
      expect(authenticator.authenticate({ bearer: token })).rejects.toBeInstanceOf(KubeError);
    });

  test("refused: an account that is not there, a pod of another account, another name in the body", async () => {
    const { request } = await open();
    const ask = (name: string, object: KubeObject) =>
      request({ key: { namespace: "default", name }, object, options: {}, context: admin });
    expect(ask("gone", asks())).rejects.toMatchObject({ reason: "NotFound" });
    expect(ask("other", asks(bound("Pod", "p")))).rejects.toMatchObject({ reason: "BadRequest" });
    expect(ask("robot", asks({}, { name: "other" }))).rejects.toMatchObject({ reason: "BadRequest" });
    expect(ask("robot", { ...asks(), kind: "Secret" })).rejects.toMatchObject({ reason: "BadRequest" });
  });

  test("a dry run gives none", async () => {
    const { request } = await open();
    const answer = await request({ key, object: asks(), options: { dryRun: true }, context: admin });
    expect(answer["status"]).toMatchObject({ token: "" });
  });

  test("a node gets tokens for its own pods alone", async () => {
    const { request } = await open();
    const ask = (node: string, spec: object) =>
      request({
        key,
        object: asks(spec),
        options: {},
        context: { user: person(`system:node:${node}`, "system:nodes") },
      });
    expect(await ask("n1", bound("Pod", "p"))).toBeDefined();
    expect(ask("n2", bound("Pod", "p"))).rejects.toMatchObject({ reason: "Forbidden" });
    expect(ask("n1", bound("Pod", "q"))).rejects.toMatchObject({ reason: "Forbidden" });
    expect(ask("n1", {})).rejects.toMatchObject({ reason: "Forbidden" });
    expect(ask("n1", bound("Node", "n1"))).rejects.toMatchObject({ reason: "Forbidden" });
  });

  test("a review of a token says who, for which audience, or that it is none", async () => {
    const { request, reviews: all } = await open();
    const answer = await request({
      key,
      object: asks({ audiences: ["vault"] }),
      options: {},
      context: admin,
    });
    const { token } = answer["status"] as Given;
    const ask = async (spec: object) =>
      (
        await all["tokenreviews"]?.(
          { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", metadata: {}, spec },
          admin,
        )
      )?.["status"];
    expect(await ask({ token, audiences: ["vault", "x"] })).toMatchObject({
      authenticated: true,
      audiences: ["vault"],
      user: { username: "system:serviceaccount:default:robot", uid: "uid-robot" },
    });
    expect(await ask({ token })).not.toHaveProperty("authenticated");
    expect(await ask({ token: "x.y.z" })).toHaveProperty("error");
    expect(ask({})).rejects.toMatchObject({ reason: "BadRequest" });
  });
});

describe("what a node writes", () => {
  const user = person("system:node:n1", "system:nodes");
  const node = (name: string, labels: Record<string, string> = {}, spec: object = {}): KubeObject => ({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels },
    spec,
  });
  const owner = { apiVersion: "v1", kind: "Node", name: "n1", uid: "u", controller: true };
  const pod = (spec: object = {}, metadata: object = {}): KubeObject => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "p",
      namespace: "default",
      annotations: { "kubernetes.io/config.mirror": "hash" },
      ownerReferences: [owner],
      ...metadata,
    },
    spec: { nodeName: "n1", ...spec },
  });
  const lease = (name: string, namespace = "kube-node-lease"): KubeObject => ({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name, namespace },
  });
  const tainted = { taints: [{ key: "a", effect: "NoSchedule" }] };

  type Row = readonly [
    allowed: boolean,
    name: string,
    resource: string,
    object: KubeObject,
    old?: KubeObject,
    subresource?: string,
  ];
  const rows: readonly Row[] = [
    [true, "itself", "nodes", node("n1", { "kubernetes.io/arch": "arm64", "example.com/a": "b" }, tainted)],
    [false, "another", "nodes", node("n2")],
    [
      false,
      "itself with a restricted label",
      "nodes",
      node("n1", { "node-restriction.kubernetes.io/fips": "true" }),
    ],
    [
      false,
      "itself with a label below a restricted one",
      "nodes",
      node("n1", { "a.node-restriction.kubernetes.io/b": "c" }),
    ],
    [
      false,
      "itself with a label of Kubernetes",
      "nodes",
      node("n1", { "node-role.kubernetes.io/control-plane": "" }),
    ],
    [
      true,
      "itself with a label for nodes",
      "nodes",
      node("n1", { "node.kubernetes.io/x": "", "kubelet.kubernetes.io/y": "" }),
    ],
    [false, "another label", "nodes", node("n1", { "k8s.io/a": "b" }), node("n1")],
    [
      false,
      "a restricted label away",
      "nodes",
      node("n1"),
      node("n1", { "node-restriction.kubernetes.io/a": "b" }),
    ],
    [true, "its own status", "nodes", node("n1"), node("n1"), "status"],
    [false, "another's status", "nodes", node("n2"), node("n2"), "status"],
    [false, "its taints away", "nodes", node("n1"), node("n1", {}, tainted)],
    [true, "itself with taints that stay", "nodes", node("n1", { a: "b" }, tainted), node("n1", {}, tainted)],
    [true, "a mirror pod", "pods", pod()],
    [false, "a pod of no file", "pods", pod({}, { annotations: {} })],
    [false, "a mirror pod elsewhere", "pods", pod({ nodeName: "n2" })],
    [false, "a mirror pod with an account", "pods", pod({ serviceAccountName: "robot" })],
    [
      false,
      "a mirror pod with a secret",
      "pods",
      pod({ volumes: [{ name: "a", secret: { secretName: "s" } }] }),
    ],
    [
      false,
      "a mirror pod with a config map",
      "pods",
      pod({ containers: [{ envFrom: [{ configMapRef: { name: "c" } }] }] }),
    ],
    [false, "a mirror pod without an owner", "pods", pod({}, { ownerReferences: [] })],
    [false, "a mirror pod of another node", "pods", pod({}, { ownerReferences: [{ ...owner, name: "n2" }] })],
    [true, "the status of a pod of its own", "pods", pod(), pod(), "status"],
    [false, "the status of another's pod", "pods", pod(), pod({ nodeName: "n2" }), "status"],
    [false, "labels with the status", "pods", pod({}, { labels: { a: "b" } }), pod(), "status"],
    [false, "a pod", "pods", pod(), pod()],
    [true, "its lease", "coordination.k8s.io/leases", lease("n1")],
    [false, "another's lease", "coordination.k8s.io/leases", lease("n2")],
    [false, "a lease elsewhere", "coordination.k8s.io/leases", lease("n1", "kube-system")],
    [true, "what is not restricted", "events", node("x")],
  ];
  for (const [allowed, name, resource, object, old, subresource] of rows)
    test(`${allowed ? "may" : "may not"} be ${name}${old ? " (a change)" : ""}`, () => {
      const write = () =>
        restrictNode({
          user,
          resource,
          object,
          ...(old ? { old } : {}),
          ...(subresource === undefined ? {} : { subresource }),
        });
      if (allowed) expect(write).not.toThrow();
      else expect(write).toThrow(KubeError);
    });

  test("others are not restricted by it", () => {
    expect(() => restrictNode({ user: person("jane"), resource: "nodes", object: node("n2") })).not.toThrow();
  });
});
