import "reflect-metadata";
import { Pkcs10CertificateRequestGenerator } from "@peculiar/x509";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { ids } from "../../../src/fleet/cloud/edgecontroller/ids.ts";
import { startEdgeController } from "../../../src/fleet/cloud/edgecontroller/start.ts";
import { message, type Envelope } from "../../../src/fleet/link/envelope.ts";
import { reply } from "../../../src/fleet/link/kinds/queries.ts";
import { captured } from "../link/_messages.ts";
import { openTestCloud, type TestCloud } from "./_cloud.ts";

let cloud: TestCloud;
beforeAll(async () => {
  cloud = await openTestCloud([startEdgeController]);
});
afterAll(() => cloud[Symbol.asyncDispose]());

const sentBy = (title: string): Envelope => {
  const found = captured.find((each) => each.title === title)?.envelope;
  if (!found) throw new Error(`no captured message ${title}`);
  return { ...found, id: crypto.randomUUID() };
};

async function ask(node: string, asked: Envelope): Promise<Envelope> {
  await cloud.hub.say(node, asked);
  return await cloud.hub.untilSent(node, ({ parent }) => parent === asked.id);
}

const edged = (operation: string, resource: string, content: unknown = null): Envelope =>
  message({ source: "edged", group: "meta", operation, resource }, content);

interface Response {
  readonly Object: { metadata: Record<string, string>; spec: object; status: object } | null;
  readonly Err: { readonly ErrStatus: { readonly reason: string; readonly code: number } } | null;
}

const responseOf = ({ content }: Envelope): Response => content as Response;
const reasonOf = ({ content }: Envelope): string | undefined =>
  (content as { ErrStatus?: { reason: string } }).ErrStatus?.reason ??
  (content as Response).Err?.ErrStatus.reason;

test("a captured edge joins: what it asks and says is answered as KubeEdge answers", async () => {
  cloud.hub.connect("edge1", "1.15.4");
  const none = await ask("edge1", sentBy("up edged meta query default/node/edge1"));
  expect(none.route).toEqual({
    source: "edgecontroller",
    group: "resource",
    operation: "response",
    resource: "default/node/edge1",
  });
  expect(none.content).toEqual({
    ErrStatus: {
      metadata: {},
      status: "Failure",
      message: 'nodes "edge1" not found',
      reason: "NotFound",
      details: { name: "edge1", kind: "nodes" },
      code: 404,
    },
  });
  const noLease = await ask("edge1", sentBy("up edged meta query kube-node-lease/lease/edge1"));
  expect(responseOf(noLease)).toMatchObject({ Object: null, Err: { ErrStatus: { reason: "NotFound" } } });
  const early = await ask("edge1", sentBy("up edged meta insert kube-node-lease/lease/edge1"));
  expect(reasonOf(early)).toBe("Invalid");
  const insert = sentBy("up edged meta insert default/node/edge1");
  const made = responseOf(await ask("edge1", insert));
  expect(made.Err).toBeNull();
  expect(made.Object?.metadata).toMatchObject({ name: "edge1" });
  expect(made.Object?.status).toMatchObject({ nodeInfo: { kubeletVersion: "v1.26.15-kubeedge-v1.15.4" } });
  const again = await ask("edge1", { ...insert, id: "again" });
  expect(reasonOf(again)).toBe("AlreadyExists");
  const found = await ask("edge1", sentBy("up edged meta query default/node/edge1"));
  expect(found.content).toMatchObject({ kind: "Node", apiVersion: "v1", metadata: { name: "edge1" } });
  expect(found.resourceVersion).toBe(made.Object?.metadata["resourceVersion"]);
  const ready = await ask("edge1", sentBy("up edged meta patch default/nodepatch/edge1"));
  expect(responseOf(ready)).toMatchObject({
    Err: null,
    Object: {
      status: { conditions: expect.arrayContaining([expect.objectContaining({ reason: "EdgeReady" })]) },
    },
  });
});

