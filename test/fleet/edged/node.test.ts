import { expect, test } from "bun:test";
import { NodeReporter } from "../../../src/fleet/edge/edged/node.ts";
import type { NodeState } from "../../../src/fleet/edge/edged/node-status.ts";
import { formatEnvelope, type Envelope } from "../../../src/fleet/link/envelope.ts";
import { kindOf } from "../../../src/fleet/link/kinds/all.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";
import { FakeLink, FakeMeta, HandClock } from "./fakes.ts";

const node = (): KubeObject => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: "edge1", uid: "node-uid", labels: { zone: "a" } },
});

/** A cloud with a node and a lease, or without. */
class Cloud {
  node: KubeObject | undefined;
  lease: { version: number; object: Record<string, unknown> } | undefined;

  answer = ({ route, content }: Envelope): unknown => {
    const refusal = (reason: string) => ({ Object: null, Err: { ErrStatus: { status: "Failure", reason } } });
    const [, type] = route.resource.split("/");
    if (type === "lease") {
      if (route.operation === "query")
        return this.lease ? { Object: this.#leaseNow(), Err: null } : refusal("NotFound");
      const sent = content as { metadata: { resourceVersion?: string } };
      if (this.lease && sent.metadata.resourceVersion !== `${this.lease.version}`) return refusal("Conflict");
      this.lease = { version: (this.lease?.version ?? 0) + 1, object: content as Record<string, unknown> };
      return { Object: this.#leaseNow(), Err: null };
    }
    if (type === "node" && route.operation === "insert") {
      if (this.node) return refusal("AlreadyExists");
      this.node = node();
    }
    if (type === "node" && route.operation === "update") return "OK";
    return this.node ? { Object: this.node, Err: null } : refusal("NotFound");
  };

  #leaseNow() {
    return {
      metadata: { name: "edge1", resourceVersion: `${this.lease?.version}`, uid: "lease-uid" },
      spec: {},
    };
  }
}

const state: NodeState = {
  name: "edge1",
  ips: ["10.0.0.1"],
  processors: 2,
  memory: 1 << 30,
  disk: 10 * 2 ** 30,
  pods: 110,
  reserved: 100 << 20,
  info: {
    machineID: "m",
    systemUUID: "s",
    bootID: "b",
    kernelVersion: "6.1",
    osImage: "Linux",
    containerRuntimeVersion: "sampan://1",
    kubeletVersion: "v1.32.0-kubeedge-v1.23.0",
    kubeProxyVersion: "",
    operatingSystem: "linux",
    architecture: "amd64",
  },
  pressures: { MemoryPressure: false, DiskPressure: false, PIDPressure: false },
};

function opened(cloud: Cloud, now: () => NodeState = () => state) {
  const link = new FakeLink();
  link.connected = false;
  link.answer = cloud.answer;
  const clock = new HandClock();
  const log: string[] = [];
  const meta = new FakeMeta();
  const { signal } = new AbortController();
  const times = { lease: 40, renewal: 15_000, look: 10_000, status: 300_000 };
  const reporter = new NodeReporter({
    node: "edge1",
    link,
    meta,
    clock,
    log: (text) => void log.push(text),
    signal,
    state: now,
    options: { labels: { zone: "a" } },
    times,
  });
  return {
    link,
    clock,
    log,
    meta,
    reporter,
    said: () =>
      link.said.map(({ route }) => `${route.operation} ${route.resource.split("/").slice(1).join("/")}`),
  };
}

const settled = async () => {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
};

test("a new node is registered, says its status and makes its lease", async () => {
  const cloud = new Cloud();
  const { link, log, meta, said } = opened(cloud);
  expect(said()).toEqual([]);
  link.connected = true;
  await settled();
  expect(said().toSorted()).toEqual([
    "insert lease/edge1",
    "insert node/edge1",
    "patch nodepatch/edge1",
    "query lease/edge1",
  ]);
  for (const each of link.said) expect(kindOf(each, "up")?.parse(each.content)).toBeDefined();
  const inserted = link.to("default/node/edge1")[0]?.content;
  expect(inserted).toMatchObject({
    metadata: {
      name: "edge1",
      labels: { "node-role.kubernetes.io/edge": "", "kubernetes.io/arch": "amd64", zone: "a" },
    },
    status: {
      capacity: { cpu: "2", memory: "1048576Ki", pods: "110" },
      allocatable: { memory: "946176Ki" },
      addresses: [
        { type: "InternalIP", address: "10.0.0.1" },
        { type: "Hostname", address: "edge1" },
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: 10350 } },
    },
  });
  expect(meta.get({ type: "node", name: "edge1" })?.metadata.uid).toBe("node-uid");
  expect(cloud.lease?.object).toMatchObject({
    metadata: { ownerReferences: [{ uid: "node-uid" }] },
    spec: { holderIdentity: "edge1", leaseDurationSeconds: 40 },
  });
  expect(log).toEqual([]);
});

