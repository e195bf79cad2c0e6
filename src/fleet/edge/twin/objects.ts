/** Devices and their models as the cloud has them, from the store of this node: who is there, of which types its values are, and what is wanted of it. */
import { SampanError } from "../../../base/errors.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { isLevel } from "../../link/device-id.ts";
import { deviceChange, modelChange, type Device as DeviceObject } from "../../link/kinds/devices.ts";
import type { MetaChange } from "../meta/meta.ts";
import { ofCloud } from "./batches.ts";
import type { Parts } from "./open.ts";
import { idOf, mostDevices, type Device } from "./registry.ts";
import type { DeviceFacts } from "./store.ts";
import type { DeviceChange, DeviceKey } from "./twins.ts";
import { isDeleted, wish } from "./update.ts";
import { typeOfModel, type PropertyType } from "./values.ts";

type Types = ReadonlyMap<string, PropertyType>;
type Followed = { readonly device: KubeObject; readonly model: KubeObject | undefined };

/** Milliseconds. */
const again = 10_000;

const heads = {
  device: { kind: "Device", apiVersion: "devices.kubeedge.io/v1beta1" },
  model: { kind: "DeviceModel", apiVersion: "devices.kubeedge.io/v1beta1" },
} as const;

export class DeviceObjects implements Disposable {
  readonly #parts: Omit<Parts, "objects" | "local" | "cloud">;
  readonly #known = new Map<string, KubeObject>();
  /** What followers know of. */
  readonly #told = new Map<string, KubeObject>();
  readonly #types = new Map<string, Types>();
  readonly #followers = new Set<(change: DeviceChange) => void>();
  #following: Disposable | undefined;

  constructor(parts: Omit<Parts, "objects" | "local" | "cloud">) {
    this.#parts = parts;
  }

  /** What changed while this process was not there; resolves when it is in the store. */
  async start(): Promise<void> {
    const { context, registry } = this.#parts;
    // First: what comes while the list is read is not missed.
    this.#following = context.meta.follow(["device", "devicemodel"], (change) => this.#take(change));
    const objects = context.meta.list("device");
    const ids = new Set(objects.map(({ metadata }) => idOf(keyOf(metadata))));
    const gone = registry.all().filter(({ id, facts }) => facts.uid !== undefined && !ids.has(id));
    await Promise.all([
      ...objects.map(async (object) => await this.#put(object)),
      ...gone.map(async ({ id }) => await this.remove(id)),
    ]);
  }

  devices(): readonly Followed[] {
    return [...this.#known.values()].map((device) => ({
      device: this.#wanted(device),
      model: this.#modelOf(device),
    }));
  }

  follow(handler: (change: DeviceChange) => void): Disposable {
    this.#followers.add(handler);
    return { [Symbol.dispose]: () => void this.#followers.delete(handler) };
  }

  /** Of the properties that the device's model has. */
  typesOf({ id }: Device): Types {
    const object = this.#known.get(id);
    const types = this.#types.get(id) ?? (object ? typesIn(this.#modelOf(object)) : new Map());
    if (object) this.#types.set(id, types);
    return types;
  }

  has(id: string): boolean {
    return this.#known.has(id);
  }

  #take({ key, object }: MetaChange): void {
    if (key.type === "devicemodel") this.#modelChanged(key.namespace ?? "", key.name);
    else if (object) void this.#put(object);
    else void this.#deleted(idOf({ namespace: key.namespace ?? "", name: key.name }));
  }

  #modelChanged(namespace: string, name: string): void {
    for (const [id, device] of this.#known) {
      if (device.metadata.namespace !== namespace || modelName(device) !== name) continue;
      this.#types.delete(id);
      if (this.#told.has(id)) this.#tell("update", device);
      // What was wanted and did not fit may fit now.
      void this.#put(device);
    }
  }

  async #put(given: KubeObject): Promise<void> {
    try {
      const read = deviceChange.parse(given) as DeviceObject;
      const key = keyOf(given.metadata);
      if (!isLevel(key.name)) throw new SampanError("invalid_argument", "its name is no level of a topic");
      await this.#accept(key, { ...given, ...heads.device }, read);
    } catch (error) {
      this.#parts.context.log(
        `twins: device "${given.metadata.name ?? ""}" is left as it was: ${SampanError.from(error).message}`,
      );
    }
  }

  /** Into the twin, then to the mappers. When the disk refuses, it is tried again while nothing newer has come. */
  async #accept(key: DeviceKey, object: KubeObject, read: DeviceObject): Promise<void> {
    const id = idOf(key);
    const told = this.#told.get(id);
    this.#known.set(id, object);
    this.#types.delete(id);
    try {
      await this.#reconcile(key, object, read);
    } catch (error) {
      this.#parts.context.clock.after(again, () => {
        if (this.#known.get(id) === object && this.#following) void this.#put(object);
      });
      throw error;
    }
    if (this.#known.get(id) !== object || (told && isSame(told, object))) return;
    this.#told.set(id, object);
    this.#tell(told ? "update" : "insert", object);
  }

  async #reconcile(key: DeviceKey, object: KubeObject, { spec }: DeviceObject): Promise<void> {
    const { registry, batches, publisher, outbox, context } = this.#parts;
    const id = idOf(key);
    await batches.run(ofCloud(id), () => {
      let device = registry.get(id);
      const { uid } = object.metadata;
      // Another device of the same name: its values are its own.
      const other = device?.facts.uid !== undefined && uid !== undefined && device.facts.uid !== uid;
      if (device && other) registry.remove(device);
      const added = device === undefined || other;
      const facts = factsOf(object);
      if (!device || other) device = this.#add(key, facts);
      else if (device.facts.uid !== facts.uid || device.facts.description !== facts.description)
        registry.put(device, facts);
      const wanted = wishesOf(spec, device);
      const options = { now: context.clock.now(), types: this.typesOf(device) };
      const { steps, refused } = wish(device.twins, wanted, options);
      registry.apply(device, steps);
      registry.wish(device, wanted);
      const found = device;
      return () => {
        if (other) outbox.forget(id);
        if (added) publisher.membership({ added: [found] });
        publisher.document(found, crypto.randomUUID(), steps);
        if (steps.size > 0) publisher.delta(found);
        for (const [name, why] of refused)
          context.log(`twins: property "${name}" of device "${id}" is left as it was: ${why}`);
      };
    });
  }

  #add(key: DeviceKey, facts: DeviceFacts): Device {
    const { registry } = this.#parts;
    if (registry.size >= mostDevices)
      throw new SampanError("resource_exhausted", `this node has ${mostDevices} devices already`);
    return registry.add(key, facts);
  }

  async #deleted(id: string): Promise<void> {
    this.#known.delete(id);
    this.#types.delete(id);
    await this.remove(id);
    const told = this.#told.get(id);
    this.#told.delete(id);
    if (told) this.#tell("delete", told);
  }

  /** The twin, whether or not there is an object. */
  async remove(id: string): Promise<void> {
    const { registry, batches, publisher, outbox, context } = this.#parts;
    try {
      await batches.run(ofCloud(id), () => {
        const device = registry.get(id);
        if (!device) return undefined;
        registry.remove(device);
        return () => {
          outbox.forget(id);
          publisher.membership({ removed: [device] });
        };
      });
    } catch (error) {
      context.log(`twins: cannot remove device "${id}": ${SampanError.from(error).message}`);
    }
  }

  #modelOf(device: KubeObject): KubeObject | undefined {
    const { namespace } = device.metadata;
    const name = modelName(device);
    if (name === undefined || namespace === undefined) return undefined;
    const model = this.#parts.context.meta.get({ namespace, type: "devicemodel", name });
    return model && { ...model, ...heads.model };
  }

  /** Something else is wanted of a device, by an application of this node or by a twin that the cloud sent. */
  wishChanged(id: string): void {
    const device = this.#told.get(id);
    if (device) this.#tell("update", device);
  }

  /** With what its twin wants, which is what the object wanted last or what an application of this node has wanted since. */
  #wanted(object: KubeObject): KubeObject {
    const twins = this.#parts.registry.get(idOf(keyOf(object.metadata)))?.twins;
    const { spec } = object as DeviceObject;
    if (!twins || !spec?.properties) return object;
    const properties = spec.properties.map((property) => {
      const value = twins.get(property.name)?.expected?.value;
      return value === undefined ? property : { ...property, desired: { ...property.desired, value } };
    });
    return { ...object, spec: { ...spec, properties } };
  }

  #tell(operation: DeviceChange["operation"], object: KubeObject): void {
    const device = operation === "delete" ? object : this.#wanted(object);
    const change = { operation, device, model: this.#modelOf(object) };
    for (const each of this.#followers)
      try {
        each(change);
      } catch (error) {
        this.#parts.context.log(`twins: ${SampanError.from(error).message}`);
      }
  }

  [Symbol.dispose](): void {
    this.#following?.[Symbol.dispose]();
    this.#following = undefined;
    this.#followers.clear();
  }
}

