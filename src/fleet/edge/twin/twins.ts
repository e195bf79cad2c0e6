/**
 * The contract of DeviceTwin towards those who carry its values: EventBus (MQTT topics), DMI (mappers), and the cloud. A device's twin has, for each property, what is wanted (`expected`) and what
 * is so (`actual`), each with the versions of cloud and edge. All of it is on this node's disk before anybody is told.
 */
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";

export interface DeviceChange {
  readonly operation: "insert" | "update" | "delete";
  /** A Device of devices.kubeedge.io/v1beta1, as the cloud has it, but with what its twin wants in `desired`: applications of this node want things, too. */
  readonly device: KubeObject;
  /** Its DeviceModel, when it is known. */
  readonly model: KubeObject | undefined;
}

/** One property as a mapper tells it. What is undefined is left as it is. */
export interface PropertyReport {
  readonly name: string;
  /** What the mapper was told to set. */
  readonly expected?: string;
  /** What it read. */
  readonly actual?: string;
  /** Milliseconds since 1970. */
  readonly at?: number;
}

export interface DeviceKey {
  readonly namespace: string;
  readonly name: string;
}

export interface Twins {
  /** Devices of this node with their models. */
  devices(): readonly { readonly device: KubeObject; readonly model: KubeObject | undefined }[];
  /** After it is on the disk. */
  follow(handler: (change: DeviceChange) => void): Disposable;
  /** As an update over MQTT: result, document and delta are published, the cloud is told. Errors: `not_found`, `invalid_argument` that names the property. */
  report(device: DeviceKey, properties: readonly PropertyReport[]): Promise<void>;
  /** `online`, `offline`, `ok`, `unknown`, `disconnected`. */
  reportState(device: DeviceKey, state: string): Promise<void>;
}