test("a lease is made, renewed, and renewed without a write while it is fresh", async () => {
  const node = await cloud.join("leasing");
  const lease = {
    metadata: {
      name: "leasing",
      namespace: "kube-node-lease",
      ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "leasing", uid: node.metadata.uid }],
    },
    spec: {
      holderIdentity: "leasing",
      leaseDurationSeconds: 40,
      renewTime: new Date().toISOString().replace("Z", "000Z"),
    },
  };
  const place = "kube-node-lease/lease/leasing";
  const made = responseOf(await ask("leasing", edged("insert", place, lease)));
  expect(made.Object?.metadata).not.toHaveProperty("managedFields");
  expect(made.Err).toBeNull();
  const renewed = {
    ...made.Object,
    spec: { ...lease.spec, renewTime: new Date(Date.now() + 1000).toISOString().replace("Z", "000Z") },
  };
  const fresh = responseOf(await ask("leasing", edged("update", place, renewed)));
  expect(fresh.Object?.spec).toEqual(renewed.spec);
  const key = { namespace: "kube-node-lease", name: "leasing" };
  const kept = await cloud.client.get(ids.leases, key);
  expect(kept.metadata.resourceVersion).toBe(made.Object?.metadata["resourceVersion"]);
  const other = { ...made.Object, spec: { ...renewed.spec, leaseDurationSeconds: 20 } };
  const written = responseOf(await ask("leasing", edged("update", place, other)));
  expect((await cloud.client.get(ids.leases, key))["spec"]).toMatchObject({ leaseDurationSeconds: 20 });
  expect(written.Object?.metadata["resourceVersion"]).not.toBe(made.Object?.metadata["resourceVersion"]);
  const old = await ask("leasing", edged("update", place, other));
  expect(reasonOf(old)).toBe("Conflict");
});

test("of ours a lease is renewed by its time alone: only what fails is answered", async () => {
  const node = await cloud.join("brief");
  const place = "kube-node-lease/lease/brief";
  const at = (later: number) => new Date(Date.now() + later).toISOString().replace("Z", "000Z");
  const ownerReferences = [{ apiVersion: "v1", kind: "Node", name: "brief", uid: node.metadata.uid }];
  const renewal = (later: number) => edged("patch", place, { spec: { renewTime: at(later) } });
  const none = await ask("brief", renewal(0));
  expect(none.content).toMatchObject({ Object: null, Err: { ErrStatus: { reason: "NotFound" } } });
  const metadata = { name: "brief", namespace: "kube-node-lease", ownerReferences };
  const spec = { holderIdentity: "brief", leaseDurationSeconds: 40, renewTime: at(-20_000) };
  const made = responseOf(await ask("brief", edged("insert", place, { metadata, spec })));
  const asked = renewal(0);
  await cloud.hub.say("brief", asked);
  const kept = await cloud.client.get(ids.leases, { namespace: "kube-node-lease", name: "brief" });
  expect(kept["spec"]).toEqual({
    ...spec,
    renewTime: (asked.content as { spec: { renewTime: string } }).spec.renewTime,
  });
  expect(kept.metadata.uid).toBe(made.Object?.metadata["uid"] ?? "");
  const elsewhere = edged("patch", "default/lease/brief", asked.content);
  expect(reasonOf(await ask("brief", elsewhere))).toBe("Forbidden");
  const wrong = edged("patch", place, { spec: { renewTime: 5 } });
  expect(reasonOf(await ask("brief", wrong))).toBe("BadRequest");
  expect(cloud.hub.sent("brief").filter(({ parent }) => parent === asked.id)).toEqual([]);
});

test("a pod's status is patched, and an end of it is answered twice", async () => {
  await cloud.join("worker");
  const pod = await cloud.run("worker", "p1");
  const captured = sentBy("up edged meta patch default/podpatch/p1");
  const patch = JSON.parse(captured.content as string) as { metadata: object };
  const mine = { ...captured, content: JSON.stringify({ ...patch, metadata: { uid: pod.metadata.uid } }) };
  const patched = await ask("worker", mine);
  expect(responseOf(patched)).toMatchObject({ Err: null, Object: { status: { hostIP: "10.77.0.11" } } });
  expect(patched.resourceVersion).toBe(responseOf(patched).Object?.metadata["resourceVersion"] ?? "");
  const same = await ask("worker", { ...mine, id: "same" });
  expect(same.resourceVersion).toBe(patched.resourceVersion ?? "");
  const end = edged("delete", "default/pod/p1", {
    gracePeriodSeconds: 0,
    preconditions: { uid: pod.metadata.uid },
  });
  expect((await ask("worker", end)).content).toBe("OK");
  const gone = await cloud.hub.untilDelivered("worker", ({ operation }) => operation === "delete");
  expect(gone).toMatchObject({ type: "pod", object: { metadata: { name: "p1", uid: pod.metadata.uid } } });
  expect((await ask("worker", { ...end, id: "twice" })).content).toBe("OK");
});

