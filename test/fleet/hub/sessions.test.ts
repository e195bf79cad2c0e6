/** Who may connect, whose session counts, and what a peer that misbehaves may cost. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Envelope } from "../../../src/fleet/link/envelope.ts";
import { message } from "../../../src/fleet/link/envelope.ts";
import type { Edge } from "../../../src/fleet/cloud/hub/hub.ts";
import { type Api, type Cloud, configMap, core, delivery, openApi, openCloudHub, Turned } from "./_cloud.ts";
import { until } from "../until.ts";
import { connectDead, connectEdge, type Identity } from "./fake-edge.ts";

let api: Api;
let cloud: Cloud;
const clock = new Turned();
const seen: { readonly edge: Edge; readonly envelope: Envelope }[] = [];
const identities = new Map<string, Identity>();

beforeAll(async () => {
  api = await openApi();
  cloud = await openCloudHub(api.client, { clock, nodeLimit: 4, joinExisting: "always" });
  cloud.hub.on("objects", (edge, envelope) => void seen.push({ edge, envelope }));
});
afterAll(async () => {
  await cloud[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

async function identityOf(node: string): Promise<Identity> {
  const identity = identities.get(node) ?? (await cloud.join(node));
  identities.set(node, identity);
  return identity;
}

const connected = async (node: string) => await cloud.connect(node, await identityOf(node));
const gone = async (node: string) => await until(() => cloud.hub.edge(node) === undefined);

async function left(node: string, edge: { close(): Promise<void> }): Promise<void> {
  await edge.close();
  await gone(node);
}

/** What the cloud answers to who is not let in. */
async function refusal(node: string, identity: Identity): Promise<string> {
  const error: unknown = await connectEdge({ host: "127.0.0.1", port: cloud.hub.port, node, identity }).then(
    () => new Error("it was let in"),
    (thrown: unknown) => thrown,
  );
  return error instanceof Error ? error.message : String(error);
}

const query = (resource: string, content: unknown = null) =>
  message({ source: "edged", group: "meta", operation: "query", resource }, content);

test("a node's certificate is for that node alone", async () => {
  expect(await refusal("s2", await identityOf("s1"))).toContain("no connection");
  expect(cloud.hub.edge("s2")).toBeUndefined();
  const edge = await connected("s1");
  await until(() => cloud.hub.edge("s1"));
  await left("s1", edge);
});

test("to an edge of ours it says that it is one of ours, to others nothing", async () => {
  const header = "x-sampan-link";
  const [place, identity] = [{ host: "127.0.0.1", port: cloud.hub.port, node: "s1" }, await identityOf("s1")];
  const ours = await connectEdge({ ...place, identity, headers: { [header]: "renew" } });
  expect(ours.headers[header]).toBe("renew");
  await left("s1", ours);
  const other = await connectEdge({ ...place, identity });
  expect(other.headers).not.toHaveProperty(header);
  await left("s1", other);
});

test("without a certificate of this cloud nobody gets in", async () => {
  const { ca } = await identityOf("s1");
  const otherApi = await openApi();
  const other = await openCloudHub(otherApi.client);
  try {
    const { certificate, key } = await other.join("s1");
    expect(await refusal("s1", { ca, certificate, key })).toContain("no connection");
  } finally {
    await other[Symbol.asyncDispose]();
    await otherApi[Symbol.asyncDispose]();
  }
});

test("what an edge says comes with who it is, in order", async () => {
  const edge = await connected("s1");
  seen.length = 0;
  for (let count = 0; count < 50; count++) edge.send(query(`default/configmap/c${count}`));
  await until(() => seen.length === 50);
  expect(seen.map(({ envelope }) => envelope.route.resource)).toEqual(
    Array.from({ length: 50 }, (_, count) => `default/configmap/c${count}`),
  );
  expect(new Set(seen.map(({ edge: { node } }) => node))).toEqual(new Set(["s1"]));
  await left("s1", edge);
});

