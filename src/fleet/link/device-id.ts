/** How a device is named: `d1` to 1.16.1, `default/d1` since 1.16.2. The id stands in resources, topics, memberships and in an edge's store. */
import { invalid } from "../../base/errors.ts";
import { isName, isNamespace } from "./resources.ts";
import type { Traits } from "./versions.ts";

export interface DeviceRef {
  /** undefined: the form of old edges. */
  readonly namespace?: string;
  readonly name: string;
}

/** What is also one level of a topic: no wildcard, no `$` of the broker's own topics. */
export function isLevel(text: string): boolean {
  return isName(text) && !/[+#$]/.test(text);
}

/** @throws SampanError invalid_argument */
export function parseDeviceId(id: string): DeviceRef {
  const parts = id.length <= 512 ? id.split("/") : [];
  const [first = "", second] = parts;
  if (parts.length === 1 && isLevel(first)) return { name: first };
  if (parts.length === 2 && isNamespace(first) && second !== undefined && isLevel(second))
    return { namespace: first, name: second };
  throw invalid(
    `cannot read device id ${JSON.stringify(id.slice(0, 80))}: wanted <name> or <namespace>/<name>`,
  );
}

/** @throws SampanError invalid_argument when it would not be read back as itself. */
export function formatDeviceId({ namespace, name }: DeviceRef): string {
  const id = namespace === undefined ? name : `${namespace}/${name}`;
  if (parseDeviceId(id).name !== name)
    throw invalid(`cannot name device ${JSON.stringify(name.slice(0, 80))}`);
  return id;
}

/** A device as the peer knows it. */
export function deviceIdFor(
  device: { readonly namespace: string; readonly name: string },
  traits: Pick<Traits, "deviceId">,
): string {
  return formatDeviceId(traits.deviceId === "namespaced" ? device : { name: device.name });
}

const tails = ["twin/edge_updated", "twin/cloud_updated", "state/update"] as const;
export type DeviceTail = (typeof tails)[number];

export interface DeviceResource {
  readonly device: DeviceRef;
  readonly what: DeviceTail;
}

/**
 * `device/<id>/twin/edge_updated` and the like.
 * @throws SampanError invalid_argument
 */
export function parseDeviceResource(resource: string): DeviceResource {
  const what = tails.find((tail) => resource.endsWith(`/${tail}`));
  if (what === undefined || !resource.startsWith("device/"))
    throw invalid(`cannot read resource ${JSON.stringify(resource.slice(0, 80))}: it is none of a device`);
  return { device: parseDeviceId(resource.slice("device/".length, -what.length - 1)), what };
}

export function formatDeviceResource({ device, what }: DeviceResource): string {
  return `device/${formatDeviceId(device)}/${what}`;
}
