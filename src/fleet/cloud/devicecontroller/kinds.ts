/** The kinds of devices.kubeedge.io/v1beta1, and how a device is told from its text. */
import { refused, isRecord } from "../../link/json.ts";
import type { Device } from "../../link/kinds/devices.ts";
import type { KubeObject, ResourceId } from "../../../spec/kubernetes/kube.ts";

export const group = "devices.kubeedge.io";
export const apiVersion = `${group}/v1beta1`;
export const source = "devicecontroller";

export const devices: ResourceId = { group, version: "v1beta1", resource: "devices" };
export const models: ResourceId = { group, version: "v1beta1", resource: "devicemodels" };
/** Since 1.23 what is reported lives here too, in an object of the device's name. */
export const statuses: ResourceId = { group, version: "v1beta1", resource: "devicestatuses" };

export type DeviceObject = KubeObject & Pick<Device, "spec" | "status">;

/** `default/d1` */
export function keyOf({ metadata: { namespace = "", name = "" } }: KubeObject): string {
  return `${namespace}/${name}`;
}

export function nodeOf(device: KubeObject): string | undefined {
  const { spec } = device as DeviceObject;
  return spec?.nodeName || undefined;
}

/** The model's key, in the device's own namespace. */
export function modelOf(device: KubeObject): string | undefined {
  const name = (device as DeviceObject).spec?.deviceModelRef?.name;
  return name ? `${device.metadata.namespace ?? ""}/${name}` : undefined;
}

/** An object of the API with the kind that it has on the wire. */
export function typed(object: KubeObject, kind: "Device" | "DeviceModel"): KubeObject {
  return object.kind === kind && object.apiVersion === apiVersion ? object : { ...object, apiVersion, kind };
}

/** Asserts what the caller got from a stranger; used where an object's schema may be any. */
export function statusOf(object: KubeObject): Readonly<Record<string, unknown>> {
  const { status } = object;
  if (status === undefined || status === null) return {};
  if (!isRecord(status)) throw refused("status", status, "an object");
  return status;
}
