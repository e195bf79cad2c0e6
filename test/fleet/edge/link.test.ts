import { expect, test } from "bun:test";
import { systemClock } from "../../../src/base/clock.ts";
import { SampanError } from "../../../src/base/errors.ts";
import { openLink, type Link, type LinkOptions } from "../../../src/fleet/edge/hub/open.ts";
import { message, respond, type Envelope } from "../../../src/fleet/link/envelope.ts";
import { handClock } from "../hand-clock.ts";
import { fakeCloud, testAuthority, type FakeCloud } from "./fake-cloud.ts";

const authority = await testAuthority();
const keys = await authority.node("edge1");
const eager = { first: 1, most: 5 };

async function link(clouds: readonly FakeCloud[], more: Partial<LinkOptions> = {}) {
  const lines: string[] = [];
  const opened = await openLink({
    node: "edge1",
    addresses: clouds.map(({ address }) => address),
    keys: { current: () => keys },
    clock: systemClock(),
    log: (text) => lines.push(text),
    signal: new AbortController().signal,
    ...more,
    times: { ...eager, ...more.times },
  });
  return Object.assign(opened, { lines });
}

const pod = (name: string, more: object = {}): Envelope =>
  message(
    { source: "edgecontroller", group: "resource", operation: "update", resource: `default/pod/${name}` },
    {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "default", resourceVersion: "7" },
      ...more,
    },
    { resourceVersion: "7" },
  );

const isAck = (to: Envelope) => (given: Envelope) => given.parent === to.id;
const connected = (of: Link) => state(of, true);
async function state(of: Link, wanted: boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  using _watch = of.onChange((now) => {
    if (now === wanted) resolve();
  });
  await promise;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "none";
  } catch (error) {
    return SampanError.from(error).code;
  }
}

test("it introduces itself as KubeEdge's edges do and says at once that it is alive", async () => {
  await using cloud = await fakeCloud({ authority });
  await using _link = await link([cloud]);
  const session = await cloud.session();
  expect(session.path).toBe("/e632aba927ea4ac2b575ec1603d56f10/edge1/events");
  expect(session.headers).toMatchObject({
    node_id: "edge1",
    project_id: "e632aba927ea4ac2b575ec1603d56f10",
    connectionuse: "msg",
  });
  expect(session.headers).not.toHaveProperty("origin");
  expect(session.headers).not.toHaveProperty("sec-websocket-extensions");
  const first = await session.take(() => true);
  expect(first.route).toEqual({
    source: "websocket",
    group: "resource",
    operation: "keepalive",
    resource: "node",
  });
  expect(first.content).toBe("ping");
});

test("a cloud of ours is known by its answer: what is sent to it is the keepalive", async () => {
  await using others = await fakeCloud({ authority });
  await using ours = await fakeCloud({ authority, headers: ["x-sampan-link: renew"] });
  const times = { heartbeat: 15_000, quiet: 1e9 };
  for (const [cloud, isOurs] of [
    [others, false],
    [ours, true],
  ] as const) {
    const clock = handClock();
    await using edge = await link([cloud], { clock, times });
    const session = await cloud.session();
    await connected(edge);
    expect(session.headers).toMatchObject({ "x-sampan-link": "renew" });
    expect(edge.ours).toBe(isOurs);
    const said = (name: string) => edge.send({ ...pod(name), id: name });
    clock.turn(14_000);
    said("one");
    clock.turn(14_000);
    said("two");
    clock.turn(12_000);
    said("three");
    await session.take(({ id }) => id === "three");
    const kinds = session.received.map(({ id, route }) =>
      route.operation === "keepalive" ? "keepalive" : id,
    );
    expect(kinds).toEqual(
      isOurs
        ? ["keepalive", "one", "two", "three"]
        : ["keepalive", "one", "keepalive", "two", "keepalive", "three"],
    );
    clock.turn(25_000);
    await session.take(({ route, timestamp }) => route.operation === "keepalive" && timestamp > 40_000);
  }
});

