import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { connect } from "node:net";
import { connect as connectMqtt } from "mqtt";
import { openEventBus, type OpenEventBus } from "../../../src/fleet/edge/eventbus/open.ts";
import type { BrokerLimits } from "../../../src/fleet/edge/eventbus/options.ts";
import { putUser } from "../../../src/fleet/edge/eventbus/users.ts";
import { message } from "../../../src/fleet/link/envelope.ts";
import { publication, publish, subscription } from "../../../src/fleet/link/kinds/user.ts";
import { fakeEdgeContext, type FakeEdgeContext } from "../fake-edge-context.ts";
import { handClock } from "../hand-clock.ts";
import { mqttClient } from "./_client.ts";

interface World extends AsyncDisposable {
  readonly context: FakeEdgeContext;
  readonly bus: OpenEventBus;
  readonly port: number;
}

interface Options {
  readonly limits?: Partial<BrokerLimits>;
  readonly users?: string;
  readonly context?: FakeEdgeContext;
}

async function world({ limits = {}, users, context = fakeEdgeContext() }: Options = {}): Promise<World> {
  const internal = { port: 0, limits, ...(users === undefined ? {} : { users }) };
  const bus = await openEventBus(context, { internal });
  return {
    context,
    bus,
    port: bus.ports[0] ?? 0,
    async [Symbol.asyncDispose]() {
      await bus[Symbol.asyncDispose]();
      context[Symbol.dispose]();
    },
  };
}

const fromCloud = (operation: string, resource: string, content: unknown = null) =>
  message({ source: "router_eventbus", group: "user", operation, resource }, content);

describe("the broker inside", () => {
  test.each([0, 1, 2] as const)("delivers QoS %p once, with its QoS", async (qos) => {
    await using at = await world();
    await using a = await mqttClient(at.port);
    await using b = await mqttClient(at.port);
    await a.mqtt.subscribeAsync("t/+", { qos: 2 });
    await b.mqtt.publishAsync("t/x", "1", { qos });
    await b.mqtt.publishAsync("t/end", "", { qos });
    expect(await a.take("t/x")).toEqual({ topic: "t/x", text: "1", qos, retain: false });
    await a.take("t/end");
    expect(a.rest).toEqual([]);
  });

  test("keeps retained messages, until an empty one removes them", async () => {
    await using at = await world();
    await using a = await mqttClient(at.port);
    await a.mqtt.publishAsync("kept/1", "old", { qos: 1, retain: true });
    await a.mqtt.publishAsync("kept/1", "new", { qos: 1, retain: true });
    await a.mqtt.publishAsync("kept/2", "gone", { qos: 1, retain: true });
    await a.mqtt.publishAsync("kept/2", "", { qos: 1, retain: true });
    await using b = await mqttClient(at.port);
    await b.mqtt.subscribeAsync("kept/#", { qos: 1 });
    expect(await b.take("kept/1")).toMatchObject({ text: "new", retain: true });
    await a.mqtt.publishAsync("kept/end", "", { qos: 1 });
    await b.take("kept/end");
    expect(b.rest).toEqual([]);
  });

  test("publishes the will of a client that is lost, and none of one that says goodbye", async () => {
    await using at = await world();
    await using a = await mqttClient(at.port);
    await a.mqtt.subscribeAsync("will/#", { qos: 1 });
    const will = (topic: string) => ({
      will: { topic, payload: Buffer.from("lost"), qos: 1 as const, retain: false },
    });
    const polite = await mqttClient(at.port, will("will/polite"));
    await polite.mqtt.endAsync();
    const lost = await mqttClient(at.port, will("will/lost"));
    lost.mqtt.stream.destroy();
    expect((await a.take("will/lost")).text).toBe("lost");
    expect(a.rest).toEqual([]);
    await lost[Symbol.asyncDispose]();
  });

  test("keeps what comes for a session while its client is away", async () => {
    await using at = await world();
    const session = { clientId: "sleeper", clean: false };
    const before = await mqttClient(at.port, session);
    await before.mqtt.subscribeAsync("for/sleeper", { qos: 1 });
    await before.mqtt.endAsync();
    await using other = await mqttClient(at.port);
    for (const text of ["1", "2", "3"]) await other.mqtt.publishAsync("for/sleeper", text, { qos: 1 });
    await using after = await mqttClient(at.port, session);
    expect(
      [await after.take("for/sleeper"), await after.take("for/sleeper"), await after.take("for/sleeper")].map(
        ({ text }) => text,
      ),
    ).toEqual(["1", "2", "3"]);
  });

  test("gives a client's id to the newest connection", async () => {
    await using at = await world();
    await using old = await mqttClient(at.port, { clientId: "twice" });
    await using fresh = await mqttClient(at.port, { clientId: "twice" });
    await old.closed;
    await fresh.mqtt.subscribeAsync("t", { qos: 1 });
    await fresh.mqtt.publishAsync("t", "here", { qos: 1 });
    expect((await fresh.take("t")).text).toBe("here");
  });
});