test("one that is there gets its labels", async () => {
  const cloud = new Cloud();
  cloud.node = node();
  const { link, said } = opened(cloud);
  link.connected = true;
  await settled();
  expect(said().slice(0, 2)).toEqual(["insert node/edge1", "update node/edge1"]);
});

test("idle it renews its lease, and its status every five minutes", async () => {
  const { link, clock, said } = opened(new Cloud());
  link.connected = true;
  await settled();
  link.said.length = 0;
  await clock.pass(299_000);
  expect(new Set(said())).toEqual(new Set(["update lease/edge1"]));
  expect(said()).toHaveLength(19);
  // What an idle node sends in a minute, and what it is told for it by a cloud that answers with the object.
  const bytes = link.said.reduce((sum, each) => sum + formatEnvelope(each).length, 0) / 5;
  expect(bytes).toBeLessThan(2000);
  await clock.pass(11_000);
  expect(said()).toContain("patch nodepatch/edge1");
});

test("to one of ours it renews by the new time alone, and takes its silence for yes", async () => {
  const cloud = new Cloud();
  const { link, clock, said, log } = opened(cloud);
  link.ours = true;
  let refused = false;
  link.answer = (message) =>
    message.route.operation !== "patch" || !message.route.resource.includes("/lease/")
      ? cloud.answer(message)
      : refused
        ? { Object: null, Err: { ErrStatus: { status: "Failure", reason: "Conflict" } } }
        : undefined;
  link.connected = true;
  await settled();
  link.said.length = 0;
  await clock.pass(60_000);
  expect(said()).toEqual(Array(4).fill("patch lease/edge1"));
  for (const each of link.said) expect(kindOf(each, "up")?.parse(each.content)).toBeDefined();
  expect(link.said.reduce((sum, each) => sum + formatEnvelope(each).length, 0)).toBeLessThan(1100);
  refused = true;
  link.said.length = 0;
  await clock.pass(15_000);
  await clock.pass(2000);
  expect(said()).toEqual(["patch lease/edge1", "query lease/edge1", "update lease/edge1"]);
  expect(log).toHaveLength(1);
});

test("a change is told when it is seen, and when somebody says so", async () => {
  let now = state;
  const { link, reporter, said } = opened(new Cloud(), () => now);
  link.connected = true;
  await settled();
  link.said.length = 0;
  now = { ...state, pressures: { ...state.pressures, DiskPressure: true } };
  reporter.look();
  await settled();
  expect(said()).toEqual(["patch nodepatch/edge1"]);
  expect(JSON.parse(String(link.said[0]?.content))).toMatchObject({
    status: {
      conditions: [
        { type: "MemoryPressure", status: "False" },
        { type: "DiskPressure", status: "True" },
        {},
        { type: "Ready", status: "True" },
      ],
    },
  });
});

test("a lease that somebody else has written is read again", async () => {
  const cloud = new Cloud();
  const { link, clock, said, log } = opened(cloud);
  link.connected = true;
  await settled();
  if (cloud.lease) cloud.lease.version = 50;
  link.said.length = 0;
  await clock.pass(15_000);
  await clock.pass(2000);
  expect(said()).toEqual(["update lease/edge1", "query lease/edge1", "update lease/edge1"]);
  expect(log).toHaveLength(1);
});

test("a node that was deleted is registered again", async () => {
  const cloud = new Cloud();
  const { link, clock, said } = opened(cloud);
  link.connected = true;
  await settled();
  cloud.node = undefined;
  link.said.length = 0;
  await clock.pass(300_000);
  expect(said()).toContain("insert node/edge1");
});

test("with the link gone nothing is tried", async () => {
  const { link, clock } = opened(new Cloud());
  link.connected = true;
  await settled();
  link.connected = false;
  link.said.length = 0;
  await clock.pass(600_000);
  expect(link.said).toEqual([]);
});
