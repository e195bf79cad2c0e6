/**
 * What the cloud is owed, told until it says that it has it. One message of a device is under way at a time: the first goes at once, and what comes meanwhile goes together in the next, so that a device
 * which reports a thousand times a second costs the cloud one message a round trip. What is owed is in the store, not here: it outlives the link and this process, and is told with the same versions.
 */
import type { Clock } from "../../../base/clock.ts";
import type { Envelope } from "../../link/envelope.ts";
import type { Device, Told } from "./registry.ts";
import { lengthOf } from "./update.ts";

/** Milliseconds; how often. */
export interface OutboxLimits {
  /** Devices whose messages are under way. */
  readonly together: number;
  /** After so long what came meanwhile goes, answered or not. */
  readonly patience: number;
  /** The same message again, when nothing new came: doubled each time to the longest. */
  readonly again: number;
  readonly longest: number;
  /** A state is told so often on one connection: clouds to 1.17 never answer it. */
  readonly states: number;
}

export const outboxLimits: OutboxLimits = {
  together: 256,
  patience: 1000,
  again: 10_000,
  longest: 60_000,
  states: 3,
};

export interface Message {
  readonly envelope: Envelope;
  /** undefined: it is a state. */
  readonly told?: ReadonlyMap<string, Told>;
  readonly state?: string;
}

export interface OutboxOptions {
  readonly clock: Clock;
  /** False when the link does not stand. */
  readonly send: (envelope: Envelope) => boolean;
  /** What a device owes now, values before its state; undefined for nothing. */
  readonly next: (id: string) => Message | undefined;
  /** The cloud has it, or, of a state, will never say so. */
  readonly settled: (id: string, message: Message) => Promise<void>;
  readonly limits?: OutboxLimits;
}

interface Flight {
  readonly device: string;
  readonly message: Message;
  readonly since: number;
  tries: number;
  /** Something new came since. */
  stale: boolean;
  /** It is over; what it settles is being written. */
  settling: boolean;
  cancel: () => void;
}

export class Outbox implements Disposable {
  readonly #options: OutboxOptions;
  readonly #limits: OutboxLimits;
  readonly #flights = new Map<string, Flight>();
  readonly #byMessage = new Map<string, Flight>();
  readonly #waiting = new Set<string>();
  #connected = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#limits = options.limits ?? outboxLimits;
  }

  /** Begins anew with all that owe something. */
  connect(devices: Iterable<string>): void {
    this.disconnect();
    this.#connected = true;
    for (const id of devices) this.#waiting.add(id);
    this.#pump();
  }

  disconnect(): void {
    this.#connected = false;
    for (const flight of this.#flights.values()) flight.cancel();
    this.#flights.clear();
    this.#byMessage.clear();
    this.#waiting.clear();
  }

  /** A device owes something new. */
  touch(id: string): void {
    if (!this.#connected) return;
    const flight = this.#flights.get(id);
    if (flight) {
      if (flight.stale || flight.settling) return;
      flight.stale = true;
      this.#arm(flight);
      return;
    }
    this.#waiting.add(id);
    this.#pump();
  }

  forget(id: string): void {
    this.#waiting.delete(id);
    const flight = this.#flights.get(id);
    if (flight) this.#land(flight);
  }

  /** An answer with this parent came. */
  confirm(parent: string): void {
    const flight = this.#byMessage.get(parent);
    if (flight) this.#settle(flight);
  }

  /** Until it is written the device has nothing else under way: it would tell again what is settled. */
  #settle(flight: Flight): void {
    flight.cancel();
    flight.settling = true;
    this.#byMessage.delete(flight.message.envelope.id);
    void this.#options.settled(flight.device, flight.message).finally(() => {
      if (this.#flights.get(flight.device) !== flight) return;
      this.#waiting.add(flight.device);
      this.#land(flight);
    });
  }

  [Symbol.dispose](): void {
    this.disconnect();
  }

  #pump(): void {
    for (const id of this.#waiting) {
      if (!this.#connected || this.#flights.size >= this.#limits.together) return;
      this.#waiting.delete(id);
      const message = this.#options.next(id);
      if (message)
        this.#fly({
          device: id,
          message,
          since: this.#options.clock.now(),
          tries: 0,
          stale: false,
          settling: false,
          cancel: () => {},
        });
    }
  }

  #fly(flight: Flight): void {
    // The link says itself that it fell; all that is owed is told when it stands again.
    if (!this.#options.send(flight.message.envelope)) return;
    flight.tries += 1;
    this.#flights.set(flight.device, flight);
    this.#byMessage.set(flight.message.envelope.id, flight);
    this.#arm(flight);
  }

  #arm(flight: Flight): void {
    flight.cancel();
    const { patience, again, longest } = this.#limits;
    const passed = this.#options.clock.now() - flight.since;
    const wait = flight.stale
      ? Math.max(0, patience - passed)
      : Math.min(again * 2 ** (flight.tries - 1), longest);
    flight.cancel = this.#options.clock.after(wait, () => this.#late(flight));
  }

  #late(flight: Flight): void {
    const { device, tries, stale } = flight;
    const isState = flight.message.told === undefined;
    if (stale) {
      this.#waiting.add(device);
      this.#land(flight);
    } else if (isState && tries >= this.#limits.states) this.#settle(flight);
    else this.#fly(flight);
  }

  #land(flight: Flight): void {
    flight.cancel();
    this.#byMessage.delete(flight.message.envelope.id);
    if (this.#flights.get(flight.device) === flight) this.#flights.delete(flight.device);
    this.#pump();
  }
}

/** Characters of values in one message, and properties. What is left goes with the next. */
const most = { characters: 256 << 10, properties: 500 } as const;

/** What a device owes, as the parts of a report; undefined for nothing. */
export function toldOf(device: Device): ReadonlyMap<string, Told> | undefined {
  const told = new Map<string, Told>();
  let characters = 0;
  for (const [name, bits] of device.owes) {
    const twin = device.twins.get(name);
    if (!twin) continue;
    if (told.size >= most.properties || (told.size > 0 && characters > most.characters)) break;
    characters += lengthOf(twin);
    told.set(name, { bits, twin });
  }
  return told.size > 0 ? told : undefined;
}
