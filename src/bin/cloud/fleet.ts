/** The hub and the controllers of the edges, by the settings. */
import { networkInterfaces } from "node:os";
import { systemClock } from "../../base/clock.ts";
import { type Cloud, openCloud } from "../../fleet/cloud/cloud.ts";
import type { CloudStream } from "../../fleet/cloud/stream/open.ts";
import type { Log } from "../daemon/log.ts";
import type { CloudApi } from "./api.ts";
import { hubNames } from "./names.ts";
import type { CloudSettings, HubSettings } from "./settings.ts";

export interface Fleet extends AsyncDisposable {
  /** Where edges connect and join. */
  readonly addresses: { readonly hub: string; readonly join: string };
}

export interface FleetParts {
  readonly hub: HubSettings;
  readonly settings: CloudSettings;
  readonly stream: CloudStream;
  readonly log: Log;
}

/** Errors: those of the ports, the keys and the API. */
export async function openFleet(
  api: CloudApi,
  { hub: own, settings, stream, log }: FleetParts,
): Promise<Fleet> {
  const { names: _, router, metaserver, tunnelPort, kubeletsPort, ...hub } = own;
  const { bindAddress: host } = settings;
  const { client, informers, isOwn, readPath, callers: ca } = api;
  const kubelets = ca === undefined ? undefined : { host, port: kubeletsPort, ca };
  const cloud = await openCloud({
    client,
    ...(informers ? { informers } : {}),
    clock: systemClock(),
    log: (text) => log("warn", text),
    install: isOwn,
    hub: { ...hub, host, address: ownAddress(settings), names: hubNames(settings) },
    router,
    stream: {
      cloud: stream,
      host,
      port: tunnelPort,
      peerHost: ownAddress(settings),
      ...(kubelets ? { kubelets } : {}),
    },
    dynamic: { access: metaserver, ...(readPath ? { readPath } : {}) },
  });
  return {
    addresses: addressesOf(cloud, own, settings),
    [Symbol.asyncDispose]: async () => await cloud[Symbol.asyncDispose](),
  };
}

function addressesOf({ hub }: Cloud, own: HubSettings, settings: CloudSettings) {
  const name = own.names[0] ?? settings.advertiseAddress ?? ownAddress(settings);
  const host = name.includes(":") ? `[${name}]` : name;
  return { hub: `wss://${host}:${hub.port}`, join: `https://${host}:${hub.joinPort}` };
}

/** An address at which this process itself listens. */
function ownAddress({ bindAddress, advertiseAddress }: CloudSettings): string {
  const isAny = bindAddress === "0.0.0.0" || bindAddress === "::";
  return isAny ? (advertiseAddress ?? firstAddress()) : bindAddress;
}

/** Of the machine, as others reach it. */
function firstAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return all.find(({ internal, family }) => !internal && family === "IPv4")?.address ?? "127.0.0.1";
}
