/** Devices and their models, devices.kubeedge.io/v1beta1, as edges get them. What protocols and later releases add is kept. */
import { anything, flag, line, list, map, natural, needed, open, optional, text, word } from "../codec.ts";
import { kind } from "./kind.ts";
import { common, type Kube } from "./kube.ts";

export interface ProtocolConfig {
  readonly protocolName?: string;
  readonly configData?: Readonly<Record<string, unknown>>;
}

export interface TwinProperty {
  readonly value?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface DeviceProperty {
  readonly name: string;
  readonly desired?: TwinProperty;
  readonly visitors?: ProtocolConfig;
  /** Milliseconds, as `collectCycle`. */
  readonly reportCycle?: number;
  readonly collectCycle?: number;
  readonly reportToCloud?: boolean;
  readonly pushMethod?: unknown;
}

export interface DeviceSpec {
  readonly deviceModelRef?: { readonly name?: string };
  readonly nodeName?: string;
  readonly properties?: readonly DeviceProperty[];
  readonly protocol?: ProtocolConfig;
}

export interface DeviceTwin {
  readonly propertyName: string;
  readonly reported?: TwinProperty;
  readonly observedDesired?: TwinProperty;
}

export interface DeviceStatus {
  readonly twins?: readonly DeviceTwin[];
  readonly state?: string;
  readonly lastOnlineTime?: string;
}

export interface Device extends Kube {
  readonly spec?: DeviceSpec;
  readonly status?: DeviceStatus;
}

const protocol = open<ProtocolConfig>({ protocolName: optional(word), configData: optional(map(anything)) });
const value = open<TwinProperty>({ value: optional(text), metadata: optional(map(text)) });

const property = open<DeviceProperty>({
  name: needed(word),
  desired: optional(value),
  visitors: optional(protocol),
  reportCycle: optional(natural),
  collectCycle: optional(natural),
  reportToCloud: optional(flag),
  pushMethod: optional(anything),
});

const deviceSpec = open<DeviceSpec>({
  deviceModelRef: optional(open<{ readonly name?: string }>({ name: optional(word) })),
  nodeName: optional(line({ most: 253 })),
  properties: optional(list(property)),
  protocol: optional(protocol),
});

const deviceTwin = open<DeviceTwin>({
  propertyName: needed(word),
  reported: optional(value),
  observedDesired: optional(value),
});

const deviceStatus = open<DeviceStatus>({
  twins: optional(list(deviceTwin)),
  state: optional(word),
  lastOnlineTime: optional(word),
});

export interface ModelProperty {
  readonly name: string;
  readonly description?: string;
  readonly type?: string;
  readonly accessMode?: string;
  readonly minimum?: string;
  readonly maximum?: string;
  readonly unit?: string;
}

export interface DeviceModelSpec {
  readonly protocol?: string;
  readonly properties?: readonly ModelProperty[];
}

export interface DeviceModel extends Kube {
  readonly spec?: DeviceModelSpec;
}

const modelProperty = open<ModelProperty>({
  name: needed(word),
  description: optional(text),
  type: optional(word),
  accessMode: optional(word),
  minimum: optional(word),
  maximum: optional(word),
  unit: optional(word),
});

const modelSpec = open<DeviceModelSpec>({
  protocol: optional(word),
  properties: optional(list(modelProperty)),
});

const changes = ["insert", "update", "delete"] as const;

/** Deletes of a resync have `metadata` only. */
export const deviceChange = kind<Device>("device", {
  way: "down",
  on: { group: "resource", operation: changes, type: "device", answer: false },
  content: open<Device>({ ...common, spec: optional(deviceSpec), status: optional(deviceStatus) }),
});

export const modelChange = kind<DeviceModel>("device model", {
  way: "down",
  on: { group: "resource", operation: changes, type: "devicemodel", answer: false },
  content: open<DeviceModel>({ ...common, spec: optional(modelSpec) }),
});