test("an object is acknowledged after its handler has resolved, and not before", async () => {
  await using cloud = await fakeCloud({ authority });
  await using edge = await link([cloud], { dials: false });
  const stored = Promise.withResolvers<void>();
  const seen: string[] = [];
  edge.on("meta", async (given) => {
    seen.push(given.route.resource);
    await stored.promise;
  });
  edge.start();
  const session = await cloud.session();
  const one = pod("one");
  session.say(one);
  const question = message({ operation: "ping", source: "edgehub", group: "resource" }, null);
  session.say(question);
  // The answer to what came later is there: the one before was read, and waits for its handler.
  expect((await session.take(isAck(question))).content).toBe("ack");
  expect(seen).toEqual(["default/pod/one"]);
  expect(session.received.some(isAck(one))).toBe(false);
  stored.resolve();
  expect(await session.take(isAck(one))).toMatchObject({
    route: {
      source: "edgecontroller",
      group: "resource",
      operation: "response",
      resource: "default/pod/one",
    },
    content: "OK",
  });
});

test("messages of one object wait for each other, those of another object do not", async () => {
  await using cloud = await fakeCloud({ authority });
  await using edge = await link([cloud], { dials: false });
  const held = Promise.withResolvers<void>();
  const order: string[] = [];
  edge.on("meta", async ({ route, id }) => {
    if (route.resource === "default/pod/slow" && order.length === 0) {
      order.push("slow begins");
      await held.promise;
    }
    order.push(`${route.resource} ${id}`);
  });
  edge.start();
  const session = await cloud.session();
  const [first, second, other] = [pod("slow"), pod("slow"), pod("other")];
  for (const each of [first, second, other]) session.say(each);
  await session.take(isAck(other));
  expect(order).toEqual(["slow begins", `default/pod/other ${other.id}`]);
  held.resolve();
  await session.take(isAck(second));
  expect(order.slice(2)).toEqual([`default/pod/slow ${first.id}`, `default/pod/slow ${second.id}`]);
});

test("what a handler could not keep is told as a failure, and the link stands", async () => {
  await using cloud = await fakeCloud({ authority });
  await using edge = await link([cloud], { dials: false });
  edge.on("meta", () => {
    throw new Error("no space left on device");
  });
  edge.start();
  const session = await cloud.session();
  const one = pod("one");
  session.say(one);
  expect(await session.take(isAck(one))).toMatchObject({
    route: { source: "metamanager", operation: "error" },
    content: "no space left on device",
  });
  expect(edge.connected).toBe(true);
});

test("an answer reaches who asked, after it was given to those who keep it", async () => {
  await using cloud = await fakeCloud({ authority });
  await using edge = await link([cloud], { dials: false });
  const kept: string[] = [];
  edge.on("meta", ({ route }) => void kept.push(route.operation));
  edge.start();
  await connected(edge);
  const session = await cloud.session();
  const question = message(
    { source: "edged", group: "meta", operation: "query", resource: "default/configmap/c" },
    null,
  );
  const answered = edge.ask(question, { signal: new AbortController().signal });
  const asked = await session.take(({ id }) => id === question.id);
  const answer = respond(
    asked,
    { source: "edgecontroller", group: "resource" },
    { metadata: { name: "c" } },
    { resourceVersion: "5" },
  );
  session.say(answer);
  expect((await answered).content).toEqual({ metadata: { name: "c" } });
  expect(kept).toEqual(["response"]);
  await session.take(isAck(answer));
});

test("without a cloud a question is refused at once, and those that wait are when the link falls", async () => {
  await using cloud = await fakeCloud({ authority });
  await using edge = await link([cloud], { dials: false });
  const question = () =>
    message({ source: "edged", group: "meta", operation: "query", resource: "default/secret/s" }, null);
  const { signal } = new AbortController();
  expect(edge.send(question())).toBe(false);
  expect(await codeOf(edge.ask(question(), { signal }))).toBe("unavailable");
  edge.start();
  await connected(edge);
  const session = await cloud.session();
  const asked = edge.ask(question(), { signal });
  await session.take(({ route }) => route.operation === "query");
  session.cut();
  expect(await codeOf(asked)).toBe("unavailable");
});