describe("the bounds of the broker inside", () => {
  test("end the connection of a client whose packet is too large, before it has come in", async () => {
    await using at = await world({ limits: { packet: 1000 } });
    await using a = await mqttClient(at.port);
    a.mqtt.publish("t", Buffer.alloc(1001), { qos: 1 }, () => {});
    await a.closed;
    const raw = connect(at.port, "127.0.0.1");
    raw.on("error", () => {});
    const ended = new Promise((resolve) => raw.on("close", resolve));
    // The head of a CONNECT of 256 MiB, and nothing behind it.
    raw.write(Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0x7f));
    await ended;
    await using b = await mqttClient(at.port);
    await b.mqtt.publishAsync("t", Buffer.alloc(900), { qos: 1 });
  });

  test("refuse subscriptions that are too many, too long or too deep, and no others", async () => {
    await using at = await world({ limits: { subscriptions: 2, topic: 20, levels: 3 } });
    await using a = await mqttClient(at.port);
    const granted = async (filter: string) => {
      const [first] = await a.mqtt.subscribeAsync(filter, { qos: 1 }).catch(() => [{ qos: 128 }]);
      return first?.qos;
    };
    expect(await granted("a/b/c/d")).toBe(128);
    expect(await granted("a".repeat(21))).toBe(128);
    expect([await granted("a"), await granted("b"), await granted("c"), await granted("a")]).toEqual([
      1, 1, 128, 1,
    ]);
    await a.mqtt.unsubscribeAsync("a");
    expect(await granted("c")).toBe(1);
  });

  test("deliver a message for which there is no room to be retained, and do not retain it", async () => {
    await using at = await world({ limits: { retainedBytes: 100, retained: 2 } });
    await using a = await mqttClient(at.port);
    await a.mqtt.subscribeAsync("r/#", { qos: 1 });
    await a.mqtt.publishAsync("r/large", "x".repeat(100), { qos: 1, retain: true });
    for (const each of ["r/1", "r/2", "r/3"]) await a.mqtt.publishAsync(each, "y", { qos: 1, retain: true });
    expect((await a.take("r/large")).text).toHaveLength(100);
    await a.take("r/3");
    await using b = await mqttClient(at.port);
    await b.mqtt.subscribeAsync("r/#", { qos: 1 });
    await a.mqtt.publishAsync("r/end", "", { qos: 1 });
    await b.take("r/end");
    expect(b.rest.map(({ topic }) => topic)).toEqual(["r/1", "r/2"]);
  });

  test("disconnect a client that does not read, while others get everything", async () => {
    await using at = await world({ limits: { slow: 1 << 20, stuck: 2 << 20 } });
    await using stuck = await mqttClient(at.port);
    await stuck.mqtt.subscribeAsync("flood", { qos: 1 });
    await using good = await mqttClient(at.port);
    await good.mqtt.subscribeAsync("flood", { qos: 1 });
    // Nothing is read any more: the library waits for the handler, and then the socket's buffers fill.
    stuck.mqtt.handleMessage = () => {};
    await using from = await mqttClient(at.port);
    const payload = Buffer.alloc(256 << 10);
    while (!at.context.logged.join().includes("does not read")) {
      await from.mqtt.publishAsync("flood", payload, { qos: 1 });
      await good.take("flood");
    }
    await from.mqtt.publishAsync("flood", "end", { qos: 1 });
    expect((await good.take("flood")).text).toBe("end");
  });

  test("keep so many messages for a session that is away, and not more", async () => {
    await using at = await world({ limits: { queued: 3 } });
    const session = { clientId: "sleeper", clean: false };
    const before = await mqttClient(at.port, session);
    await before.mqtt.subscribeAsync("q", { qos: 1 });
    await before.mqtt.endAsync();
    await using other = await mqttClient(at.port);
    for (const text of ["1", "2", "3", "4", "5"]) await other.mqtt.publishAsync("q", text, { qos: 1 });
    await using after = await mqttClient(at.port, session);
    for (const text of ["1", "2", "3"]) expect((await after.take("q")).text).toBe(text);
    await other.mqtt.publishAsync("q", "end", { qos: 1 });
    expect((await after.take("q")).text).toBe("end");
  });

  test("let the session that is away longest make room for a new one", async () => {
    await using at = await world({ limits: { sessions: 2 } });
    for (const clientId of ["s1", "s2", "s3"]) {
      const client = await mqttClient(at.port, { clientId, clean: false });
      await client.mqtt.subscribeAsync("q", { qos: 1 });
      await client.mqtt.endAsync();
    }
    await using other = await mqttClient(at.port);
    await other.mqtt.publishAsync("q", "kept", { qos: 1 });
    await using third = await mqttClient(at.port, { clientId: "s3", clean: false });
    expect((await third.take("q")).text).toBe("kept");
    await using first = await mqttClient(at.port, { clientId: "s1", clean: false });
    await first.mqtt.subscribeAsync("end", { qos: 1 });
    await other.mqtt.publishAsync("end", "", { qos: 1 });
    await first.take("end");
    expect(first.rest).toEqual([]);
  });

  test("let no more clients in than there may be", async () => {
    await using at = await world({ limits: { clients: 1 } });
    await using first = await mqttClient(at.port);
    const second = connectMqtt({ host: "127.0.0.1", port: at.port, protocol: "mqtt", reconnectPeriod: 0 });
    await new Promise<void>((resolve) => second.on("close", resolve));
    await second.endAsync(true);
    await first.mqtt.publishAsync("t", "", { qos: 1 });
  });

  test("hold back a client that publishes too fast, and not the others", async () => {
    await using at = await world({ limits: { rate: 5, burst: 10 } });
    await using flood = await mqttClient(at.port);
    await using calm = await mqttClient(at.port);
    await calm.mqtt.subscribeAsync("#", { qos: 0 });
    for (let each = 0; each < 10_000; each++) flood.mqtt.publish("flood", String(each), { qos: 0 });
    await calm.take("flood");
    await calm.mqtt.publishAsync("calm", "now", { qos: 1 });
    expect((await calm.take("calm")).text).toBe("now");
    expect(calm.rest.length).toBeLessThan(1000);
  });
});

