import { afterAll, beforeAll, expect, test } from "bun:test";
import { ids } from "../../../src/fleet/cloud/edgecontroller/ids.ts";
import { startEdgeController } from "../../../src/fleet/cloud/edgecontroller/start.ts";
import { message, type Envelope } from "../../../src/fleet/link/envelope.ts";
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