describe("is refused, and the session goes on", () => {
  const rows: readonly (readonly [what: string, text: string | Uint8Array])[] = [
    ["no JSON", "{"],
    ["no object", "[]"],
    ["no text", new Uint8Array([0xff, 0xfe, 0x00])],
    ["nothing", ""],
    ["too deep", `{"content":${"[".repeat(5000)}${"]".repeat(5000)}}`],
    ["a route of another type", '{"header":{"msg_id":"1"},"route":{"operation":7}}'],
    ["another node's status", JSON.stringify(query("default/nodestatus/s2"))],
    [
      "the status of another node",
      '{"header":{"msg_id":"1"},"route":{"source":"edged","group":"meta","operation":"update","resource":"default/nodestatus/s2"},"content":{}}',
    ],
    [
      "another node's lease",
      '{"header":{"msg_id":"1"},"route":{"source":"edged","group":"meta","operation":"update","resource":"kube-node-lease/lease/s2"},"content":{}}',
    ],
    [
      "a request of another node",
      '{"header":{"msg_id":"1"},"route":{"source":"metaserver","group":"meta","operation":"applicationResponse","resource":"x"},"content":{"Nodename":"s2"}}',
    ],
    ["a key that would be a prototype", '{"__proto__":{"header":{}},"route":{"__proto__":{}}}'],
  ];
  test.each(rows)("%s", async (_what, text) => {
    const edge = await connected("s1");
    seen.length = 0;
    edge.sendRaw(text);
    edge.send(query("default/configmap/after"));
    await until(() => seen.some(({ envelope }) => envelope.route.resource === "default/configmap/after"));
    expect(seen).toHaveLength(1);
    await left("s1", edge);
  });
});

test("who sends nothing but what cannot be read is let go", async () => {
  const edge = await connected("s1");
  // As fast as it is read; one second later as many again.
  for (let count = 0; count < 550; count++) edge.sendRaw("{");
  await edge.ping();
  await clock.pass(1_000);
  for (let count = 0; count < 550; count++) edge.sendRaw("{");
  expect(await edge.closed).toContain("too many");
  await gone("s1");
});

test("a message over 32 MiB ends the session", async () => {
  const edge = await connected("s1");
  edge.sendRaw(new Uint8Array((32 << 20) + 1));
  await edge.closed;
  await gone("s1");
});

test("an acknowledgement of nothing, or twice, does nothing", async () => {
  const edge = await cloud.connect("s1", await identityOf("s1"), { acknowledges: () => false });
  seen.length = 0;
  const ack = (parent: string) => ({ ...query("default/configmap/a", "OK"), parent });
  const acknowledgement = (parent: string) => {
    const whole = ack(parent);
    return { ...whole, route: { ...whole.route, operation: "response" } };
  };
  edge.send(acknowledgement("never-sent"));
  edge.send(acknowledgement("never-sent"));
  edge.send({ ...acknowledgement("x"), route: { ...ack("x").route, operation: "error" } });
  edge.send(query("default/configmap/after"));
  await until(() => seen.length === 1);
  await left("s1", edge);
});

test("control messages are answered and go no further", async () => {
  const edge = await connected("s1");
  const ping = message({ source: "x", operation: "ping" }, null);
  edge.send(ping);
  expect((await edge.until(({ parent }) => parent === ping.id)).content).toBe("ack");
  await left("s1", edge);
});

test("the newest connection of a node counts, and the one before is ended", async () => {
  const first = await connected("s1");
  const session = await until(() => cloud.hub.edge("s1"));
  const second = await connected("s1");
  expect(await first.closed).toContain("connected again");
  expect(session.signal.aborted).toBe(true);
  expect(cloud.hub.edges()).toHaveLength(1);
  expect(cloud.hub.edge("s1")).not.toBe(session);
  // What the first one still had to say must not end the second.
  second.send(query("default/configmap/second"));
  await until(() => seen.some(({ envelope }) => envelope.route.resource === "default/configmap/second"));
  await left("s1", second);
});