test("a client that is held back still has its will published when it is lost", async () => {
  await using at = await world({ limits: { rate: 1, burst: 1 } });
  await using calm = await mqttClient(at.port);
  await calm.mqtt.subscribeAsync("will", { qos: 1 });
  const will = { topic: "will", payload: Buffer.from("lost"), qos: 1 as const, retain: false };
  const flood = await mqttClient(at.port, { will });
  for (let each = 0; each < 100; each++) flood.mqtt.publish("flood", "x", { qos: 0 });
  await flood.mqtt.publishAsync("flood", "the socket has it", { qos: 0 });
  flood.mqtt.stream.destroy();
  expect((await calm.take("will")).text).toBe("lost");
  await flood[Symbol.asyncDispose]();
});

describe("the users of the broker inside", () => {
  async function guarded(): Promise<World> {
    const context = fakeEdgeContext();
    const users = join(context.root, "users.json");
    await putUser(users, "lamp", {
      password: "a",
      publish: ["$hw/events/device/#", "of/%u/#", "$SYS/#"],
      subscribe: ["of/%u/#", "common"],
    });
    await putUser(users, "other", { password: "b", publish: ["#", "of/#"], subscribe: ["#"] });
    return await world({ context, users });
  }
  const lamp = { username: "lamp", password: "a" };
  const other = { username: "other", password: "b" };

  test("come in with the right password only, and nobody without one", async () => {
    await using at = await guarded();
    expect(mqttClient(at.port, { ...lamp, password: "b" })).rejects.toThrow("Not authorized");
    expect(mqttClient(at.port)).rejects.toThrow("Not authorized");
    await using a = await mqttClient(at.port, lamp);
    expect(a.mqtt.connected).toBeTrue();
  });

  test("publish what they may; other messages are acknowledged and heard by nobody", async () => {
    await using at = await guarded();
    await using listener = await mqttClient(at.port, other);
    await listener.mqtt.subscribeAsync("#", { qos: 1 });
    await using a = await mqttClient(at.port, lamp);
    await a.mqtt.publishAsync("of/other/x", "no", { qos: 1 });
    await a.mqtt.publishAsync("of/lamp/x", "yes", { qos: 1 });
    expect((await listener.take("of/lamp/x")).text).toBe("yes");
    expect(listener.rest).toEqual([]);
    expect(at.context.logged.join()).toContain('may not publish "of/other/x"');
  });

  test("cannot say what only the node says, whatever their rights are", async () => {
    await using at = await guarded();
    const taken: string[] = [];
    using _taker = at.bus.takeDevices(({ topic }) => void taken.push(topic));
    await using a = await mqttClient(at.port, lamp);
    await a.mqtt.publishAsync("$hw/events/device/default/d/twin/cloud_updated", "{}", { qos: 1 });
    await a.mqtt.publishAsync("$hw/events/device/default/d/twin/update/delta", "{}", { qos: 1 });
    await a.mqtt.publishAsync("$hw/events/device/default/d/twin/update", "{}", { qos: 1 });
    expect(taken).toEqual(["$hw/events/device/default/d/twin/update"]);
  });

  test("get nothing of what they may not hear, also when it is asked for beside something else by a session", async () => {
    await using at = await guarded();
    const session = { ...lamp, clientId: "s", clean: false };
    const before = await mqttClient(at.port, session);
    const granted = await before.mqtt
      .subscribeAsync({ "of/lamp/#": { qos: 1 }, "of/other/#": { qos: 1 } })
      .catch(() => []);
    expect(granted.filter(({ topic, qos }) => topic === "of/other/#" && qos < 128)).toEqual([]);
    await before.mqtt.endAsync();
    await using from = await mqttClient(at.port, other);
    await from.mqtt.publishAsync("of/other/secret", "no", { qos: 1 });
    await from.mqtt.publishAsync("of/lamp/x", "yes", { qos: 1 });
    await using after = await mqttClient(at.port, session);
    expect((await after.take("of/lamp/x")).text).toBe("yes");
    expect(after.rest).toEqual([]);
  });

  test("cannot take over another user's client", async () => {
    await using at = await guarded();
    await using a = await mqttClient(at.port, { ...lamp, clientId: "mine" });
    expect(mqttClient(at.port, { ...other, clientId: "mine" })).rejects.toThrow("Not authorized");
    await a.mqtt.subscribeAsync("common", { qos: 1 });
    expect(a.mqtt.connected).toBeTrue();
    const away = await mqttClient(at.port, { ...lamp, clientId: "away", clean: false });
    await away.mqtt.subscribeAsync("common", { qos: 1 });
    await away.mqtt.endAsync();
    expect(mqttClient(at.port, { ...other, clientId: "away", clean: false })).rejects.toThrow(
      "Not authorized",
    );
    expect(mqttClient(at.port, { ...other, clientId: "away" })).rejects.toThrow("Not authorized");
  });
});

