import { afterAll, beforeAll, expect, test } from "bun:test";
import { ids } from "../../../src/fleet/cloud/edgecontroller/ids.ts";
import { startEdgeController } from "../../../src/fleet/cloud/edgecontroller/start.ts";
import { message, type Envelope } from "../../../src/fleet/link/envelope.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";
import { openTestCloud, type TestCloud } from "./_cloud.ts";

let cloud: TestCloud;
let mine: KubeObject;
let yours: KubeObject;
beforeAll(async () => {
  cloud = await openTestCloud([startEdgeController]);
  await cloud.join("evil");
  await cloud.join("good");
  mine = await cloud.run("evil", "mine", { volumes: [{ name: "t", projected: token }] });
  yours = await cloud.run("good", "yours", { volumes: [{ name: "s", secret: { secretName: "theirs" } }] });
  await cloud.create(ids.secrets, { kind: "Secret", metadata: { name: "theirs", namespace: "default" } });
});
afterAll(() => cloud[Symbol.asyncDispose]());

const token = { sources: [{ serviceAccountToken: { path: "token" } }] };

const edged = (operation: string, resource: string, content: unknown = null): Envelope =>
  message({ source: "edged", group: "meta", operation, resource }, content);

interface Failure {
  readonly reason: string;
  readonly message: string;
}

/** The refusal in any of its forms. */
async function refusal(asked: Envelope): Promise<Failure> {
  await cloud.hub.say("evil", asked);
  const { content } = await cloud.hub.untilSent("evil", ({ parent }) => parent === asked.id);
  const { ErrStatus, Err } = content as { ErrStatus?: Failure; Err?: { ErrStatus: Failure } };
  const found = ErrStatus ?? Err?.ErrStatus;
  if (!found) throw new Error(`it was not refused: ${JSON.stringify(content)}`);
  return found;
}

const bound = (pod: KubeObject, change: object = {}) => ({
  metadata: {},
  spec: {
    audiences: null,
    boundObjectRef: {
      kind: "Pod",
      apiVersion: "v1",
      name: pod.metadata.name,
      uid: pod.metadata.uid,
      ...change,
    },
  },
});

const mirror = (change: object, meta: object = {}) => ({
  metadata: {
    name: "shadow",
    namespace: "default",
    annotations: { "kubernetes.io/config.mirror": "abc" },
    ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "evil", uid: "forged", controller: true }],
    ...meta,
  },
  spec: { nodeName: "evil", containers: [{ name: "c", image: "busybox:1" }], ...change },
});

const patch = (value: object) => JSON.stringify(value);
const labelled = (labels: object) =>
  edged("update", "default/node/evil", { metadata: { name: "evil", labels } });
const restricted = { "node-restriction.kubernetes.io/tier": "gold" };
const lease = (change: object) => ({
  metadata: { name: "evil", namespace: "kube-node-lease", ...change },
  spec: { holderIdentity: "evil", leaseDurationSeconds: 40 },
});
const otherOwner = [{ apiVersion: "v1", kind: "Node", name: "good", uid: "u" }];
const podDelete = (uid: string | undefined) => ({ gracePeriodSeconds: 0, preconditions: { uid } });
const csr = (change: object) => ({
  metadata: { name: "req" },
  spec: {
    request: "bm9uZQ==",
    signerName: "kubernetes.io/kubelet-serving",
    usages: ["server auth"],
    ...change,
  },
});