test("many sessions of one node at once leave one", async () => {
  const identity = await identityOf("s1");
  const many = await Promise.all(Array.from({ length: 10 }, () => cloud.connect("s1", identity)));
  await Promise.race(many.slice(0, -1).map(({ closed }) => closed));
  expect(cloud.hub.edges()).toHaveLength(1);
  const ends = await Promise.all(
    many.map(async (edge) => {
      await edge.close();
      return edge.closed;
    }),
  );
  expect(ends).toHaveLength(10);
  await gone("s1");
});

test("one node too many is refused, and a node that is in may come again", async () => {
  const names = ["s1", "s2", "s3", "s4"];
  const edges = await Promise.all(names.map(async (name) => await connected(name)));
  const identity = await identityOf("s5");
  expect(await refusal("s5", identity)).toContain("no connection");
  expect(cloud.lines.some((line) => line.includes('"s5" is refused: 4 nodes'))).toBe(true);
  const again = await connected("s4");
  await Promise.all([...edges.slice(0, 3), again].map(async (edge) => await edge.close()));
  await until(() => cloud.hub.edges().length === 0);
  const late = await connected("s5");
  await left("s5", late);
});

test("a peer that is there and does not live is noticed within ten seconds", async () => {
  const socket = await connectDead({
    host: "127.0.0.1",
    port: cloud.hub.port,
    node: "s1",
    identity: await identityOf("s1"),
  });
  await until(() => cloud.hub.edge("s1"));
  await clock.pass(10_000);
  expect(cloud.hub.edge("s1")).toBeUndefined();
  socket.destroy();
});

test("a peer that only answers pings lives, until it has said nothing of its own for long", async () => {
  const edge = await connected("s1");
  // Whatever it had to say when it connected has come.
  await edge.ping();
  for (let count = 1; count <= 3; count++) {
    await clock.pass(6_000);
    await until(() => edge.pings === count);
    await edge.ping();
  }
  for (let seconds = 0; seconds < 19; seconds++) {
    await clock.pass(1_000);
    await edge.ping();
  }
  expect(cloud.hub.edge("s1")).toBeDefined();
  await clock.pass(4_000);
  expect(cloud.hub.edge("s1")).toBeUndefined();
  expect(cloud.lines.some((line) => line.includes("no keepalive"))).toBe(true);
  await edge.closed;
});

test("a clock that is set loses nobody", async () => {
  const edge = await connected("s1");
  const session = await until(() => cloud.hub.edge("s1"));
  await edge.ping();
  for (const hours of [24, -48, 24]) {
    clock.set(hours * 3_600_000);
    await clock.pass(1_000);
  }
  expect(cloud.hub.edge("s1")).toBe(session);
  await left("s1", edge);
});

test("a flood is read slower, and nothing of it is lost", async () => {
  const edge = await connected("s1");
  const [all, burst, rate] = [2_100, 600, 500];
  seen.length = 0;
  for (let count = 0; count < all; count++) edge.send(query("default/configmap/flood"));
  for (let seconds = 0; burst + seconds * rate <= all; seconds++) {
    // The keepalive counts too.
    await until(() => seen.length >= burst + seconds * rate - 1);
    await clock.pass(1_000);
  }
  await until(() => seen.length === all);
  await left("s1", edge);
});

test("a peer that takes nothing does not get more than may wait for it", async () => {
  const socket = await connectDead({
    host: "127.0.0.1",
    port: cloud.hub.port,
    node: "s1",
    identity: await identityOf("s1"),
  });
  await until(() => cloud.hub.edge("s1"));
  const large = message(
    { source: "x", group: "user", operation: "upload", resource: "x" },
    "x".repeat(1 << 20),
  );
  let taken = 0;
  while (taken < 100 && cloud.hub.send("s1", large)) taken += 1;
  expect(taken).toBeGreaterThan(1);
  expect(taken).toBeLessThan(64);
  // Objects wait as what they are, not as texts.
  for (let count = 0; count < 1_000; count++)
    cloud.hub.deliver("s1", delivery({ ...configMap(`big${count}`, 1), data: { text: "x".repeat(1000) } }));
  await clock.pass(130_000);
  expect(cloud.hub.edge("s1")).toBeUndefined();
  socket.destroy();
});

