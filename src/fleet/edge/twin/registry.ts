/** The devices of this node in memory, the same as on the disk: what is written here within a change of `batches.ts` is written there with it. */
import type { Twin } from "../../link/kinds/twin.ts";
import type { Missing } from "./missing.ts";
import type { DeviceFacts, TwinStore } from "./store.ts";
import type { DeviceKey } from "./twins.ts";
import type { Side, Steps } from "./update.ts";
import { owed, sides, versionOf } from "./update.ts";

export interface Device {
  /** `<namespace>/<name>`. */
  readonly id: string;
  readonly key: DeviceKey;
  facts: DeviceFacts;
  readonly twins: Map<string, Twin>;
  /** What the Device object wanted last, by property. */
  readonly wishes: Map<string, string>;
  /** What the cloud is owed, by property: bits of `owed`, none 0. */
  readonly owes: Map<string, number>;
}

/** What was told to the cloud of a property, so that only that is settled when it says that it has it. */
export interface Told {
  readonly bits: number;
  readonly twin: Twin;
}

/** Devices of one node; a cloud that names more of them than this is not right. */
export const mostDevices = 10_000;

export const idOf = ({ namespace, name }: DeviceKey): string => `${namespace}/${name}`;

export class Registry {
  readonly #store: TwinStore;
  #devices = new Map<string, Device>();
  #names = new Map<string, readonly Device[]>();

  constructor(store: TwinStore) {
    this.#store = store;
    this.reload();
  }

  reload(): void {
    this.#devices = new Map(
      [...this.#store.devices()].map(([id, { facts, properties }]) => {
        const [namespace = "", name = ""] = id.split("/");
        const device = blank({ namespace, name }, facts);
        for (const [property, { twin, wish, owes }] of properties) {
          device.twins.set(property, twin);
          if (wish !== undefined) device.wishes.set(property, wish);
          if (owes !== 0) device.owes.set(property, owes);
        }
        return [id, device];
      }),
    );
    this.#names = Map.groupBy(this.#devices.values(), ({ key }) => key.name);
  }

  get(id: string): Device | undefined {
    return this.#devices.get(id);
  }

  /** By the id of old edges; undefined when it is not the name of just one. */
  named(name: string): Device | undefined {
    const found = this.#names.get(name);
    return found?.length === 1 ? found[0] : undefined;
  }

  all(): readonly Device[] {
    return [...this.#devices.values()];
  }

  get size(): number {
    return this.#devices.size;
  }

  add(key: DeviceKey, facts: DeviceFacts): Device {
    const device = blank(key, facts);
    this.#store.putDevice(device.id, facts);
    this.#devices.set(device.id, device);
    this.#names.set(key.name, [...(this.#names.get(key.name) ?? []), device]);
    return device;
  }

  put(device: Device, facts: Partial<DeviceFacts>): void {
    const whole = { ...device.facts, ...facts };
    this.#store.putDevice(device.id, whole);
    device.facts = whole;
  }

  remove(device: Device): void {
    this.#store.removeDevice(device.id);
    this.#devices.delete(device.id);
    const others = (this.#names.get(device.key.name) ?? []).filter((each) => each !== device);
    if (others.length > 0) this.#names.set(device.key.name, others);
    else this.#names.delete(device.key.name);
  }

  apply(device: Device, steps: Steps): void {
    for (const [name, { current, owes, settles }] of steps) {
      device.twins.set(name, current);
      this.#owe(device, name, ((device.owes.get(name) ?? 0) | owes) & ~settles);
      this.#write(device, name);
    }
  }

  wish(device: Device, wishes: ReadonlyMap<string, string>): void {
    for (const [name, wish] of wishes) {
      device.wishes.set(name, wish);
      if (device.twins.has(name)) this.#write(device, name);
    }
  }

  /** The cloud has lost what it had. */
  owe(device: Device, { properties, state }: Missing): void {
    for (const [name, bits] of properties) {
      this.#owe(device, name, (device.owes.get(name) ?? 0) | bits);
      this.#write(device, name);
    }
    if (state) this.put(device, { owesState: true });
  }

  /** The cloud has what it was told. What has changed since stays owed. */
  settle(device: Device, told: ReadonlyMap<string, Told>): void {
    for (const [name, { bits, twin }] of told) {
      const now = device.twins.get(name);
      const before = device.owes.get(name) ?? 0;
      const same = (side: Side) => versionOf(now, side)?.edge === versionOf(twin, side)?.edge;
      const changed = sides.reduce((sum, side) => (same(side) ? sum : sum | owed[side]), 0);
      const rest = now?.optional === twin.optional && now?.metadata?.type === twin.metadata?.type;
      const after = before & ~(bits & ~changed & ~(rest ? 0 : owed.rest));
      if (after === before) continue;
      this.#owe(device, name, after);
      this.#write(device, name);
    }
  }

  #owe(device: Device, name: string, bits: number): void {
    if (bits === 0) device.owes.delete(name);
    else device.owes.set(name, bits);
  }

  #write(device: Device, name: string): void {
    const twin = device.twins.get(name);
    if (!twin) return;
    const wish = device.wishes.get(name);
    const owes = device.owes.get(name) ?? 0;
    this.#store.putProperty(device.id, name, { twin, ...(wish === undefined ? {} : { wish }), owes });
  }
}

function blank(key: DeviceKey, facts: DeviceFacts): Device {
  return { id: idOf(key), key, facts, twins: new Map(), wishes: new Map(), owes: new Map() };
}
