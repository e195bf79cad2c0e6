/** DeviceTwin: what is wanted of each device of this node and what is so, between local clients, mappers and the cloud. */
import { join } from "node:path";
import { SampanError } from "../../../base/errors.ts";
import { message } from "../../link/envelope.ts";
import { formatDeviceResource } from "../../link/device-id.ts";
import { membershipQuery, membershipVersions } from "../../link/kinds/membership.ts";
import { stateReport, twinReport } from "../../link/kinds/twin.ts";
import type { EventBus } from "../eventbus/bus.ts";
import type { EdgeContext } from "../part.ts";
import { Batches, ofCloud } from "./batches.ts";
import { CloudMessages } from "./cloud.ts";
import { DeviceObjects } from "./objects.ts";
import { Outbox, toldOf, type Message } from "./outbox.ts";
import { Publisher } from "./publish.ts";
import { idOf, Registry, type Device } from "./registry.ts";
import { LocalMessages } from "./local.ts";
import { TwinStore } from "./store.ts";
import { deviceState } from "./state.ts";
import type { Twins } from "./twins.ts";
import { report } from "./update.ts";

export type TwinContext = Pick<EdgeContext, "node" | "root" | "link" | "meta" | "clock" | "log" | "signal">;

/** Errors: `failed_precondition`, `unavailable` of its database, `<root>/twin/twins.db`. */
export async function openTwins(
  context: TwinContext,
  bus: EventBus,
  random: () => number = Math.random,
): Promise<Twins & AsyncDisposable> {
  const scope = new DisposableStack();
  try {
    const store = scope.use(TwinStore.open(join(context.root, "twin"), context.log));
    const parts = assemble(context, bus, store, random);
    scope.defer(() => parts.cloud.stop());
    scope.use(parts.outbox);
    scope.defer(() => parts.batches.close());
    await parts.objects.start();
    scope.use(parts.objects);
    scope.use(bus.takeDevices((given) => parts.local.take(given)));
    context.link.on("twin", (given) => parts.cloud.take(given));
    scope.use(context.link.onChange((connected) => greet(context, parts, connected)));
    return twinsOf(parts, scope);
  } catch (error) {
    scope.dispose();
    throw error;
  }
}

export interface Parts {
  readonly context: TwinContext;
  readonly registry: Registry;
  readonly batches: Batches;
  readonly publisher: Publisher;
  readonly outbox: Outbox;
  readonly objects: DeviceObjects;
  readonly local: LocalMessages;
  readonly cloud: CloudMessages;
  /** From 0 to 1. */
  readonly random: () => number;
}

function assemble(context: TwinContext, bus: EventBus, store: TwinStore, random: () => number): Parts {
  const registry = new Registry(store);
  const batches = new Batches(store, () => registry.reload(), context.log);
  const publisher = new Publisher(context, bus, store);
  const outbox = new Outbox({
    clock: context.clock,
    send: (envelope) => context.link.send(envelope),
    next: (id) => owedMessage(context, publisher, registry.get(id)),
    settled: async (id, given) => await settle({ registry, batches, context }, id, given),
  });
  const shared = { context, registry, batches, publisher, outbox, random };
  const objects = new DeviceObjects(shared);
  const local = new LocalMessages({ ...shared, objects });
  return { ...shared, objects, local, cloud: new CloudMessages({ ...shared, objects, local }) };
}

function owedMessage(
  { clock }: TwinContext,
  publisher: Publisher,
  device: Device | undefined,
): Message | undefined {
  if (!device) return undefined;
  const now = clock.now();
  const of = { event_id: crypto.randomUUID(), timestamp: now };
  const route = { source: "twin", group: "resource", operation: "update" } as const;
  const ref = publisher.refOf(device);
  const told = toldOf(device);
  if (told) {
    const twin = Object.fromEntries([...told].map(([name, each]) => [name, report(each.twin, each.bits)]));
    const resource = formatDeviceResource({ device: ref, what: "twin/edge_updated" });
    return { told, envelope: message({ ...route, resource }, twinReport.build({ ...of, twin }), { now }) };
  }
  if (!device.facts.owesState) return undefined;
  const resource = formatDeviceResource({ device: ref, what: "state/update" });
  const content = stateReport.build({ ...of, device: deviceState(device, publisher.form) });
  return {
    ...(device.facts.state === undefined ? {} : { state: device.facts.state }),
    envelope: message({ ...route, resource }, content, { now }),
  };
}

async function settle(
  { registry, batches, context }: Pick<Parts, "registry" | "batches" | "context">,
  id: string,
  { told, state }: Message,
): Promise<void> {
  try {
    await batches.run(
      ofCloud(id),
      () => {
        const device = registry.get(id);
        if (!device) return;
        if (told) registry.settle(device, told);
        else if (device.facts.state === state) registry.put(device, { owesState: false });
      },
      // Lost in a power cut it is told once more, with the same versions.
      { durable: false },
    );
  } catch (error) {
    context.log(`twins: cannot note what the cloud has: ${SampanError.from(error).message}`);
  }
}

/** With the link: what KubeEdge asks for once, which no cloud of its answers, and all that is owed. One of ours is asked what it has of the devices, too. */
function greet(
  { node, link, clock }: TwinContext,
  { outbox, registry, cloud }: Parts,
  connected: boolean,
): void {
  if (!connected) {
    cloud.stop();
    outbox.disconnect();
    return;
  }
  const now = clock.now();
  const query = membershipQuery.build({
    event_type: "group_membership_event",
    event_id: crypto.randomUUID(),
    group_id: node,
    operation: link.ours ? membershipVersions : "detail",
    timestamp: now,
  });
  link.send(
    message({ source: "twin", group: "resource", operation: "get", resource: "membership/detail" }, query, {
      now,
    }),
  );
  outbox.connect(
    registry
      .all()
      .filter(({ owes, facts }) => owes.size > 0 || facts.owesState)
      .map(({ id }) => id),
  );
}

function twinsOf({ objects, local, batches }: Parts, scope: DisposableStack): Twins & AsyncDisposable {
  return {
    devices: () => objects.devices(),
    follow: (handler) => objects.follow(handler),
    report: async (key, properties) => await local.report(idOf(key), properties),
    reportState: async (key, state) => await local.reportState(idOf(key), state),
    async [Symbol.asyncDispose]() {
      batches.close();
      await Promise.resolve();
      scope.dispose();
    },
  };
}
