/** The controller of devices: what the API says of them goes to the nodes that have them, and what the nodes report of them goes into the API. */
import { openStatusPlaces } from "../status/place.ts";
import { known } from "../status/known.ts";
import type { CloudContext } from "../part.ts";
import { Downstream } from "./downstream.ts";
import { devices, models, statuses } from "./kinds.ts";
import { writeNews } from "./reported.ts";
import { Reports } from "./reports.ts";
import { takeUpstream } from "./upstream.ts";

/** Resolves when it knows all devices. Dispose of it after its signal has aborted, or to end it: then no write is under way any more. */
export async function startDeviceController(context: CloudContext): Promise<AsyncDisposable> {
  const { client, informers, hub, clock, log } = context;
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const places = openStatusPlaces(client, clock);
  const downstream = new Downstream(context);
  const reports = new Reports({
    clock,
    signal,
    log,
    device: (key) => {
      const [namespace, name = ""] = key.split("/");
      return informers.of(devices).store.get(namespace, name);
    },
    write: (device, news) => writeNews(context, places, { device, news, signal }),
  });
  // Before anything connects, all is known: nothing that an edge has is taken from it by mistake.
  await known(context, [devices, models, statuses]);
  downstream.begin();
  hub.on("devices", takeUpstream(context, reports));
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await reports.settled();
    },
  };
}
