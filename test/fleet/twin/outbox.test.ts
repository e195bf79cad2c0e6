import { describe, expect, test } from "bun:test";
import { Outbox, type Message, type OutboxLimits } from "../../../src/fleet/edge/twin/outbox.ts";
import { message, respond, type Envelope } from "../../../src/fleet/link/envelope.ts";
import { membershipDetail, membershipQuery } from "../../../src/fleet/link/kinds/membership.ts";
import type { TwinMessage, Twins } from "../../../src/fleet/link/kinds/twin.ts";
import { fakeEdgeContext } from "../fake-edge-context.ts";
import { handClock } from "../hand-clock.ts";
import { actual, confirm, isReport, isState, topic, withDevice, world } from "./_world.ts";

const limits: OutboxLimits = { together: 2, patience: 100, again: 1000, longest: 4000, states: 3 };

/** Devices owe what `owed` has of them: a text is a value, a state is `!`. */
function outbox() {
  const clock = handClock();
  const owed = new Map<string, string>();
  const sent: string[] = [];
  const ids = new Map<string, string>();
  const settled: string[] = [];
  const box = new Outbox({
    clock,
    limits,
    send: (envelope: Envelope) => {
      sent.push(`${envelope.route.resource}=${String(envelope.content)}`);
      ids.set(envelope.route.resource, envelope.id);
      return true;
    },
    next: (id): Message | undefined => {
      const value = owed.get(id);
      if (value === undefined) return undefined;
      const envelope = message({ source: "twin", resource: id }, value);
      return value === "!" ? { envelope, state: value } : { envelope, told: new Map() };
    },
    settled: async (id, { envelope }) => {
      settled.push(`${id}=${String(envelope.content)}`);
      if (owed.get(id) === envelope.content) owed.delete(id);
      await Promise.resolve();
    },
  });
  const owe = (id: string, value: string) => {
    owed.set(id, value);
    box.touch(id);
  };
  const answer = async (id: string) => {
    box.confirm(ids.get(id) ?? "");
    // What follows a settlement follows it in microtasks.
    await new Promise<void>((resolve) => setImmediate(resolve));
  };
  return { clock, box, owed, sent, settled, owe, answer, ids };
}

describe("what the cloud is owed", () => {
  test("goes at once when it is alone", () => {
    const { box, sent, owe } = outbox();
    box.connect([]);
    owe("a", "1");
    expect(sent).toEqual(["a=1"]);
  });

  test("and comes while the last message is under way goes together, when that is answered", async () => {
    const { box, sent, settled, owe, answer } = outbox();
    box.connect([]);
    for (const value of ["1", "2", "3", "4"]) owe("a", value);
    expect(sent).toEqual(["a=1"]);
    await answer("a");
    await answer("a");
    expect(sent).toEqual(["a=1", "a=4"]);
    expect(settled).toEqual(["a=1", "a=4"]);
  });

  test("goes without an answer when that is long in coming", () => {
    const { box, sent, owe, clock } = outbox();
    box.connect([]);
    owe("a", "1");
    clock.turn(50);
    owe("a", "2");
    clock.turn(49);
    expect(sent).toEqual(["a=1"]);
    clock.turn(1);
    expect(sent).toEqual(["a=1", "a=2"]);
  });

  test("is told again with the same id while nothing new comes, ever more seldom", () => {
    const { box, sent, owe, clock, ids } = outbox();
    box.connect([]);
    owe("a", "1");
    const id = ids.get("a");
    clock.turn(999);
    expect(sent).toHaveLength(1);
    clock.turn(1);
    expect(sent).toHaveLength(2);
    clock.turn(1999);
    expect(sent).toHaveLength(2);
    clock.turn(1);
    clock.turn(4000);
    clock.turn(4000);
    expect(sent).toHaveLength(5);
    expect(ids.get("a")).toBe(id);
  });

  test("of many devices is under way for so many at once", async () => {
    const { box, sent, owe, answer } = outbox();
    box.connect([]);
    for (const id of ["a", "b", "c", "d"]) owe(id, "1");
    expect(sent).toEqual(["a=1", "b=1"]);
    await answer("b");
    expect(sent).toEqual(["a=1", "b=1", "c=1"]);
  });

  test("is not told while the link is down, and all of it when it stands again", () => {
    const { box, sent, owe, owed, clock } = outbox();
    owe("a", "1");
    owe("b", "1");
    expect(sent).toEqual([]);
    box.connect(owed.keys());
    expect(sent).toEqual(["a=1", "b=1"]);
    box.disconnect();
    clock.turn(100_000);
    expect(sent).toHaveLength(2);
    box.connect(owed.keys());
    expect(sent).toEqual(["a=1", "b=1", "a=1", "b=1"]);
  });

  test("of a state is given up after some times: old clouds do not answer it", () => {
    const { box, sent, settled, owe, clock } = outbox();
    box.connect([]);
    owe("a", "!");
    clock.turn(100_000);
    expect(sent).toEqual(["a=!", "a=!", "a=!"]);
    expect(settled).toEqual(["a=!"]);
  });
});

