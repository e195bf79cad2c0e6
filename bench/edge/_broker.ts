/**
 * EventBus and DeviceTwin as `sampan edge` has them, in a process of their own, with a cloud that has everything at once. Prints its port; ends with its standard input.
 * `bun bench/edge/_broker.ts FOLDER DEVICES`. Each client may publish as fast as it can, unless a rate is the third argument.
 */
import { systemClock } from "../../src/base/clock.ts";
import { openEventBus } from "../../src/fleet/edge/eventbus/open.ts";
import { openTwins, type TwinContext } from "../../src/fleet/edge/twin/open.ts";
import { respond, type Envelope } from "../../src/fleet/link/envelope.ts";
import type { KubeObject } from "../../src/spec/kubernetes/kube.ts";

const [, , root = "", devices = "0", rate = "Infinity"] = process.argv;
const handlers = new Map<string, (message: Envelope) => unknown>();

const link: TwinContext["link"] = {
  node: "bench",
  connected: true,
  ours: false,
  onChange(handler) {
    handler(true);
    return { [Symbol.dispose]() {} };
  },
  send(message) {
    if (message.route.resource.endsWith("/twin/edge_updated"))
      setImmediate(() => {
        const route = { source: "devicecontroller", group: "twin", resource: "twin" };
        handlers.get("twin")?.(respond(message, route, "OK"));
      });
    return true;
  },
  ask: async () => await Promise.reject(new Error("there is nobody to ask")),
  on: (target, handler) => void handlers.set(target, handler),
};

const device = (name: string): KubeObject => ({
  kind: "Device",
  apiVersion: "devices.kubeedge.io/v1beta1",
  metadata: { namespace: "default", name, uid: name },
  spec: { properties: [] },
});
const objects = Array.from({ length: Number(devices) }, (_, index) => device(`d${index}`));
const none = async () => await Promise.reject(new Error("it is not there"));
const meta: TwinContext["meta"] = {
  get: () => undefined,
  list: (type) => (type === "device" ? objects : []),
  follow: () => ({ [Symbol.dispose]() {} }),
  fetch: none,
  token: none,
  keep: none,
  forget: none,
};

const context: TwinContext = {
  node: "bench",
  root,
  link,
  meta,
  clock: systemClock(),
  log: (text) => console.error(text),
  signal: new AbortController().signal,
};
const limits = { rate: Number(rate), burst: Number(rate), slow: 64 << 20, stuck: 256 << 20 };
await using bus = await openEventBus(context, { internal: { port: 0, limits } });
await using _twins = await openTwins(context, bus);
process.stdout.write(`${bus.ports[0]}\n`);
for await (const _ of Bun.stdin.stream());
