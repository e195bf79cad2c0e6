/**
 * What one edge has yet to acknowledge: pure, without a network and without timers.
 *
 * Of each object only the newest state waits. Several objects are on their way at once; of one object a newer state waits until the older is acknowledged or its time is over, since what is sent again
 * after a newer one would bring back the past. What is not acknowledged is sent again under the same id, some times, then rests longer and longer and holds up nobody else meanwhile.
 */
import { compareVersions } from "../../link/envelope.ts";
import type { Delivery } from "./hub.ts";

export interface Limits {
  /** On their way at once; the bytes count beside the number, and one is always sent. */
  readonly messages: number;
  readonly bytes: number;
  /** Milliseconds until it is sent again. */
  readonly wait: number;
  /** Times that it is sent before it rests. */
  readonly times: number;
  /** Milliseconds of the first rest; each is twice the one before. */
  readonly rest: number;
  readonly longestRest: number;
  /** Objects of one edge that may wait; the next look at what it should have brings the others. */
  readonly most: number;
}

export const limits: Limits = {
  messages: 16,
  bytes: 256 << 10,
  wait: 5_000,
  times: 5,
  rest: 10_000,
  longestRest: 600_000,
  most: 20_000,
};

/**
 * Devices wait until the models on their way are acknowledged. Edges of KubeEdge give each message to a task of its own: a device that overtakes its model there never comes to its mapper
 * (seen with edgecore 1.23.0).
 */
const held = "device";
const holding = "devicemodel";

/** A message as it was made of a delivery. */
export interface Made {
  readonly id: string;
  readonly text: string;
}

interface Item {
  readonly uid: string;
  delivery: Delivery;
  /** A newer state than the one on its way. */
  next: Delivery | undefined;
  message: Made | undefined;
  /** Since its state was taken up. */
  sent: number;
  rests: number;
  /** When it is due again; 0 while it waits for its turn. */
  due: number;
}

export class DeliveryQueue {
  private readonly limits: Limits;
  private items = new Map<string, Item>();
  /** Those that may be sent as soon as there is room, in order. */
  private ready = new Set<Item>();
  private flying = new Map<string, Item>();
  /** Those whose turn came while something held them up. */
  private waiting = new Set<Item>();
  /** On their way, of those that hold others up. */
  private holders = 0;
  private bytes = 0;

  constructor(options?: Partial<Limits>) {
    this.limits = options ? { ...limits, ...options } : limits;
  }

  get size(): number {
    return this.items.size;
  }

  /** The state that the edge will have of an object once everything here arrived. */
  last(uid: string): Delivery | undefined {
    const item = this.items.get(uid);
    return item?.next ?? item?.delivery;
  }

  /** False when it waits here already, is older than what waits, or the queue is full. */
  put(delivery: Delivery): boolean {
    const uid = delivery.object.metadata.uid ?? "";
    const item = this.items.get(uid);
    if (!item) {
      if (this.items.size >= this.limits.most) return false;
      const made: Item = { uid, delivery, next: undefined, message: undefined, sent: 0, rests: 0, due: 0 };
      this.items.set(uid, made);
      this.ready.add(made);
      return true;
    }
    if (!isNewer(delivery, item.next ?? item.delivery)) return false;
    if (item.message && this.flying.has(item.message.id)) item.next = delivery;
    else {
      this.take(item, delivery);
      if (!this.waiting.has(item)) this.ready.add(item);
    }
    return true;
  }

  /** What is to be sent now, made by `make`; undefined: nothing, or no room. */
  next(now: number, make: (delivery: Delivery) => Made): Made | undefined {
    const isFull = this.flying.size >= this.limits.messages || this.bytes >= this.limits.bytes;
    if (isFull) return undefined;
    const item = this.turn();
    if (!item) return undefined;
    try {
      item.message ??= make(item.delivery);
    } catch (error) {
      this.drop(item);
      throw error;
    }
    return this.fly(item, item.message, now);
  }

  /** Looks at what is due: gives what has to be sent again, and lets rest what was sent often enough. */
  overdue(now: number): Made[] {
    const again: Made[] = [];
    for (const item of this.flying.values()) {
      if (item.due > now || !item.message) continue;
      if (item.next) this.give(item);
      else if (item.sent >= this.limits.times) this.rest(item, now);
      else {
        item.sent += 1;
        item.due = now + this.limits.wait;
        again.push(item.message);
      }
    }
    for (const item of this.items.values())
      if (item.due !== 0 && item.due <= now && !this.isFlying(item)) this.wake(item);
    return again;
  }

  /** What was acknowledged; undefined for an id that is not known. */
  acknowledged(id: string): Delivery | undefined {
    const item = this.flying.get(id);
    if (!item) return undefined;
    const { delivery } = item;
    this.land(item);
    if (item.next) this.give(item);
    else this.items.delete(item.uid);
    if (this.items.size === 0) this.rid();
    return delivery;
  }

  /** Collections keep the room that they had at most; thousands of edges have nothing to acknowledge most of the time. */
  private rid(): void {
    this.items = new Map();
    this.ready = new Set();
    this.flying = new Map();
    this.waiting = new Set();
  }

  private isFlying({ message }: Item): boolean {
    return message !== undefined && this.flying.has(message.id);
  }

  private turn(): Item | undefined {
    for (const item of this.ready) {
      this.ready.delete(item);
      if (this.holders === 0 || item.delivery.type !== held) return item;
      this.waiting.add(item);
    }
    return undefined;
  }

  private fly(item: Item, message: Made, now: number): Made {
    item.sent += 1;
    item.due = now + this.limits.wait;
    this.flying.set(message.id, item);
    if (item.delivery.type === holding) this.holders += 1;
    this.bytes += message.text.length;
    return message;
  }

  private land(item: Item): void {
    if (!item.message || !this.flying.delete(item.message.id)) return;
    this.bytes -= item.message.text.length;
    if (item.delivery.type !== holding) return;
    this.holders -= 1;
    if (this.holders > 0) return;
    for (const each of this.waiting) this.ready.add(each);
    this.waiting.clear();
  }

  /** The newer state takes its turn. */
  private give(item: Item): void {
    this.land(item);
    this.take(item, item.next ?? item.delivery);
    this.ready.add(item);
  }

  private take(item: Item, delivery: Delivery): void {
    Object.assign(item, { delivery, next: undefined, message: undefined, sent: 0, rests: 0, due: 0 });
  }

  private rest(item: Item, now: number): void {
    this.land(item);
    item.due = now + Math.min(this.limits.rest * 2 ** Math.min(item.rests, 20), this.limits.longestRest);
    item.rests += 1;
    item.sent = 0;
  }

  private wake(item: Item): void {
    item.due = 0;
    this.ready.add(item);
  }

  private drop(item: Item): void {
    this.items.delete(item.uid);
    this.ready.delete(item);
  }
}

/** After a deletion anything new counts: what was unused or elsewhere may be wanted again with the version that it had. */
function isNewer(next: Delivery, last: Delivery): boolean {
  if (last.operation === "delete") return next.operation !== "delete";
  if (next.operation === "delete") return true;
  return compareVersions(versionOf(next), versionOf(last)) > 0;
}

export function versionOf({ object }: Delivery): string | undefined {
  return object.metadata.resourceVersion;
}