test("who speaks of a pod that the API does not know is told that it is gone", async () => {
  await cloud.join("restored", "1.23.0");
  const said = edged("patch", "default/podpatch/unknown", {
    metadata: { uid: "of-another-cloud" },
    status: { phase: "Running" },
  });
  expect(reasonOf(await ask("restored", said))).toBe("NotFound");
  const gone = await cloud.hub.untilDelivered("restored", ({ operation }) => operation === "delete");
  expect(gone).toMatchObject({
    type: "pod",
    object: { metadata: { namespace: "default", name: "unknown", uid: "of-another-cloud" } },
  });
});

test("old edges say whole states, and are told of pods that are gone", async () => {
  await cloud.join("oldest", "1.15.4");
  const pod = await cloud.run("oldest", "legacy");
  const status = { phase: "Running", podIP: "10.0.0.9" };
  const one = { UID: pod.metadata.uid, Name: "legacy", Status: status };
  expect((await ask("oldest", edged("update", "default/podstatus/legacy", one))).content).toBe("OK");
  const key = { namespace: "default", name: "legacy" };
  expect((await cloud.client.get(ids.pods, key))["status"]).toEqual(status);
  const all = [one, { UID: "gone", Name: "away", Status: {} }];
  expect((await ask("oldest", edged("update", "default/podstatus", all))).content).toBe("OK");
  const told = await cloud.hub.untilDelivered("oldest", ({ operation }) => operation === "delete");
  expect(told.object.metadata).toEqual({ name: "away", namespace: "default", uid: "gone" });
  await cloud.client.delete(ids.pods, key, { gracePeriodSeconds: 30 });
  const ended = {
    ...one,
    Status: {
      phase: "Failed",
      containerStatuses: [
        {
          name: "c",
          image: "i",
          imageID: "",
          ready: false,
          restartCount: 0,
          lastState: {},
          state: { terminated: { exitCode: 0 } },
        },
      ],
    },
  };
  const deleting = (await cloud.client.get(ids.pods, key)).metadata;
  expect(deleting.deletionTimestamp).toBeString();
  await cloud.hub.untilDelivered("oldest", ({ object }) => object.metadata.deletionTimestamp !== undefined);
  expect((await ask("oldest", edged("update", "default/podstatus/legacy", ended))).content).toBe("OK");
  expect(await cloud.client.get(ids.pods, key).catch((error: Error) => error.message)).toContain("not found");
});

test("old edges register and report by the status of their node", async () => {
  cloud.hub.connect("plain", "1.15.4");
  const node = {
    metadata: { name: "plain", labels: { "node-role.kubernetes.io/edge": "" } },
    status: { phase: "Running" },
  };
  expect((await ask("plain", edged("insert", "default/nodestatus/plain", node))).content).toBe("OK");
  const Status = { addresses: [{ type: "InternalIP", address: "10.0.0.1" }] };
  const update = { UID: "of-the-edge", Status };
  expect((await ask("plain", edged("update", "default/nodestatus/plain", update))).content).toBe("OK");
  expect((await cloud.client.get(ids.nodes, { name: "plain" }))["status"]).toEqual(Status);
});

test("labels and annotations of a node are added, nothing else is taken", async () => {
  await cloud.join("labelled");
  const metadata = {
    name: "labelled",
    labels: { rack: "7" },
    annotations: { note: "a" },
    finalizers: ["x/y"],
  };
  const node = { metadata, spec: { unschedulable: true } };
  expect((await ask("labelled", edged("update", "default/node/labelled", node))).content).toBe("OK");
  const kept = await cloud.client.get(ids.nodes, { name: "labelled" });
  expect(kept.metadata).toMatchObject({ labels: { rack: "7" }, annotations: { note: "a" } });
  expect(kept.metadata.finalizers).toBeUndefined();
  expect(kept["spec"]).not.toMatchObject({ unschedulable: true });
});