function keyOf({ namespace, name }: KubeObject["metadata"]): DeviceKey {
  return { namespace: namespace ?? "", name: name ?? "" };
}

function factsOf({ metadata }: KubeObject): DeviceFacts {
  const description = metadata.labels?.["description"];
  return {
    uid: metadata.uid ?? "",
    ...(description === undefined ? {} : { description: description.slice(0, 512) }),
  };
}

function modelName(device: KubeObject): string | undefined {
  return (device as DeviceObject).spec?.deviceModelRef?.name;
}

function typesIn(model: KubeObject | undefined): Types {
  if (!model) return new Map();
  try {
    const { spec } = modelChange.parse(model);
    return new Map(
      (spec?.properties ?? []).map(({ name, type, minimum, maximum }): [string, PropertyType] => [
        name,
        {
          type: typeOfModel(type),
          ...(minimum === undefined ? {} : { minimum }),
          ...(maximum === undefined ? {} : { maximum }),
        },
      ]),
    );
  } catch {
    return new Map();
  }
}

/** What is wanted otherwise than last time. */
function wishesOf(spec: DeviceObject["spec"], device: Device): ReadonlyMap<string, string> {
  return new Map(
    (spec?.properties ?? []).flatMap(({ name, desired }): [string, string][] => {
      const value = desired?.value;
      if (value === undefined || value === "") return [];
      const same = device.wishes.get(name) === value && device.twins.has(name);
      return same && !isDeleted(device.twins.get(name)) ? [] : [[name, value]];
    }),
  );
}

/** Reports change an object's status and version: nothing that a mapper has to know. */
function isSame(a: KubeObject, b: KubeObject): boolean {
  const seen = ({ metadata, spec }: { metadata: KubeObject["metadata"] } & { [field: string]: unknown }) => ({
    spec,
    uid: metadata.uid,
    labels: metadata.labels,
  });
  return Bun.deepEquals(seen(a), seen(b));
}