test("a question that nobody answers ends at its deadline or with its signal", async () => {
  await using cloud = await fakeCloud({ authority });
  await using edge = await link([cloud]);
  await connected(edge);
  const question = () =>
    message({ source: "edged", group: "meta", operation: "query", resource: "default/secret/s" }, null);
  expect(await codeOf(edge.ask(question(), { signal: new AbortController().signal, deadline: 1 }))).toBe(
    "deadline_exceeded",
  );
  const off = new AbortController();
  const asked = edge.ask(question(), { signal: off.signal });
  off.abort();
  expect(await codeOf(asked)).toBe("cancelled");
});

test("after a cut it comes back, to the next address when the first has gone", async () => {
  await using second = await fakeCloud({ authority });
  const first = await fakeCloud({ authority });
  await using edge = await link([first, second]);
  const session = await first.session();
  expect(session.path).toContain("edge1");
  await first[Symbol.asyncDispose]();
  await second.session();
  await connected(edge);
  expect(edge.lines.join("\n")).toContain(`connected to cloud "${second.address}"`);
});

const refusals: readonly { readonly why: string; readonly answer: string; readonly words: string }[] = [
  {
    why: "a node over the limit",
    answer:
      "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 23\r\nConnection: close\r\n\r\nthe cloud has 500 nodes",
    words: "status 503: the cloud has 500 nodes",
  },
  {
    why: "another node's name",
    answer: "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    words: "status 403",
  },
];

test.each([...refusals])("$why: the reason is told once, and it tries on", async ({ answer, words }) => {
  await using cloud = await fakeCloud({ authority });
  cloud.refuse(answer);
  const told = Promise.withResolvers<string>();
  const lines: string[] = [];
  await using _edge = await link([cloud], {
    log: (text) => {
      lines.push(text);
      told.resolve(text);
    },
  });
  expect(await told.promise).toContain(words);
  cloud.refuse(undefined);
  await cloud.session();
  expect(lines.filter((line) => line.includes(words))).toHaveLength(1);
});

test("messages that are none, too deep or of nobody's group do not end the link", async () => {
  await using cloud = await fakeCloud({ authority });
  await using edge = await link([cloud], { dials: false });
  edge.on("meta", () => {});
  edge.start();
  const session = await cloud.session();
  for (const text of [
    "",
    "null",
    "{",
    "[".repeat(1000),
    '{"header":{"msg_id":7}}',
    '{"header":{},"route":{"group":"../../etc"}}',
    '{"header":{"msg_id":"a"},"route":{"source":"x","group":"nobody","operation":"update","resource":"a/b/c"},"content":{}}',
  ])
    session.sayText(text);
  const one = pod("one");
  session.say(one);
  expect((await session.take(isAck(one))).content).toBe("OK");
  expect(cloud.sessions).toHaveLength(1);
});

test("a message beyond 32 MiB ends the connection before it is read whole", async () => {
  await using cloud = await fakeCloud({ authority });
  await using edge = await link([cloud]);
  const session = await cloud.session();
  session.sayText(" ".repeat((32 << 20) + 1));
  await session.closed;
  await cloud.session();
  await connected(edge);
});

test("the dates of a certificate: the words say whose clock, and the cloud's time is named", async () => {
  const year = 365 * 86_400_000;
  const identity = await authority.server({ from: Date.now() + year / 2, until: Date.now() + year });
  await using cloud = await fakeCloud({ authority, identity });
  const told = Promise.withResolvers<string>();
  const lines: string[] = [];
  await using _edge = await link([cloud], {
    cloudTime: async () => Date.now() + year,
    log: (text) => {
      lines.push(text);
      if (text.includes("s behind cloud")) told.resolve(text);
    },
  });
  expect(await told.promise).toContain("set the wrong one right");
  expect(lines[0]).toContain("this machine's clock is behind");
});

test("another authority's cloud is refused", async () => {
  const other = await testAuthority();
  await using cloud = await fakeCloud({ authority: other });
  const told = Promise.withResolvers<string>();
  await using _edge = await link([cloud], { log: told.resolve });
  expect(await told.promise).toContain("another authority than this node's");
});

test("keys that are not there yet are looked for again at the next attempt", async () => {
  await using cloud = await fakeCloud({ authority });
  let asked = 0;
  await using _edge = await link([cloud], {
    keys: {
      current: () => {
        asked += 1;
        if (asked === 1) throw new Error("this node has not joined");
        return keys;
      },
    },
  });
  await cloud.session();
  expect(asked).toBeGreaterThan(1);
});
