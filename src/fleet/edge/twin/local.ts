/** What devices, mappers and local applications tell and ask. Everything they send is theirs to get wrong: it is answered, never thrown. */
import { invalid, SampanError } from "../../../base/errors.ts";
import type { DeviceRef } from "../../link/device-id.ts";
import { isRecord, parseJson } from "../../link/json.ts";
import { membershipGet } from "../../link/kinds/membership.ts";
import { stateUpdate, twinUpdate } from "../../link/kinds/topics.ts";
import { deviceStates, type Twin, type TwinMessage } from "../../link/kinds/twin.ts";
import { parseTopic, type Topic } from "../../link/mqtt-topics.ts";
import type { LocalMessage } from "../eventbus/bus.ts";
import { ofCloud } from "./batches.ts";
import type { Parts } from "./open.ts";
import { eventOf } from "./publish.ts";
import { idOf, type Device } from "./registry.ts";
import type { PropertyReport } from "./twins.ts";
import { updateByCloud, updateLocally, type Steps, type UpdateOptions } from "./update.ts";
import { checkWords, texts } from "./values.ts";

type DeviceTopic = Extract<Topic, { is: "device" }>;

/** Levels of JSON in a payload. */
const depth = 16;
/** Characters of a value by a mapper. */
const longest = 65_536;

export class LocalMessages {
  readonly #parts: Omit<Parts, "local" | "cloud">;

  constructor(parts: Omit<Parts, "local" | "cloud">) {
    this.#parts = parts;
  }

  /** Resolves when the answer has been published. */
  async take({ topic, payload }: LocalMessage): Promise<void> {
    const read = topicOf(topic);
    const text = textOf(payload);
    if (read?.is === "node" && read.what === "membership/get") this.#members(read.node, text);
    if (read?.is !== "device") return;
    if (read.what === "twin/update") await this.#update(read.device, text);
    else if (read.what === "twin/get") this.#get(read.device, text);
    else if (read.what === "twin/cloud_updated") await this.#cloud(read, text);
    else if (read.what === "state/update") await this.#state(read.device, text);
  }

  #find(ref: DeviceRef): Device | undefined {
    const { registry } = this.#parts;
    return ref.namespace === undefined
      ? registry.named(ref.name)
      : registry.get(idOf({ namespace: ref.namespace, name: ref.name }));
  }

  async #update(ref: DeviceRef, text: string | undefined): Promise<void> {
    const { publisher } = this.#parts;
    let update: TwinMessage;
    try {
      update = readUpdate(text);
    } catch (error) {
      publisher.unreadable(ref, { code: 400, reason: SampanError.from(error).message });
      return;
    }
    const event = update.event_id;
    const device = this.#find(ref);
    try {
      if (!device) throw new SampanError("not_found", texts.unknownDevice);
      await this.#tell(device.id, event, (each, options) => {
        this.#hears(each, ref);
        return updateLocally(each.twins, update.twin, options);
      });
      if (hasWish(update)) this.#parts.objects.wishChanged(device.id);
    } catch (error) {
      publisher.failed(ref, "twin/update/result", event, failureOf(error));
    }
  }

  /** One update: on the disk, then told to all. */
  async #tell(
    id: string,
    event: string,
    apply: (device: Device, options: UpdateOptions) => Steps,
  ): Promise<void> {
    const { registry, batches, publisher, outbox, objects, context } = this.#parts;
    await batches.run(id, () => {
      const device = registry.get(id);
      if (!device) throw new SampanError("not_found", texts.unknownDevice);
      const steps = apply(device, { now: context.clock.now(), types: objects.typesOf(device) });
      registry.apply(device, steps);
      return () => {
        publisher.result(device, event, steps);
        publisher.document(device, event, steps);
        publisher.delta(device);
        if (device.owes.size > 0) outbox.touch(id);
      };
    });
  }

  /** By which form of topics a device speaks. Within a change. */
  #hears(device: Device, ref: DeviceRef): void {
    const short = ref.namespace === undefined;
    if (device.facts.short !== short) this.#parts.registry.put(device, { short });
  }

  #get(ref: DeviceRef, text: string | undefined): void {
    const { publisher } = this.#parts;
    let event = "";
    try {
      event = eventOf(text ?? "");
    } catch {
      publisher.failed(ref, "twin/get/result", "", { code: 400, reason: texts.unreadable });
      return;
    }
    const device = this.#find(ref);
    const name = ref.namespace === undefined ? ref.name : idOf({ namespace: ref.namespace, name: ref.name });
    const reason = `Device ${name} not found while getting twin`;
    if (device) publisher.twin(device, event, ref);
    else publisher.failed(ref, "twin/get/result", event, { code: 404, reason });
  }

  /** Accepted as if it came from the cloud. */
  async #cloud({ device: ref }: DeviceTopic, text: string | undefined): Promise<void> {
    const device = this.#find(ref);
    if (!device) return;
    try {
      await this.syncCloud(device.id, twinUpdate.parse(text));
    } catch (error) {
      this.#parts.publisher.unreadable(ref, { code: 400, reason: reasonOf(error) });
    }
  }

  /** The twin of a device as the cloud has it, with its versions. */
  async syncCloud(id: string, { event_id: event, twin }: TwinMessage): Promise<void> {
    const { registry, batches, publisher, outbox, objects, context } = this.#parts;
    await batches.run(ofCloud(id), () => {
      const device = registry.get(id);
      if (!device) return undefined;
      const steps = updateByCloud(device.twins, twin, {
        now: context.clock.now(),
        types: objects.typesOf(device),
      });
      // A cloud names its devices with each connection, and says nothing new of most.
      if (steps.size === 0) return undefined;
      registry.apply(device, steps);
      return () => {
        publisher.document(device, event, steps);
        publisher.delta(device);
        if (device.owes.size > 0) outbox.touch(id);
        if (hasWish({ twin })) objects.wishChanged(id);
      };
    });
  }

  async #state(ref: DeviceRef, text: string | undefined): Promise<void> {
    const device = this.#find(ref);
    if (!device) return;
    try {
      await this.#setState(device.id, stateUpdate.parse(text).state, (each) => this.#hears(each, ref));
    } catch {
      // Neither KubeEdge answers a state that is none.
    }
  }

  async #setState(id: string, given: string, before: (device: Device) => void = () => {}): Promise<void> {
    const { registry, batches, publisher, outbox, context } = this.#parts;
    const state = deviceStates.find((each) => each === given.toLowerCase());
    if (!state)
      throw invalid(`the state ${JSON.stringify(given.slice(0, 40))} is none of ${deviceStates.join(", ")}`);
    await batches.run(id, () => {
      const device = registry.get(id);
      if (!device) throw new SampanError("not_found", texts.unknownDevice);
      before(device);
      const online = state === "online" || state === "ok" ? { lastOnline: context.clock.now() } : {};
      registry.put(device, { state, ...online, owesState: true });
      return () => {
        publisher.state(device);
        outbox.touch(id);
      };
    });
  }

  #members(node: string, text: string | undefined): void {
    const { context, publisher, registry } = this.#parts;
    if (node !== context.node) return;
    try {
      publisher.members(membershipGet.parse(text).event_id, registry.all());
    } catch {
      // A question that cannot be read has nobody to be answered.
    }
  }

  async report(id: string, properties: readonly PropertyReport[]): Promise<void> {
    const update = properties.map(({ name, expected, actual, at }): [string, Twin] => {
      checkReport(name, [expected, actual]);
      const metadata = at === undefined ? {} : { metadata: { timestamp: at } };
      return [
        name,
        {
          ...(expected !== undefined && { expected: { value: expected, ...metadata } }),
          ...(actual !== undefined && { actual: { value: actual, ...metadata } }),
        },
      ];
    });
    const twin = Object.fromEntries(update);
    await this.#tell(id, crypto.randomUUID(), (device, options) =>
      updateLocally(device.twins, observed(device.twins, twin), { ...options, named: true }),
    );
  }

  async reportState(id: string, state: string): Promise<void> {
    await this.#setState(id, state);
  }
}