describe("updates made offline", () => {
  const twinOf = (sent: Envelope) => (sent.content as TwinMessage).twin;

  test("are told with the link: the latest value of each property, with its version, once", async () => {
    await using at = await withDevice({ connected: false });
    for (const value of ["1", "2", "3"]) await at.bus.tell(topic("twin/update"), actual(value));
    await at.bus.tell(topic("twin/update"), { event_id: "e", twin: { sw: { actual: { value: "ON" } } } });
    await at.bus.tell(topic("state/update"), { event_id: "e", state: "offline" });
    at.context.link.set(true);
    const report = await at.context.link.take(isReport);
    expect(twinOf(report)).toMatchObject({
      temp: { actual: { value: "3" }, actual_version: { cloud: 0, edge: 3 } },
      sw: { actual: { value: "ON" }, actual_version: { cloud: 0, edge: 1 } },
    });
    await confirm(at, report);
    const state = await at.context.link.take(isState);
    expect(String(state.content)).toContain('"state":"offline"');
    await confirm(at, state);
    await at.bus.tell(topic("twin/get"), { event_id: "x" });
    at.context.link.set(false);
    at.context.link.set(true);
    expect(at.context.link.sent.filter((each) => isReport(each) || isState(each))).toEqual([]);
  });

  test("are told after a restart too, and what was told and not answered again with the same version", async () => {
    using place = fakeEdgeContext();
    const { root, meta } = place;
    {
      await using before = await withDevice({ root, meta });
      await before.bus.tell(topic("twin/update"), actual("5"));
      await before.context.link.take(isReport);
    }
    await using after = await world({ root, meta });
    expect(twinOf(await after.context.link.take(isReport))["temp"]).toMatchObject({
      actual: { value: "5" },
      actual_version: { cloud: 0, edge: 1 },
    });
  });

  test("that come after the last report are still owed when that is answered", async () => {
    await using at = await withDevice();
    await at.bus.tell(topic("twin/update"), actual("1"));
    const first = await at.context.link.take(isReport);
    await at.bus.tell(topic("twin/update"), actual("2"));
    await confirm(at, first);
    expect(twinOf(await at.context.link.take(isReport))["temp"]).toMatchObject({
      actual: { value: "2" },
      actual_version: { edge: 2 },
    });
  });

  test("that are too much for one message are told in several, each once", async () => {
    await using at = await withDevice({ connected: false });
    const names = Array.from({ length: 900 }, (_, index) => `p${index}`);
    await at.twins.report(
      { namespace: "default", name: "d1" },
      names.map((name) => ({ name, actual: name })),
    );
    at.context.link.set(true);
    const told: string[] = [];
    while (told.length < names.length) {
      const report = await at.context.link.take(isReport);
      told.push(...Object.keys(twinOf(report)));
      await confirm(at, report);
    }
    expect(told).toEqual(names);
    expect(at.context.link.sent.filter(isReport)).toEqual([]);
  });

  test("does not ask for the members again and again", async () => {
    await using at = await withDevice();
    const asked = () =>
      at.context.link.sent.filter(({ route }) => route.resource === "membership/detail").length;
    expect(asked()).toBe(1);
    at.context.link.set(false);
    at.context.link.set(true);
    expect(asked()).toBe(2);
  });
});

describe("what a cloud of ours lacks, though it once had it", () => {
  const twinOf = (sent: Envelope) => (sent.content as TwinMessage).twin;

  /** A cloud that was told all, and an edge that connects to it anew. */
  async function reconnected() {
    const at = await withDevice();
    const { link } = at.context;
    for (const value of ["1", "2"]) {
      await at.bus.tell(topic("twin/update"), actual(value));
      await confirm(at, await link.take(isReport));
    }
    await at.bus.tell(topic("twin/update"), { event_id: "e", twin: { sw: { actual: { value: "ON" } } } });
    await confirm(at, await link.take(isReport));
    await at.bus.tell(topic("state/update"), { event_id: "e", state: "online" });
    await confirm(at, await link.take(isState));
    link.set(false);
    link.ours = true;
    link.set(true);
    link.sent.splice(0, link.sent.length - 1);
    const [question] = link.sent.splice(0);
    if (!question) throw new Error("nothing was asked");
    const answer = (twin: Twins, state?: string) => {
      const content = membershipDetail.build({
        event_id: "e",
        timestamp: 1,
        devices: [{ id: "default/d1", name: "d1", twin, ...(state === undefined ? {} : { state }) }],
      });
      const route = { source: "devicecontroller", group: "twin", resource: "membership/detail" };
      return link.receive(respond(question, route, content));
    };
    return { at, link, question, answer };
  }

  test("is asked for with the link, and told again where its versions are older", async () => {
    const { at, link, question, answer } = await reconnected();
    await using _end = at;
    expect(membershipQuery.parse(question.content).operation).toBe("versions");
    await answer({ temp: { actual_version: { cloud: 0, edge: 1 } } });
    const report = await link.take(isReport);
    expect(twinOf(report)).toEqual({
      temp: expect.objectContaining({
        actual: expect.objectContaining({ value: "2" }),
        actual_version: { cloud: 0, edge: 2 },
      }),
      sw: expect.objectContaining({ actual: expect.objectContaining({ value: "ON" }) }),
    });
    await confirm(at, report);
    const state = await link.take(isState);
    expect(String(state.content)).toContain('"state":"online"');
  });

  test("is nothing where its versions and states are the same, or newer than an edge that lost its own", async () => {
    const { at, link, answer } = await reconnected();
    await using _end = at;
    const edge = (count: number) => ({ actual_version: { cloud: 0, edge: count } });
    at.bus.take();
    await answer({ temp: edge(2), sw: edge(9) }, "online");
    expect(at.bus.take()).toEqual([]);
    await at.bus.tell(topic("twin/update"), actual("3"));
    // The change is told, and nothing came before it nor with it.
    expect(Object.keys(twinOf(await link.take(() => true)))).toEqual(["temp"]);
  });
});
