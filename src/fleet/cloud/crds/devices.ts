/** devices.kubeedge.io: Device, DeviceModel, DeviceStatus. */
import { localReference, nodeSelector } from "./kubernetes.ts";
import type { KindTable } from "./kind.ts";
import {
  among,
  amongNumbers,
  type Fields,
  flag,
  free,
  int32,
  int64,
  integer,
  list,
  map,
  number,
  plain,
  record,
  type Schema,
  text,
  whole,
} from "./schema.ts";

const group = "devices.kubeedge.io";
const access = among("ReadWrite", "ReadOnly");
const twinValue = record({ metadata: map(text), "value!": text });
const custom = record({ configData: free, protocolName: text });
const report = { reportCycle: int64, reportToCloud: flag } as const;

const oldTwins = list(record({ desired: twinValue, propertyName: text, reported: twinValue }));
const twins = list(record({ observedDesired: twinValue, propertyName: text, reported: twinValue }));

const modelOld = whole({
  spec: record({
    properties: list(
      record({
        description: text,
        name: text,
        type: record({
          boolean: record({ accessMode: access, defaultValue: flag }),
          bytes: record({ accessMode: access }),
          double: ranged(number),
          float: ranged(number),
          int: ranged(int64),
          string: record({ accessMode: access, defaultValue: text }),
        }),
      }),
    ),
    protocol: text,
  }),
});

function ranged(value: Schema): Schema {
  return record({ accessMode: access, defaultValue: value, maximum: value, minimum: value, unit: text });
}

const model = whole({
  spec: record({
    properties: list(
      record({
        accessMode: access,
        description: text,
        maximum: text,
        minimum: text,
        name: text,
        type: among("INT", "FLOAT", "DOUBLE", "STRING", "BOOLEAN", "BYTES", "STREAM"),
        unit: text,
        visitors: custom,
      }),
    ),
    protocol: text,
    protocolConfigData: free,
  }),
});

const bluetoothVisitor = record({
  characteristicUUID: text,
  dataConverter: record({
    endIndex: integer,
    orderOfOperations: list(record({ operationType: text, operationValue: number })),
    shiftLeft: integer,
    shiftRight: integer,
    startIndex: integer,
  }),
  dataWrite: map({ ...text, format: "byte" }),
});

const modbusVisitor = record({
  isRegisterSwap: flag,
  isSwap: flag,
  limit: int64,
  offset: int64,
  register: among("CoilRegister", "DiscreteInputRegister", "InputRegister", "HoldingRegister"),
  scale: number,
});

const oldVisitor = record({
  bluetooth: bluetoothVisitor,
  collectCycle: int64,
  customizedProtocol: custom,
  customizedValues: free,
  modbus: modbusVisitor,
  opcua: record({ browseName: text, nodeID: text }),
  propertyName: text,
  reportCycle: int64,
});

const speeds = [
  115_200, 57_600, 38_400, 19_200, 9600, 4800, 2400, 1800, 1200, 600, 300, 200, 150, 134, 110, 75, 50,
];

const oldTransport: Fields = {
  collectRetryTimes: int64,
  collectTimeout: int64,
  collectType: among("sync", "async"),
  com: record({
    baudRate: amongNumbers(...speeds),
    dataBits: amongNumbers(8, 7, 6, 5),
    parity: among("none", "even", "odd"),
    serialPort: text,
    stopBits: amongNumbers(1, 2),
  }),
  commType: text,
  customizedValues: free,
  reconnRetryTimes: int64,
  reconnTimeout: int64,
  tcp: record({ ip: text, port: int64 }),
};

const oldProtocol = record({
  bluetooth: record({ macAddress: text }),
  common: record(oldTransport),
  customizedProtocol: custom,
  modbus: record({ slaveID: int64 }),
  opcua: record({
    certificate: text,
    password: text,
    privateKey: text,
    securityMode: text,
    securityPolicy: text,
    timeout: int64,
    url: text,
    userName: text,
  }),
});

const deviceOld = whole({
  spec: record({
    data: record({
      dataProperties: list(record({ metadata: map(text), propertyName: text })),
      dataTopic: text,
    }),
    deviceModelRef: localReference,
    nodeSelector,
    propertyVisitors: list(oldVisitor),
    protocol: oldProtocol,
  }),
  status: record({ twins: oldTwins }),
});

const database = record({
  TDEngine: record({ TDEngineClientConfig: record({ addr: text, dbName: text }) }),
  influxdb2: record({
    influxdb2ClientConfig: record({ bucket: text, org: text, url: text }),
    influxdb2DataConfig: record({ fieldKey: text, measurement: text, tag: map(text) }),
  }),
  mysql: record({ mysqlClientConfig: record({ addr: text, database: text, userName: text }) }),
  redis: record({
    redisClientConfig: record({ addr: text, db: integer, minIdleConns: integer, poolsize: integer }),
  }),
});

const pushMethod = record({
  anomalyDetection: free,
  dbMethod: database,
  http: record({ hostName: text, port: int64, requestPath: text, timeout: int64 }),
  mqtt: record({ address: text, qos: int32, retained: flag, topic: text }),
  otel: record({ endpointURL: text }),
});

const device = whole({
  spec: record({
    deviceModelRef: localReference,
    methods: list(record({ description: text, name: text, propertyNames: list(text) })),
    nodeName: text,
    properties: list(
      record({
        collectCycle: int64,
        desired: twinValue,
        name: text,
        pushMethod,
        ...report,
        visitors: custom,
      }),
    ),
    protocol: custom,
    stateReport: record(report),
  }),
  // Edges and clouds before 1.23 keep the twins in here.
  status: { ...record(report), "x-kubernetes-preserve-unknown-fields": true },
});

const deviceStatus = whole({
  spec: plain,
  status: record({ extensions: free, lastOnlineTime: text, state: text, twins }),
});

const scope = "Namespaced";
const versions = (old: Schema, now: Schema) =>
  [
    { name: "v1alpha2", schema: old, status: false },
    { name: "v1beta1", schema: now, status: false },
  ] as const;

export const deviceKinds: readonly KindTable[] = [
  { group, kind: "Device", plural: "devices", scope, versions: versions(deviceOld, device) },
  { group, kind: "DeviceModel", plural: "devicemodels", scope, versions: versions(modelOld, model) },
  {
    group,
    kind: "DeviceStatus",
    plural: "devicestatuses",
    scope,
    versions: versions(record({ twins: oldTwins }), deviceStatus),
  },
];