describe("what the cloud's rules want", () => {
  test("is published to local clients, as the captured message says", async () => {
    await using at = await world();
    await using a = await mqttClient(at.port);
    await a.mqtt.subscribeAsync("edgetopic/#", { qos: 1 });
    await at.context.link.receive(fromCloud("publish", "edgetopic/sub", publish.build('{"m":2}')));
    expect((await a.take("edgetopic/sub")).text).toBe('{"m":2}');
  });

  test("is listened to, also after a restart, until it is wanted no more", async () => {
    using root = fakeEdgeContext();
    const again = () => fakeEdgeContext({ root: root.root });
    {
      await using at = await world({ context: again() });
      await at.context.link.receive(fromCloud("subscribe", "default/uptopic", subscription.build(null)));
    }
    await using at = await world({ context: again() });
    await using a = await mqttClient(at.port);
    await a.mqtt.publishAsync("default/uptopic", "up!", { qos: 1 });
    const sent = await at.context.link.take(() => true);
    expect(sent.route).toEqual({
      source: "bus",
      group: "user",
      operation: "upload",
      resource: "default/uptopic",
    });
    expect(publication.parse(sent.content)).toBe("up!");
    await at.context.link.receive(fromCloud("unsubscribe", "default/uptopic"));
    await a.mqtt.publishAsync("default/uptopic", "no more", { qos: 1 });
    expect(at.context.link.sent).toEqual([]);
  });

  test("is left out when it is no topic", async () => {
    await using at = await world();
    for (const [operation, resource] of [
      ["publish", "a/#"],
      ["publish", ""],
      ["subscribe", "a/#/b"],
      ["subscribe", "a".repeat(5000)],
      ["fly", "a"],
    ] as const)
      await at.context.link.receive(fromCloud(operation, resource, operation === "publish" ? "x" : null));
    expect(at.context.logged).toHaveLength(5);
  });
});