/**
 * What a mapper says was wanted is what it has seen so far, and no wish: when something else is wanted by now, a report that was under way must not bring the old one back.
 */
function observed(twins: Device["twins"], told: Readonly<Record<string, Twin>>): Record<string, Twin> {
  return Object.fromEntries(
    Object.entries(told).map(([name, twin]) => {
      const wanted = twins.get(name)?.expected?.value;
      const { expected, ...rest } = twin;
      return [name, wanted === undefined || expected?.value === wanted ? twin : rest];
    }),
  );
}

/** Whether it says what is wanted: mappers are told. */
function hasWish({ twin }: Pick<TwinMessage, "twin">): boolean {
  return Object.values(twin).some((each) => each?.expected !== undefined);
}

function topicOf(topic: string): Topic | undefined {
  try {
    return parseTopic(topic);
  } catch {
    return undefined;
  }
}

/** undefined when it is no UTF-8. */
function textOf(payload: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(payload);
  } catch {
    return undefined;
  }
}

/** @throws SampanError with KubeEdge's text. */
function readUpdate(text: string | undefined): TwinMessage {
  let update: TwinMessage;
  let document: unknown;
  try {
    document = parseJson(text ?? "", "the update", depth);
    update = twinUpdate.parse(document, "the update");
  } catch (cause) {
    throw new SampanError("invalid_argument", texts.unreadable, { cause });
  }
  if (!isRecord(document) || !Object.hasOwn(document, "twin") || document["twin"] === null)
    throw invalid(texts.noTwin);
  const twin = Object.entries(update.twin).map(([name, each]): [string, Twin | null] => {
    checkWords(name, [each?.expected?.value, each?.actual?.value]);
    return [name, each && withoutTimes(each)];
  });
  return { ...update, twin: Object.fromEntries(twin) };
}

/** The time of a value is when it came. */
function withoutTimes({ expected, actual, optional, metadata }: Twin): Twin {
  return {
    ...(expected?.value !== undefined && { expected: { value: expected.value } }),
    ...(actual?.value !== undefined && { actual: { value: actual.value } }),
    ...(optional !== undefined && { optional }),
    ...(metadata && { metadata }),
  };
}

function checkReport(name: string, values: readonly (string | undefined)[]): void {
  checkWords(name, []);
  if (values.some((value) => value !== undefined && value.length > longest))
    throw new SampanError(
      "invalid_argument",
      `property ${JSON.stringify(name)}: the value has more than ${longest} characters`,
    );
}

const reasonOf = (error: unknown): string => SampanError.from(error).message;

function failureOf(error: unknown): { code: number; reason: string } {
  const { code, message } = SampanError.from(error);
  const status =
    code === "not_found" ? 404 : code === "invalid_argument" || code === "resource_exhausted" ? 400 : 500;
  return { code: status, reason: message };
}
