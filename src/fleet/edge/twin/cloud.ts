/** What the cloud says to the twins themselves: answers, members, and twins of clouds that count versions. */
import { SampanError } from "../../../base/errors.ts";
import { parseDeviceId, parseDeviceResource, type DeviceRef } from "../../link/device-id.ts";
import type { Envelope } from "../../link/envelope.ts";
import { membershipDetail, membershipUpdate, type Member } from "../../link/kinds/membership.ts";
import { twinReply, twinWanted } from "../../link/kinds/twin.ts";
import { ofCloud } from "./batches.ts";
import { missingOf, type Missing } from "./missing.ts";
import type { Parts } from "./open.ts";
import { idOf, mostDevices, type Device } from "./registry.ts";

/** Milliseconds within which edges tell a cloud what it lost. */
const spread = 5_000;

export class CloudMessages {
  /** What is to be told again is not. */
  stop: () => void = () => {};
  readonly #parts: Omit<Parts, "cloud">;

  constructor(parts: Omit<Parts, "cloud">) {
    this.#parts = parts;
  }

  /** Never throws: nothing of this group is acknowledged. */
  async take(envelope: Envelope): Promise<void> {
    try {
      await this.#take(envelope);
    } catch (error) {
      this.#parts.context.log(
        `twins: a message of the cloud is left out: ${SampanError.from(error).message}`,
      );
    }
  }

  async #take(envelope: Envelope): Promise<void> {
    // An answer like those to reports, but for its resource.
    const isDetail = membershipDetail.claims(envelope);
    if (!isDetail && envelope.parent !== undefined && twinReply.claims(envelope))
      this.#parts.outbox.confirm(envelope.parent);
    else if (membershipUpdate.claims(envelope)) {
      const { added_devices: added, removed_devices: removed } = membershipUpdate.parse(envelope.content);
      await this.#add(added ?? []);
      await this.#remove(removed ?? []);
    } else if (isDetail) {
      const devices = membershipDetail.parse(envelope.content).devices ?? [];
      await this.#add(devices);
      await this.#only(devices);
      this.#compareLater(devices);
    } else if (twinWanted.claims(envelope)) await this.#sync(envelope);
  }

  /** A cloud of ours says what it has. All edges of one that was replaced find out in one moment, and nobody waits for values that are as they were. */
  #compareLater(members: readonly Member[]): void {
    const { context, random } = this.#parts;
    this.stop();
    if (!context.link.ours) return;
    const told = members.filter(({ twin }) => twin !== undefined);
    if (told.some((member) => this.#missing(member)))
      this.stop = context.clock.after(random() * spread, () => {
        for (const member of told) void this.#tellAgain(member);
      });
  }

  #missing(member: Member): { readonly device: Device; readonly missing: Missing } | undefined {
    const ref = refOf(member);
    const device = ref && this.#find(ref);
    const missing = device && missingOf(device, member);
    return missing && { device, missing };
  }

  async #tellAgain(member: Member): Promise<void> {
    const { batches, registry, outbox, context } = this.#parts;
    const id = this.#missing(member)?.device.id;
    if (id === undefined) return;
    try {
      await batches.run(ofCloud(id), () => {
        const found = this.#missing(member);
        if (!found) return undefined;
        registry.owe(found.device, found.missing);
        return () => outbox.touch(id);
      });
    } catch (error) {
      const { code, message: text } = SampanError.from(error);
      if (code !== "unavailable") context.log(`twins: what the cloud lost is not told: ${text}`);
    }
  }

  async #sync(envelope: Envelope): Promise<void> {
    const { device: ref } = parseDeviceResource(envelope.route.resource);
    const device = this.#find(ref);
    if (device) await this.#parts.local.syncCloud(device.id, twinWanted.parse(envelope.content));
  }

  #find(ref: DeviceRef): Device | undefined {
    const { registry } = this.#parts;
    return ref.namespace === undefined
      ? registry.named(ref.name)
      : registry.get(idOf({ namespace: ref.namespace, name: ref.name }));
  }

  async #add(members: readonly Member[]): Promise<void> {
    for (const member of members) {
      const ref = refOf(member);
      if (!ref) continue;
      await this.#learn(ref);
      if (ref.namespace !== undefined) await this.#join({ namespace: ref.namespace, name: ref.name }, member);
      const device = this.#find(ref);
      if (device && member.twin)
        await this.#parts.local.syncCloud(device.id, { event_id: "", timestamp: 0, twin: member.twin });
    }
  }

  /** Which form of ids this cloud uses. */
  async #learn({ namespace }: DeviceRef): Promise<void> {
    const { batches, publisher } = this.#parts;
    const form = namespace === undefined ? "name" : "namespaced";
    if (form !== publisher.form) await batches.run("", () => publisher.learn(form));
  }

  /** Old clouds do not say the namespace: there a device begins with its object, which follows at once. */
  async #join(key: { readonly namespace: string; readonly name: string }, member: Member): Promise<void> {
    const { batches, registry, publisher } = this.#parts;
    await batches.run(ofCloud(idOf(key)), () => {
      if (registry.get(idOf(key))) return undefined;
      if (registry.size >= mostDevices)
        throw new SampanError("resource_exhausted", `this node has ${mostDevices} devices already`);
      const { description } = member;
      const device = registry.add(
        key,
        description === undefined ? {} : { description: description.slice(0, 512) },
      );
      return () => publisher.membership({ added: [device] });
    });
  }

  async #remove(members: readonly Member[]): Promise<void> {
    for (const member of members) {
      const ref = refOf(member);
      const device = ref && this.#find(ref);
      if (device) await this.#parts.objects.remove(device.id);
    }
  }

  /** All members: who is not among them, and has no object either, is none. */
  async #only(members: readonly Member[]): Promise<void> {
    const { registry, objects } = this.#parts;
    const named = new Set(members.map(({ id }) => id));
    for (const { id, key } of registry.all())
      if (!named.has(id) && !named.has(key.name) && !objects.has(id)) await objects.remove(id);
  }
}

function refOf({ id, name }: Member): DeviceRef | undefined {
  const text = id ?? name;
  return text === undefined ? undefined : parseDeviceId(text);
}
