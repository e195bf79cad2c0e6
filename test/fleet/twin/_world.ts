/** Twins of an edge between a bus, a link and a store that the test holds. */
import type { DeviceHandler, EventBus } from "../../../src/fleet/edge/eventbus/bus.ts";
import { openTwins } from "../../../src/fleet/edge/twin/open.ts";
import type { Twins } from "../../../src/fleet/edge/twin/twins.ts";
import { message, respond, type Envelope } from "../../../src/fleet/link/envelope.ts";
import { membershipUpdate } from "../../../src/fleet/link/kinds/membership.ts";
import { twinReply } from "../../../src/fleet/link/kinds/twin.ts";
import type { KubeObject } from "../../../src/spec/kubernetes/kube.ts";
import { fakeEdgeContext, type FakeEdgeContext, type FakeEdgeOptions } from "../fake-edge-context.ts";

export interface Published {
  readonly topic: string;
  readonly value: Record<string, unknown>;
}

export class FakeBus implements EventBus {
  readonly published: Published[] = [];
  #handler: DeviceHandler | undefined;

  publish(topic: string, payload: string | Uint8Array): void {
    this.published.push({
      topic,
      value: JSON.parse(Buffer.from(payload).toString()) as Record<string, unknown>,
    });
  }

  takeDevices(handler: DeviceHandler): Disposable {
    this.#handler = handler;
    return { [Symbol.dispose]: () => (this.#handler = undefined) };
  }

  /** As a local client publishes it; resolves when it is dealt with. A text goes as it is. */
  async tell(topic: string, payload: unknown): Promise<void> {
    const text = typeof payload === "string" ? payload : JSON.stringify(payload);
    await this.#handler?.({ topic, payload: Buffer.from(text), from: "test" });
  }

  /** What was published since the last call. */
  take(): readonly Published[] {
    return this.published.splice(0);
  }
}

export interface World extends AsyncDisposable {
  readonly context: FakeEdgeContext;
  readonly bus: FakeBus;
  readonly twins: Twins;
}

export async function world(options: FakeEdgeOptions = {}): Promise<World> {
  const context = fakeEdgeContext(options);
  const bus = new FakeBus();
  const twins = await openTwins(context, bus, () => 0);
  return {
    context,
    bus,
    twins,
    async [Symbol.asyncDispose]() {
      await twins[Symbol.asyncDispose]();
      context[Symbol.dispose]();
    },
  };
}

export const model: KubeObject = {
  kind: "DeviceModel",
  apiVersion: "devices.kubeedge.io/v1beta1",
  metadata: { name: "m1", namespace: "default", uid: "m", resourceVersion: "1" },
  spec: {
    protocol: "custom",
    properties: [
      { name: "temp", type: "INT", accessMode: "ReadWrite", minimum: "-20", maximum: "100" },
      { name: "sw", type: "STRING", accessMode: "ReadWrite" },
    ],
  },
};

export function device(
  name: string,
  desired: Readonly<Record<string, string>> = {},
  more: Partial<KubeObject["metadata"]> = {},
): KubeObject {
  const properties = Object.entries(desired).map(([property, value]) => ({
    name: property,
    desired: { value },
  }));
  return {
    kind: "Device",
    apiVersion: "devices.kubeedge.io/v1beta1",
    metadata: { name, namespace: "default", uid: `uid-${name}`, labels: { description: "lamp" }, ...more },
    spec: { deviceModelRef: { name: "m1" }, nodeName: "edge1", properties },
  };
}

const keyOf = (object: KubeObject) => ({
  namespace: object.metadata.namespace ?? "",
  type: object.kind.toLowerCase(),
  name: object.metadata.name ?? "",
});

/** The cloud says it; resolves when the twins have it. */
export async function put({ context, twins }: World, object: KubeObject): Promise<void> {
  context.meta.put(keyOf(object), object);
  await settled(twins);
}

export async function drop({ context, twins }: World, object: KubeObject): Promise<void> {
  context.meta.put(keyOf(object), undefined);
  await settled(twins);
}

/** Changes are made in turns, and each device has one in a turn: after two refusals what was asked before is done. */
async function settled(twins: Twins): Promise<void> {
  for (let turn = 0; turn < 2; turn++)
    await twins.report({ namespace: "default", name: "nobody" }, []).catch(() => {});
}

/** With a device `d1`, its model, and what was published on the way taken. */
export async function withDevice(options: FakeEdgeOptions = {}): Promise<World> {
  const made = await world(options);
  await put(made, model);
  await put(made, device("d1"));
  made.bus.take();
  return made;
}

export function membership(added: readonly string[], removed: readonly string[] = []): Envelope {
  const members = (ids: readonly string[]) =>
    ids.length === 0
      ? null
      : ids.map((id) => ({ id, name: id.split("/").at(-1) ?? "", description: "lamp" }));
  const content = membershipUpdate.build({
    event_id: "e",
    timestamp: 1,
    added_devices: members(added),
    removed_devices: members(removed),
  });
  return message(
    { source: "devicecontroller", group: "twin", operation: "update", resource: "membership" },
    content,
  );
}

export const isReport = ({ route }: Envelope): boolean => route.resource.endsWith("/twin/edge_updated");
export const isState = ({ route }: Envelope): boolean => route.resource.endsWith("/state/update");

/** The cloud has it; resolves when that is noted. */
export async function confirm({ context, twins }: World, report: Envelope): Promise<void> {
  const route = { source: "devicecontroller", group: "twin", operation: "response", resource: "twin" };
  await context.link.receive(respond(report, route, twinReply.build("OK")));
  await settled(twins);
}

export const topic = (tail: string, id = "default/d1"): string => `$hw/events/device/${id}/${tail}`;
export const actual = (value: string, event = "e"): Record<string, unknown> => ({
  event_id: event,
  timestamp: 1,
  twin: { temp: { actual: { value } } },
});
