/** What local clients are told. A device is told by topics of the form that the cloud has for it, and by the old form too when it speaks by that. */
import type { DeviceRef } from "../../link/device-id.ts";
import {
  getRequest,
  stateResult,
  twinDelta,
  twinDocument,
  twinError,
  twinResult,
  type DocumentMessage,
} from "../../link/kinds/topics.ts";
import { membershipResult, membershipUpdated, type Member } from "../../link/kinds/membership.ts";
import type { Content } from "../../link/kinds/kind.ts";
import type { Twins as TwinMap } from "../../link/kinds/twin.ts";
import { formatTopic, type Topic } from "../../link/mqtt-topics.ts";
import type { EventBus } from "../eventbus/bus.ts";
import type { EdgeContext } from "../part.ts";
import type { Device } from "./registry.ts";
import { deviceState, formatOnline, type Form } from "./state.ts";
import type { TwinStore } from "./store.ts";
import { deltaOf, isDeleted, report, withoutVersions, type Steps } from "./update.ts";

type DeviceTopic = Extract<Topic, { is: "device" }>["what"];
type NodeTopic = Extract<Topic, { is: "node" }>["what"];
type Context = Pick<EdgeContext, "node" | "clock" | "log">;

export interface Failure {
  readonly code: number;
  readonly reason: string;
}

export class Publisher {
  readonly #context: Context;
  readonly #bus: EventBus;
  readonly #store: TwinStore;
  #form: Form;

  constructor(context: Context, bus: EventBus, store: TwinStore) {
    this.#context = context;
    this.#bus = bus;
    this.#store = store;
    this.#form = store.setting("form") === "name" ? "name" : "namespaced";
  }

  /** How the cloud names devices, learned from what it says of members. */
  get form(): Form {
    return this.#form;
  }

  /** Within a change. */
  learn(form: Form): void {
    if (form === this.#form) return;
    this.#store.set("form", form);
    this.#form = form;
  }

  refOf({ key }: Pick<Device, "key">): DeviceRef {
    return this.#form === "namespaced" ? key : { name: key.name };
  }

  #refs(device: Device): readonly DeviceRef[] {
    const ref = this.refOf(device);
    if (ref.namespace === undefined) return device.facts.short === false ? [ref, device.key] : [ref];
    return device.facts.short ? [ref, { name: device.key.name }] : [ref];
  }

  #tell<T>(device: Device, what: DeviceTopic, content: Content<T>, value: T): void {
    const payload = String(content.build(value));
    for (const ref of this.#refs(device))
      this.#bus.publish(formatTopic({ is: "device", device: ref, what }), payload);
  }

  #tellNode<T>(what: NodeTopic, content: Content<T>, value: T): void {
    this.#bus.publish(
      formatTopic({ is: "node", node: this.#context.node, what }),
      String(content.build(value)),
    );
  }

  result(device: Device, event: string, steps: Steps): void {
    const twin: TwinMap = Object.fromEntries(
      [...steps].map(([name, { current, owes }]) => [
        name,
        isDeleted(current) ? null : withoutVersions(report(current, owes)),
      ]),
    );
    this.#tell(device, "twin/update/result", twinResult, { event_id: event, timestamp: this.#now(), twin });
  }

  document(device: Device, event: string, steps: Steps): void {
    const changed = [...steps].filter(([, { last, current }]) => last !== current);
    if (changed.length === 0) return;
    const twin: DocumentMessage["twin"] = Object.fromEntries(
      changed.map(([name, { last, current }]) => [
        name,
        {
          last: last ? withoutVersions(last) : null,
          current: isDeleted(current) ? null : withoutVersions(current),
        },
      ]),
    );
    this.#tell(device, "twin/update/document", twinDocument, {
      event_id: event,
      timestamp: this.#now(),
      twin,
    });
  }

  delta(device: Device): void {
    const open = deltaOf(device.twins);
    if (open)
      this.#tell(device, "twin/update/delta", twinDelta, {
        event_id: crypto.randomUUID(),
        timestamp: this.#now(),
        ...open,
      });
  }

  /** To the topics that the request came by: the device may be none of ours. */
  failed(
    ref: DeviceRef,
    what: "twin/update/result" | "twin/get/result",
    event: string,
    failure: Failure,
  ): void {
    this.#bus.publish(formatTopic({ is: "device", device: ref, what }), this.#failure(event, failure));
  }

  /** What cannot be read: KubeEdge says so to a device without a name; the one that sent it is told too. */
  unreadable(ref: DeviceRef, failure: Failure): void {
    const payload = this.#failure("", failure);
    this.#bus.publish("$hw/events/device//twin/update/result", payload);
    this.#bus.publish(formatTopic({ is: "device", device: ref, what: "twin/update/result" }), payload);
  }

  #failure(event: string, failure: Failure): string {
    return String(twinError.build({ event_id: event, timestamp: this.#now(), ...failure }));
  }

  /** To the topic of the form by which it was asked. */
  twin(device: Device, event: string, ref: DeviceRef): void {
    const twin = Object.fromEntries(
      [...device.twins]
        .filter(([, each]) => !isDeleted(each))
        .map(([name, each]) => [name, withoutVersions(each)]),
    );
    const value = { event_id: event, timestamp: this.#now(), twin };
    this.#bus.publish(
      formatTopic({ is: "device", device: ref, what: "twin/get/result" }),
      String(twinResult.build(value)),
    );
  }

  state(device: Device): void {
    this.#tell(device, "state/update/result", stateResult, {
      event_id: crypto.randomUUID(),
      timestamp: this.#now(),
      device: deviceState(device, this.#form),
    });
  }

  members(event: string, devices: readonly Device[]): void {
    this.#tellNode("membership/get/result", membershipResult, {
      event_id: event,
      timestamp: this.#now(),
      devices: devices.map((each) => this.#member(each)),
    });
  }

  membership(change: { readonly added?: readonly Device[]; readonly removed?: readonly Device[] }): void {
    const list = (devices: readonly Device[] | undefined) =>
      devices && devices.length > 0 ? devices.map((each) => this.#newMember(each)) : null;
    const [added, removed] = [list(change.added), list(change.removed)];
    if (added || removed)
      this.#tellNode("membership/updated", membershipUpdated, {
        event_id: crypto.randomUUID(),
        timestamp: this.#now(),
        added_devices: added,
        removed_devices: removed,
      });
  }

  #newMember(device: Device): Member {
    const { description } = device.facts;
    const { namespace, name } = this.refOf(device);
    const id = namespace === undefined ? name : `${namespace}/${name}`;
    return { id, name, ...(description === undefined ? {} : { description }) };
  }

  #member(device: Device): Member {
    const { state, lastOnline } = device.facts;
    return {
      ...this.#newMember(device),
      ...(state === undefined ? {} : { state }),
      ...(lastOnline === undefined ? {} : { last_online: formatOnline(lastOnline, this.#form) }),
    };
  }

  #now(): number {
    return this.#context.clock.now();
  }
}

/** The id of a request, "" when it has none. */
export function eventOf(payload: string): string {
  return getRequest.parse(payload).event_id;
}
