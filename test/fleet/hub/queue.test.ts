/** The order in which objects are sent, and sent again. */
import { expect, test } from "bun:test";
import type { Delivery } from "../../../src/fleet/cloud/hub/hub.ts";
import { DeliveryQueue, type Limits } from "../../../src/fleet/cloud/hub/queue.ts";
import { configMap, delivery } from "./_cloud.ts";

const limits = { messages: 3, bytes: 100, wait: 5, times: 3, rest: 10, longestRest: 15, most: 5 } as const;

/** Sends all that may be sent; messages are called after their object and its version. */
class Sender {
  readonly queue: DeliveryQueue;
  readonly sent: string[] = [];
  now = 0;

  constructor(options: Partial<Limits> = {}) {
    this.queue = new DeliveryQueue({ ...limits, ...options });
  }

  put(name: string, version: number, operation: Delivery["operation"] = "update"): boolean {
    return this.queue.put(delivery(configMap(name, version), operation));
  }

  /** Ids of what goes out now. */
  pump(): string[] {
    const made = ({ object, operation }: Delivery) => {
      const id = `${object.metadata.name}${object.metadata.resourceVersion}${operation === "delete" ? "-" : ""}`;
      return { id, text: `a message: ${id}` };
    };
    const out: string[] = [];
    for (let next = this.queue.next(this.now, made); next; next = this.queue.next(this.now, made))
      out.push(next.id);
    this.sent.push(...out);
    return out;
  }

  /** Ids of what goes out again, and of what follows. */
  at(now: number): string[] {
    this.now = now;
    const again = this.queue.overdue(now).map(({ id }) => id);
    return [...again, ...this.pump()];
  }
}

test("several objects are on their way at once, and no more than may be", () => {
  const sender = new Sender();
  for (const name of ["a", "b", "c", "d"]) sender.put(name, 1);
  expect(sender.pump()).toEqual(["a1", "b1", "c1"]);
  expect(sender.pump()).toEqual([]);
  sender.queue.acknowledged("b1");
  expect(sender.pump()).toEqual(["d1"]);
});

test("what is large is sent alone, but it is sent", () => {
  const sender = new Sender({ bytes: 5 });
  sender.put("a", 1);
  sender.put("b", 1);
  expect(sender.pump()).toEqual(["a1"]);
  sender.queue.acknowledged("a1");
  expect(sender.pump()).toEqual(["b1"]);
});

test("of an object that waits only the newest state is sent", () => {
  const sender = new Sender({ messages: 1 });
  sender.put("a", 1);
  sender.pump();
  for (const version of [2, 4, 3]) sender.put("b", version);
  sender.queue.acknowledged("a1");
  expect(sender.pump()).toEqual(["b4"]);
});

test("a newer state waits until the older one is acknowledged", () => {
  const sender = new Sender();
  sender.put("a", 1);
  sender.pump();
  sender.put("a", 2);
  sender.put("a", 3);
  expect(sender.pump()).toEqual([]);
  expect(sender.queue.acknowledged("a1")?.object.metadata.resourceVersion).toBe("1");
  expect(sender.pump()).toEqual(["a3"]);
  expect(sender.queue.acknowledged("a3")?.object.metadata.resourceVersion).toBe("3");
  expect(sender.queue.size).toBe(0);
});

test("or until its time is over: the older one is never sent after the newer", () => {
  const sender = new Sender();
  sender.put("a", 1);
  sender.pump();
  sender.put("a", 2);
  expect(sender.at(4)).toEqual([]);
  expect(sender.at(5)).toEqual(["a2"]);
  expect(sender.queue.acknowledged("a1")).toBeUndefined();
  expect(sender.at(10)).toEqual(["a2"]);
});