const rows: readonly [title: string, asked: () => Envelope, reason: string][] = [
  ["a secret of another node's pod", () => edged("query", "default/secret/theirs"), "Forbidden"],
  ["a secret of nobody", () => edged("query", "default/secret/none"), "Forbidden"],
  ["a config map of nobody", () => edged("query", "kube-system/configmap/extension"), "Forbidden"],
  ["a claim of nobody", () => edged("query", "default/persistentvolumeclaim/x"), "Forbidden"],
  ["a volume of nobody", () => edged("query", "default/persistentvolume/x"), "Forbidden"],
  ["another node's pod", () => edged("query", "default/pod/yours"), "Forbidden"],
  [
    "the status of another node's pod",
    () =>
      edged(
        "patch",
        "default/podpatch/yours",
        patch({ metadata: { uid: yours.metadata.uid }, status: { phase: "Failed" } }),
      ),
    "Forbidden",
  ],
  [
    "the end of another node's pod",
    () => edged("delete", "default/pod/yours", podDelete(yours.metadata.uid)),
    "Forbidden",
  ],
  ["the end of another node's pod, whichever", () => edged("delete", "default/pod/yours", {}), "Forbidden"],
  [
    "the spec of its pod",
    () => edged("patch", "default/podpatch/mine", patch({ spec: { nodeName: "good" } })),
    "Forbidden",
  ],
  [
    "the labels of its pod",
    () => edged("patch", "default/podpatch/mine", patch({ metadata: { labels: { app: "admin" } } })),
    "Forbidden",
  ],
  [
    "the finalizers of its pod",
    () => edged("patch", "default/podpatch/mine", patch({ metadata: { finalizers: ["x/y"] } })),
    "Forbidden",
  ],
  [
    "its pod as a whole",
    () => edged("patch", "default/podpatch/mine", patch({ $patch: "replace" })),
    "Forbidden",
  ],
  [
    "its pod's status as a whole",
    () => edged("patch", "default/podpatch/mine", patch({ status: { $patch: "delete" } })),
    "Forbidden",
  ],
  [
    "a pod that was its name's before",
    () => edged("patch", "default/podpatch/mine", patch({ metadata: { uid: "old" }, status: {} })),
    "Conflict",
  ],
  [
    "a huge patch",
    () => edged("patch", "default/podpatch/mine", patch({ status: { message: "x".repeat(4 << 20) } })),
    "RequestEntityTooLarge",
  ],
  [
    "huge annotations",
    () =>
      edged("update", "default/node/evil", {
        metadata: { name: "evil", annotations: { a: "x".repeat(4 << 20) } },
      }),
    "RequestEntityTooLarge",
  ],
  ["a patch that is none", () => edged("patch", "default/podpatch/mine", "[]"), "BadRequest"],
  ["a patch of a pod that is not there", () => edged("patch", "default/podpatch/none", "{}"), "NotFound"],
  [
    "a token for another node's pod",
    () => edged("query", "default/serviceaccounttoken/default", bound(yours)),
    "Forbidden",
  ],
  [
    "a token for no pod",
    () =>
      edged("query", "default/serviceaccounttoken/default", {
        spec: { audiences: [], boundObjectRef: null },
      }),
    "Forbidden",
  ],
  [
    "a token for a node",
    () => edged("query", "default/serviceaccounttoken/default", bound(mine, { kind: "Node", name: "evil" })),
    "Forbidden",
  ],
  [
    "a token for a pod without its uid",
    () => edged("query", "default/serviceaccounttoken/default", bound(mine, { uid: "" })),
    "Forbidden",
  ],
  [
    "a token for a pod by a wrong uid",
    () => edged("query", "default/serviceaccounttoken/default", bound(mine, { uid: "x" })),
    "NotFound",
  ],
  [
    "a token of another account",
    () => edged("query", "default/serviceaccounttoken/admin", bound(mine)),
    "Forbidden",
  ],
  [
    "a token of another namespace's account",
    () => edged("query", "kube-system/serviceaccounttoken/default", bound(mine)),
    "Forbidden",
  ],
  [
    "a token for an audience that the pod does not ask for",
    () => {
      const { spec } = bound(mine);
      return edged("query", "default/serviceaccounttoken/default", {
        spec: { ...spec, audiences: ["vault"] },
      });
    },
    "Forbidden",
  ],
  ["a label that is kept from nodes", () => labelled(restricted), "Forbidden"],
  [
    "a label of Kubernetes that is not a node's",
    () => labelled({ "node-role.kubernetes.io/control-plane": "" }),
    "Forbidden",
  ],
  [
    "such a label by its status",
    () => edged("patch", "default/nodepatch/evil", patch({ metadata: { labels: restricted } })),
    "Forbidden",
  ],
  [
    "its taints",
    () => edged("patch", "default/nodepatch/evil", patch({ spec: { taints: [] } })),
    "Forbidden",
  ],
  [
    "its owners",
    () => edged("patch", "default/nodepatch/evil", patch({ metadata: { ownerReferences: otherOwner } })),
    "Forbidden",
  ],
  [
    "a node that was before",
    () => edged("patch", "default/nodepatch/evil", patch({ metadata: { uid: "x" }, status: {} })),
    "Conflict",
  ],
  [
    "a lease elsewhere",
    () => edged("update", "default/lease/evil", lease({ namespace: "default" })),
    "Forbidden",
  ],
  ["a lease of the cluster's own", () => edged("query", "kube-system/lease/kube-scheduler"), "Forbidden"],
  [
    "a lease that another node owns",
    () => edged("insert", "kube-node-lease/lease/evil", lease({ ownerReferences: otherOwner })),
    "Forbidden",
  ],
  [
    "a lease by another's name",
    () => edged("insert", "kube-node-lease/lease/evil", lease({ name: "good" })),
    "BadRequest",
  ],
  [
    "a pod that is no mirror",
    () => edged("insert", "default/pod/shadow", mirror({}, { annotations: {} })),
    "Forbidden",
  ],
  [
    "a mirror pod on another node",
    () => edged("insert", "default/pod/shadow", mirror({ nodeName: "good" })),
    "Forbidden",
  ],
  [
    "a mirror pod by a node's wrong uid",
    () => edged("insert", "default/pod/shadow", mirror({})),
    "Forbidden",
  ],
  [
    "a mirror pod that reads a secret",
    () =>
      edged(
        "insert",
        "default/pod/shadow",
        mirror({ volumes: [{ name: "s", secret: { secretName: "theirs" } }] }),
      ),
    "Forbidden",
  ],
  [
    "a mirror pod that is somebody",
    () => edged("insert", "default/pod/shadow", mirror({ serviceAccountName: "admin" })),
    "Forbidden",
  ],
  [
    "a certificate to come to the API by",
    () =>
      edged(
        "insert",
        "default/certificatesigningrequest/req",
        csr({ signerName: "kubernetes.io/kube-apiserver-client-kubelet" }),
      ),
    "Forbidden",
  ],
  [
    "a certificate for clients",
    () => edged("insert", "default/certificatesigningrequest/req", csr({ usages: ["client auth"] })),
    "Forbidden",
  ],
  [
    "a certificate of no request",
    () => edged("insert", "default/certificatesigningrequest/req", csr({})),
    "Forbidden",
  ],
  ["to write a secret", () => edged("update", "default/secret/theirs", {}), "Forbidden"],
  ["to make a role", () => edged("insert", "default/clusterrolebinding/x", {}), "Forbidden"],
  ["a type named as a field of every object", () => edged("query", "default/constructor/x"), "Forbidden"],
  ["a name with slashes", () => edged("query", "default/secret/a/../theirs"), "BadRequest"],
  ["a namespace that climbs", () => edged("query", "../secret/theirs"), "BadRequest"],
  ["a name with a query", () => edged("query", "default/configmap/a?watch=1"), "BadRequest"],
  ["nothing at all", () => edged("query", "default/secret"), "Forbidden"],
];

