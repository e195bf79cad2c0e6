/** Devices and models of the Kubernetes API as mappers get them. Fields: kubeedge devices.kubeedge.io/v1beta1 and DMI's Device and DeviceModel. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { encodeConfigData } from "../../../wire/dmi/config-data.ts";
import {
  DeviceModelSchema,
  DeviceSchema,
  type Device,
  type DeviceModel,
  type PushMethodSchema,
} from "../../../wire/dmi/dmi_pb.ts";
import { isRecord } from "../../link/json.ts";
import {
  deviceChange,
  modelChange,
  type DeviceProperty,
  type ProtocolConfig,
} from "../../link/kinds/devices.ts";

type Fields = Readonly<Record<string, unknown>>;

function fields(of: unknown): Fields | undefined {
  return isRecord(of) ? of : undefined;
}

function text(of: unknown): string {
  return typeof of === "string" ? of : "";
}

function whole(of: unknown): bigint {
  return typeof of === "number" && Number.isSafeInteger(of) ? BigInt(of) : 0n;
}

function small(of: unknown): number {
  return Number(BigInt.asIntN(32, whole(of)));
}

/** The protocol by which a device is spoken to: a mapper serves one. */
export function protocolOf(device: KubeObject): string {
  return text(fields(fields(device["spec"])?.["protocol"])?.["protocolName"]);
}

/** @throws SampanError invalid_argument that names the field which is not as a Device has it. */
export function deviceMessage(object: KubeObject): Device {
  const { metadata, spec } = deviceChange.parse(object, "device");
  const methods = (spec as Fields | undefined)?.["methods"];
  return create(DeviceSchema, {
    name: metadata?.name ?? "",
    namespace: metadata?.namespace ?? "",
    spec: {
      deviceModelReference: spec?.deviceModelRef?.name ?? "",
      ...(spec?.protocol ? { protocol: config(spec.protocol) } : {}),
      properties: (spec?.properties ?? []).map(property),
      methods: (Array.isArray(methods) ? methods : []).map((each) => ({
        name: text(fields(each)?.["name"]),
        description: text(fields(each)?.["description"]),
        propertyNames: names(fields(each)?.["propertyNames"]),
      })),
    },
    status: {},
  });
}

function names(of: unknown): string[] {
  return Array.isArray(of) ? of.filter((each) => typeof each === "string") : [];
}

function config({ protocolName = "", configData = {} }: ProtocolConfig) {
  return { protocolName, configData: encodeConfigData(configData) };
}

function property({
  name,
  desired,
  visitors,
  reportCycle = 0,
  collectCycle = 0,
  reportToCloud = false,
  pushMethod,
}: DeviceProperty) {
  const push = fields(pushMethod);
  return {
    name,
    ...(desired ? { desired: { value: desired.value ?? "", metadata: { ...desired.metadata } } } : {}),
    ...(visitors ? { visitors: config(visitors) } : {}),
    reportCycle: BigInt(reportCycle),
    collectCycle: BigInt(collectCycle),
    reportToCloud,
    ...(push ? { pushMethod: pushed(push) } : {}),
  };
}

type Push = MessageInitShape<typeof PushMethodSchema>;

function pushed({ http, mqtt, dbMethod, otel }: Fields): Push {
  const [web, broker, trace] = [fields(http), fields(mqtt), fields(otel)];
  return {
    ...(web && {
      http: {
        hostname: text(web["hostName"] ?? web["hostname"]),
        port: whole(web["port"]),
        requestpath: text(web["requestPath"] ?? web["requestpath"]),
        timeout: whole(web["timeout"]),
      },
    }),
    ...(broker && {
      mqtt: {
        address: text(broker["address"]),
        topic: text(broker["topic"]),
        qos: small(broker["qos"]),
        retained: broker["retained"] === true,
      },
    }),
    ...(trace && { otel: { endpointURL: text(trace["endpointURL"]) } }),
    ...(fields(dbMethod) ? { dbMethod: database(fields(dbMethod) ?? {}) } : {}),
  };
}

function database(method: Fields): NonNullable<Push["dbMethod"]> {
  const client = (name: string, config: string) => fields(fields(method[name])?.[config]);
  const influx = client("influxdb2", "influxdb2ClientConfig");
  const data = client("influxdb2", "influxdb2DataConfig");
  const redis = client("redis", "redisClientConfig");
  const tdengine = client("TDEngine", "TDEngineClientConfig");
  const mysql = client("mysql", "mysqlClientConfig");
  return {
    ...((influx || data) && {
      influxdb2: {
        influxdb2ClientConfig: {
          url: text(influx?.["url"]),
          org: text(influx?.["org"]),
          bucket: text(influx?.["bucket"]),
        },
        influxdb2DataConfig: {
          measurement: text(data?.["measurement"]),
          tag: Object.fromEntries(
            Object.entries(fields(data?.["tag"]) ?? {}).map(([key, value]) => [key, text(value)]),
          ),
          fieldKey: text(data?.["fieldKey"]),
        },
      },
    }),
    ...(redis && {
      redis: {
        redisClientConfig: {
          addr: text(redis["addr"]),
          db: small(redis["db"]),
          poolsize: small(redis["poolsize"]),
          minIdleConns: small(redis["minIdleConns"]),
        },
      },
    }),
    ...(tdengine && {
      tdengine: { tdEngineClientConfig: { addr: text(tdengine["addr"]), dbname: text(tdengine["dbName"]) } },
    }),
    ...(mysql && {
      mysql: {
        mysqlClientConfig: {
          addr: text(mysql["addr"]),
          database: text(mysql["database"]),
          userName: text(mysql["userName"]),
        },
      },
    }),
  };
}

/** @throws SampanError invalid_argument that names the field which is not as a DeviceModel has it. */
export function modelMessage(object: KubeObject): DeviceModel {
  const { metadata, spec } = modelChange.parse(object, "device model");
  return create(DeviceModelSchema, {
    name: metadata?.name ?? "",
    namespace: metadata?.namespace ?? "",
    spec: {
      properties: (spec?.properties ?? []).map((each) => ({
        name: each.name,
        description: each.description ?? "",
        type: each.type ?? "",
        accessMode: each.accessMode ?? "",
        minimum: each.minimum ?? "",
        maximum: each.maximum ?? "",
        unit: each.unit ?? "",
      })),
    },
  });
}