test("what is not acknowledged is sent again under its id, then rests and holds up nobody", () => {
  const sender = new Sender({ messages: 1 });
  sender.put("a", 1);
  sender.put("b", 1);
  expect(sender.pump()).toEqual(["a1"]);
  expect(sender.at(5)).toEqual(["a1"]);
  expect(sender.at(10)).toEqual(["a1"]);
  expect(sender.at(15)).toEqual(["b1"]);
  sender.queue.acknowledged("b1");
  expect(sender.at(24)).toEqual([]);
  expect(sender.at(25)).toEqual(["a1"]);
  expect([sender.at(30), sender.at(35), sender.at(40)]).toEqual([["a1"], ["a1"], []]);
  // The second rest would be of 20, and none is longer than 15.
  expect([sender.at(54), sender.at(55)]).toEqual([[], ["a1"]]);
});

test("a newer state ends a rest", () => {
  const sender = new Sender();
  sender.put("a", 1);
  sender.pump();
  for (const now of [5, 10, 15]) sender.at(now);
  sender.put("a", 2);
  expect(sender.at(16)).toEqual(["a2"]);
});

test("after a deletion an object may come again, with the version that it had", () => {
  const sender = new Sender();
  sender.put("a", 5);
  sender.pump();
  expect(sender.put("a", 5, "delete")).toBe(true);
  expect(sender.put("a", 5, "delete")).toBe(false);
  sender.queue.acknowledged("a5");
  expect(sender.pump()).toEqual(["a5-"]);
  expect(sender.put("a", 5, "insert")).toBe(true);
  sender.queue.acknowledged("a5-");
  expect(sender.pump()).toEqual(["a5"]);
});

test("the same state is taken once, and an acknowledgement counts once", () => {
  const sender = new Sender();
  expect([sender.put("a", 1), sender.put("a", 1)]).toEqual([true, false]);
  sender.pump();
  expect(sender.put("a", 1)).toBe(false);
  expect(sender.queue.acknowledged("a1")).toBeDefined();
  expect(sender.queue.acknowledged("a1")).toBeUndefined();
  expect(sender.queue.acknowledged("never sent")).toBeUndefined();
});

test("no more objects wait than may", () => {
  const sender = new Sender();
  const taken = ["a", "b", "c", "d", "e", "f"].filter((name) => sender.put(name, 1));
  expect(taken).toEqual(["a", "b", "c", "d", "e"]);
});

test("an object that cannot be sent holds up no other", () => {
  const { queue } = new Sender();
  for (const name of ["bad", "good"]) queue.put(delivery(configMap(name, 1)));
  const make = ({ object }: Delivery) => {
    if (object.metadata.name === "bad") throw new Error("it cannot be written");
    return { id: "1", text: "" };
  };
  expect(() => queue.next(0, make)).toThrow("cannot be written");
  expect(queue.next(0, make)?.id).toBe("1");
});

/** As edgecore 1.23.0 wants it: it gives each message to a task of its own, and a device that overtook its model there never came to its mapper. */
const kinds: Readonly<Record<string, string>> = {
  m: "devicemodel",
  n: "devicemodel",
  d: "device",
  e: "device",
};
const putKind = (sender: Sender, name: string, version: number) =>
  sender.queue.put({ ...delivery(configMap(name, version), "insert"), type: kinds[name] ?? "configmap" });

test("a device waits for the models on their way, and holds up nothing else", () => {
  const sender = new Sender({ messages: 9, most: 9 });
  for (const name of ["m", "d", "c", "e"]) putKind(sender, name, 1);
  expect(sender.pump()).toEqual(["m1", "c1"]);
  putKind(sender, "d", 2);
  putKind(sender, "n", 1);
  expect(sender.pump()).toEqual(["n1"]);
  sender.queue.acknowledged("m1");
  expect(sender.pump()).toEqual([]);
  sender.queue.acknowledged("n1");
  expect(sender.pump()).toEqual(["d2", "e1"]);
});

test("a model that is never acknowledged holds up its devices until it rests", () => {
  const sender = new Sender();
  for (const name of ["m", "d"]) putKind(sender, name, 1);
  expect([sender.pump(), sender.at(5), sender.at(10)]).toEqual([["m1"], ["m1"], ["m1"]]);
  expect(sender.at(15)).toEqual(["d1"]);
});