const projected = (audience?: string) => ({
  name: "token",
  projected: { sources: [{ serviceAccountToken: { path: "token", ...(audience ? { audience } : {}) } }] },
});

test("what a pod refers to its node may ask for: config map, secret, claim with its volume, token", async () => {
  await cloud.join("reader");
  const made = { namespace: "default" };
  await cloud.create(ids.configMaps, {
    kind: "ConfigMap",
    metadata: { name: "c", ...made },
    data: { k: "v" },
  });
  await cloud.create(ids.secrets, {
    kind: "Secret",
    metadata: { name: "s", ...made },
    data: { p: "aHVzaA==" },
  });
  const size = { resources: { requests: { storage: "1Gi" } }, accessModes: ["ReadWriteOnce"] };
  await cloud.create(ids.claims, {
    kind: "PersistentVolumeClaim",
    metadata: { name: "d", ...made },
    spec: { ...size, volumeName: "v" },
  });
  const volume = await cloud.create(ids.volumes, {
    kind: "PersistentVolume",
    metadata: { name: "v" },
    spec: {
      capacity: { storage: "1Gi" },
      accessModes: ["ReadWriteOnce"],
      hostPath: { path: "/srv" },
      claimRef: { ...made, name: "d" },
    },
  });
  await cloud.seen(ids.volumes, volume);
  const pod = await cloud.run("reader", "user", {
    initContainers: [{ name: "i", image: "busybox:1", envFrom: [{ configMapRef: { name: "c" } }] }],
    imagePullSecrets: [{ name: "s" }],
    volumes: [{ name: "d", persistentVolumeClaim: { claimName: "d" } }, projected("vault")],
  });
  for (const [resource, kind] of [
    ["default/configmap/c", "ConfigMap"],
    ["default/secret/s", "Secret"],
    ["default/persistentvolumeclaim/d", "PersistentVolumeClaim"],
    ["default/persistentvolume/v", "PersistentVolume"],
  ] as const) {
    const answer = await ask("reader", edged("query", resource));
    expect(answer.content).toMatchObject({ kind, apiVersion: "v1" });
    expect(answer.resourceVersion).toMatch(/^[0-9]+$/);
  }
  const boundObjectRef = { kind: "Pod", apiVersion: "v1", name: "user", uid: pod.metadata.uid };
  const spec = { audiences: ["vault"], expirationSeconds: 3607, boundObjectRef };
  const request = {
    metadata: { creationTimestamp: null },
    spec,
    status: { token: "", expirationTimestamp: null },
  };
  const token = await ask("reader", edged("query", "default/serviceaccounttoken/default", request));
  expect(token.content).toMatchObject({
    kind: "TokenRequest",
    status: { token: expect.stringMatching(/^ey/) },
  });
  expect(token.resourceVersion).toBeUndefined();
});

test("a mirror pod is made for a static pod, owned by the node", async () => {
  const node = await cloud.join("static");
  const pod = {
    metadata: {
      name: "web-static",
      namespace: "default",
      annotations: { "kubernetes.io/config.mirror": "abc" },
      ownerReferences: [
        { apiVersion: "v1", kind: "Node", name: "static", uid: node.metadata.uid, controller: true },
      ],
    },
    spec: { nodeName: "static", containers: [{ name: "c", image: "busybox:1" }] },
  };
  const made = await ask("static", edged("insert", "default/pod/web-static", pod));
  expect(responseOf(made)).toMatchObject({ Err: null, Object: { spec: { nodeName: "static" } } });
});