test("handlers that do not come to an end hold an edge back, not the cloud", async () => {
  const release = Promise.withResolvers<void>();
  let running = 0;
  cloud.hub.on("devices", async () => {
    running += 1;
    await release.promise;
  });
  const edge = await connected("s1");
  const report = () =>
    message(
      { source: "twin", group: "resource", operation: "update", resource: "device/d1/twin/edge_updated" },
      {},
    );
  for (let count = 0; count < 550; count++) edge.send(report());
  await until(() => running >= 512);
  const other = await connected("s2");
  other.send(query("default/configmap/other"));
  await until(() => seen.some(({ edge: { node } }) => node === "s2"));
  release.resolve();
  await until(() => running === 550);
  await Promise.all([left("s1", edge), left("s2", other)]);
});

describe("asking", () => {
  const { signal } = new AbortController();
  const question = () => message({ source: "x", group: "user", operation: "get", resource: "x" }, "what");

  test("brings the message that answers", async () => {
    const edge = await connected("s1");
    const asked = question();
    const answer = cloud.hub.ask("s1", asked, { signal });
    const came = await edge.until(({ id }) => id === asked.id);
    edge.send({ ...query("x", "that"), parent: came.id, route: { ...came.route, operation: "response" } });
    expect((await answer).content).toBe("that");
    await left("s1", edge);
  });

  test("ends when nobody is there, when the session ends, when it takes too long, and when it is given up", async () => {
    const codeOf = async (asking: Promise<unknown>) =>
      await asking.then(
        () => "answered",
        (error: unknown) => (error as { code?: unknown }).code,
      );
    expect(await codeOf(cloud.hub.ask("nobody", question(), { signal }))).toBe("unavailable");
    const edge = await connected("s1");
    await until(() => cloud.hub.edge("s1"));
    const late = codeOf(cloud.hub.ask("s1", question(), { signal, deadline: 2_000 }));
    await clock.pass(3_000);
    expect(await late).toBe("deadline_exceeded");
    const stop = new AbortController();
    const given = codeOf(cloud.hub.ask("s1", question(), { signal: stop.signal }));
    stop.abort();
    expect(await given).toBe("cancelled");
    const lost = codeOf(cloud.hub.ask("s1", question(), { signal }));
    edge.terminate();
    expect(await lost).toBe("unavailable");
    await gone("s1");
  });
});

test("a node that is deleted is let go", async () => {
  await api.client.create(core("nodes"), { apiVersion: "v1", kind: "Node", metadata: { name: "s1" } });
  const edge = await connected("s1");
  await until(() => cloud.hub.edge("s1"));
  await api.client.delete(core("nodes"), { name: "s1" });
  expect(await edge.closed).toContain("deleted");
});

test("an edge's release is that of its node, and what it is not yet is the newest", async () => {
  const edge = await connected("s1");
  const session = await until(() => cloud.hub.edge("s1"));
  expect(session.traits.deviceId).toBe("namespaced");
  const status = { nodeInfo: { kubeletVersion: "v1.26.15-kubeedge-v1.15.4" } };
  await api.client.create(core("nodes"), { apiVersion: "v1", kind: "Node", metadata: { name: "s1" } });
  await api.client.patch(
    core("nodes"),
    { name: "s1", subresource: "status" },
    { status },
    { type: "application/merge-patch+json" },
  );
  await until(() => session.version.minor === 15);
  expect(session.traits.deviceId).toBe("name");
  await left("s1", edge);
});