describe("what goes to the cloud", () => {
  test.each(["$hw/events/upload/foo", "SYS/dis/upload_records", "default/user/foo"])(
    "%s does without a rule",
    async (topic) => {
      await using at = await world();
      await using a = await mqttClient(at.port);
      await a.mqtt.publishAsync(topic, "hi", { qos: 2 });
      await a.mqtt.publishAsync("other", "no", { qos: 1 });
      expect(at.context.link.sent.map(({ route, content }) => [route.resource, content])).toEqual([
        [topic, "hi"],
      ]);
    },
  );

  test("waits for the link when it came with QoS 1, in its order, and is dropped with QoS 0", async () => {
    const context = fakeEdgeContext({ connected: false });
    await using at = await world({ context });
    await using a = await mqttClient(at.port);
    a.mqtt.publish("a/user/b", "dropped", { qos: 0 });
    await a.mqtt.publishAsync("a/user/b", "1", { qos: 1 });
    await a.mqtt.publishAsync("a/user/b", "2", { qos: 1 });
    context.link.set(true);
    expect(context.link.sent.map(({ content }) => content)).toEqual(["1", "2"]);
  });

  test("is a text also when its bytes are none", async () => {
    await using at = await world();
    await using a = await mqttClient(at.port);
    await a.mqtt.publishAsync("a/user/b", Buffer.from([0x61, 0xff]), { qos: 1 });
    expect(at.context.link.sent[0]?.content).toBe("a\ufffd");
  });
});

test("a message of a device is acknowledged only after it was dealt with", async () => {
  await using at = await world();
  const gate = Promise.withResolvers<void>();
  const seen = Promise.withResolvers<void>();
  using _taker = at.bus.takeDevices(async () => {
    seen.resolve();
    await gate.promise;
  });
  await using a = await mqttClient(at.port);
  let acknowledged = false;
  const sent = a.mqtt.publishAsync("$hw/events/device/default/d/twin/update", "{}", { qos: 1 }).then(() => {
    acknowledged = true;
  });
  await seen.promise;
  await using b = await mqttClient(at.port);
  await b.mqtt.publishAsync("other", "", { qos: 1 });
  expect(acknowledged).toBeFalse();
  gate.resolve();
  await sent;
  expect(acknowledged).toBeTrue();
});

test("a port that is taken is waited for, and everything else works meanwhile", async () => {
  await using taken = await world();
  using context = fakeEdgeContext();
  const clock = handClock();
  const internal = { port: taken.port };
  await using bus = await openEventBus({ ...context, clock }, { internal });
  expect(bus.ports).toEqual([]);
  expect(context.logged.join()).toContain(`127.0.0.1:${taken.port}`);
  bus.publish("t", "to nobody");
  await taken.bus[Symbol.asyncDispose]();
  while (bus.ports.length === 0) {
    clock.turn(5000);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  await using a = await mqttClient(taken.port);
  expect(a.mqtt.connected).toBeTrue();
});