test.each(rows.map(([title, asked, reason]) => ({ title, asked, reason })))(
  "$title: $reason",
  async ({ asked, reason }) => {
    expect((await refusal(asked())).reason).toBe(reason);
  },
);

test("a node that comes may not say what is kept from nodes, and what it may not say is left out", async () => {
  cloud.hub.connect("fresh");
  const insert = (labels: object): Envelope =>
    edged("insert", "default/node/fresh", {
      metadata: {
        name: "fresh",
        labels: { "node-role.kubernetes.io/edge": "", ...labels },
        finalizers: ["x/y"],
        ownerReferences: otherOwner,
        uid: "chosen",
      },
      spec: { podCIDR: "10.0.0.0/8", configSource: {} },
      status: {},
    });
  const asked = insert(restricted);
  await cloud.hub.say("fresh", asked);
  const refused = await cloud.hub.untilSent("fresh", ({ parent }) => parent === asked.id);
  expect(refused.content).toMatchObject({ Object: null, Err: { ErrStatus: { reason: "Forbidden" } } });
  await cloud.hub.say("fresh", insert({}));
  const made = await cloud.client.get(ids.nodes, { name: "fresh" });
  expect(made.metadata).toMatchObject({ labels: { "node-role.kubernetes.io/edge": "" } });
  expect([made.metadata.finalizers, made.metadata.ownerReferences]).toEqual([undefined, undefined]);
  expect(made.metadata.uid).not.toBe("chosen");
  expect(made["spec"]).not.toMatchObject({ podCIDR: "10.0.0.0/8" });
});

test("nothing of what was refused came to the API, and no handler failed", async () => {
  const pods = await cloud.client.list(ids.pods, {});
  expect(pods.items.map(({ metadata }) => metadata.name)).toEqual(["mine", "yours"]);
  expect(pods.items.map(({ metadata }) => metadata.resourceVersion)).toEqual([
    mine.metadata.resourceVersion,
    yours.metadata.resourceVersion,
  ]);
  expect((await cloud.client.list(ids.certificateRequests, {})).items).toEqual([]);
  expect(cloud.hub.thrown).toEqual([]);
  expect(cloud.logged).toEqual([]);
});

test("more than may wait is refused at once, and what waits is done", async () => {
  const flood = Array.from({ length: 600 }, () => edged("query", "default/configmap/none"));
  await Promise.all(flood.map((asked) => cloud.hub.say("evil", asked)));
  const answers = cloud.hub.sent("evil").filter(({ parent }) => flood.some(({ id }) => id === parent));
  const reasons = answers.map(({ content }) => (content as { ErrStatus: Failure }).ErrStatus.reason);
  expect(answers).toHaveLength(600);
  expect(reasons.filter((reason) => reason === "TooManyRequests")).toHaveLength(88);
});