test("events of a node's own are kept, counted, and never answered", async () => {
  await cloud.join("eventful");
  const pod = await cloud.run("eventful", "noisy");
  const involvedObject = {
    kind: "Pod",
    namespace: "default",
    name: "noisy",
    uid: pod.metadata.uid,
    apiVersion: "v1",
  };
  const event = {
    metadata: { name: "noisy.1", namespace: "default" },
    involvedObject,
    reason: "Pulled",
    message: "done",
    type: "Normal",
    count: 1,
    source: { component: "kubelet", host: "elsewhere" },
  };
  const place = "default/event/noisy.1";
  await cloud.hub.say("eventful", edged("insert", place, event));
  const key = { namespace: "default", name: "noisy.1" };
  const source = { component: "kubelet", host: "eventful" };
  expect(await cloud.client.get(ids.events, key)).toMatchObject({ reason: "Pulled", source });
  const patchData = JSON.stringify({ count: 2, involvedObject: { kind: "Node" } });
  await cloud.hub.say("eventful", edged("patch", place, { event, patchData }));
  expect(await cloud.client.get(ids.events, key)).toMatchObject({
    count: 2,
    involvedObject: { kind: "Pod" },
  });
  await cloud.join("nosy");
  const foreign = { ...event, message: "forged" };
  await cloud.hub.say("nosy", edged("update", place, foreign));
  await cloud.hub.say(
    "nosy",
    edged("insert", "default/event/forged", { ...foreign, metadata: { ...event.metadata, name: "forged" } }),
  );
  expect(await cloud.client.get(ids.events, key)).toMatchObject({ message: "done" });
  const forged = cloud.client.get(ids.events, { namespace: "default", name: "forged" });
  expect(await forged.catch((error: Error) => error.message)).toContain("not found");
  expect([cloud.hub.sent("eventful"), cloud.hub.sent("nosy")]).toEqual([[], []]);
});

test("the authority of Kubernetes is told in its own form", async () => {
  const data = { "ca.crt": "-----BEGIN CERTIFICATE-----" };
  const metadata = { name: "kube-root-ca.crt", namespace: "default" };
  await cloud.seen(ids.configMaps, await cloud.create(ids.configMaps, { kind: "ConfigMap", metadata, data }));
  cloud.hub.connect("asking");
  const answer = await ask(
    "asking",
    message({ source: "meta", group: "meta", operation: "query", resource: "k8s/ca.crt" }, null),
  );
  expect(answer).toMatchObject({
    route: { source: "cloudhub", group: "resource", operation: "response", resource: "k8s/ca.crt" },
    content: data["ca.crt"],
  });
});

async function certificateRequest(name: string, commonName: string): Promise<object> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
  const subject = [{ O: ["system:nodes"] }, { CN: [commonName] }];
  const made = await Pkcs10CertificateRequestGenerator.create({
    name: subject,
    keys,
    signingAlgorithm: algorithm,
  });
  return {
    metadata: { name },
    spec: {
      request: Buffer.from(made.toString("pem")).toString("base64"),
      signerName: "kubernetes.io/kubelet-serving",
      usages: ["digital signature", "server auth"],
    },
  };
}

test("a node asks for the certificate of its own server, and reads its own request alone", async () => {
  await cloud.join("serving");
  await cloud.join("curious");
  const place = "default/certificatesigningrequest/own";
  const own = await certificateRequest("own", "system:node:serving");
  const made = await ask("serving", edged("insert", place, own));
  expect(responseOf(made)).toMatchObject({
    Err: null,
    Object: { spec: { signerName: "kubernetes.io/kubelet-serving" } },
  });
  const found = await ask("serving", edged("query", place));
  expect(found.content).toMatchObject({ kind: "CertificateSigningRequest", metadata: { name: "own" } });
  expect(reasonOf(await ask("curious", edged("query", place)))).toBe("Forbidden");
  const forged = await certificateRequest("forged", "system:node:serving");
  const refused = await ask("curious", edged("insert", "default/certificatesigningrequest/forged", forged));
  expect(reasonOf(refused)).toBe("Forbidden");
});

const ofEdged = captured.filter(({ way, envelope }) => way === "up" && envelope.route.source === "edged");

test.each(ofEdged)("$title is answered once, in KubeEdge's form", async ({ envelope }) => {
  cloud.hub.connect("edge1", "1.15.4");
  const asked = { ...envelope, id: crypto.randomUUID() };
  const answer = await ask("edge1", asked);
  expect(answer.route).toEqual({
    source: "edgecontroller",
    group: "resource",
    operation: "response",
    resource: envelope.route.resource,
  });
  expect(reply.claims(answer)).toBe(true);
  const said = reply.parse(answer.content);
  const isWrite = /node|lease|podpatch/.test(envelope.route.resource) && envelope.route.operation !== "query";
  const isLease = envelope.route.resource.includes("/lease/");
  expect(said.is === "response").toBe(isWrite || isLease);
  expect(cloud.hub.sent("edge1").filter(({ parent }) => parent === asked.id)).toHaveLength(1);
});
