/** Limits, as POST /containers/create and /containers/{id}/update carry them. */
import type { Resources, RestartPolicy, ThrottleDevice } from "./create.ts";
import {
  flag,
  int64,
  integer,
  list,
  natural,
  object,
  oneOf,
  stringMap,
  text,
  type Fields,
  type Reader,
} from "./_read.ts";

const uint32 = integer(0, 2 ** 32 - 1);
const path = text({ length: 4096 });
const cpuList = text({ length: 1000, like: /^[0-9,\- ]+$/, wanted: 'a list like "0-3,7"' });

const throttle: Reader<ThrottleDevice[]> = list(
  object<ThrottleDevice>({ Path: path, Rate: natural }, ["Path", "Rate"]),
  1000,
);

const ulimit: Reader<{ Name: string; Soft: number; Hard: number }> = (value, at) => {
  const fields = { Name: text({ length: 50 }), Soft: int64, Hard: int64 };
  const found = object<{ Name: string; Soft?: number; Hard?: number }>(fields, ["Name"])(value, at);
  return { Soft: 0, Hard: 0, ...found };
};

const weight: Reader<{ Path: string; Weight: number }> = (value, at) => {
  const fields = { Path: path, Weight: integer(0, 65_535) };
  return { Weight: 0, ...object<{ Path: string; Weight?: number }>(fields, ["Path"])(value, at) };
};

export const resourceFields: Fields<Resources> = {
  CpuShares: int64,
  Memory: int64,
  NanoCpus: int64,
  CgroupParent: text({ length: 4096 }),
  BlkioWeight: integer(0, 65_535),
  BlkioWeightDevice: list(weight, 1000),
  BlkioDeviceReadBps: throttle,
  BlkioDeviceWriteBps: throttle,
  BlkioDeviceReadIOps: throttle,
  BlkioDeviceWriteIOps: throttle,
  CpuPeriod: int64,
  CpuQuota: int64,
  CpuRealtimePeriod: int64,
  CpuRealtimeRuntime: int64,
  CpusetCpus: cpuList,
  CpusetMems: cpuList,
  Devices: list(
    object<{ PathOnHost: string; PathInContainer?: string; CgroupPermissions?: string }>(
      { PathOnHost: path, PathInContainer: path, CgroupPermissions: text({ length: 16 }) },
      ["PathOnHost"],
    ),
    1000,
  ),
  DeviceCgroupRules: list(text({ length: 200 }), 1000),
  DeviceRequests: list(
    object<NonNullable<Resources["DeviceRequests"]>[number]>({
      Driver: text({ length: 255 }),
      Count: int64,
      DeviceIDs: list(text({ length: 1000 }), 1000),
      Capabilities: list(list(text({ length: 255 }), 100), 100),
      Options: stringMap,
    }),
    100,
  ),
  MemoryReservation: int64,
  MemorySwap: int64,
  MemorySwappiness: int64,
  OomKillDisable: flag,
  PidsLimit: int64,
  Ulimits: list(ulimit, 100),
};

export const restartPolicy: Reader<RestartPolicy> = object<RestartPolicy>({
  Name: oneOf("", "no", "always", "unless-stopped", "on-failure"),
  MaximumRetryCount: uint32,
});

/** Errors: `invalid_argument` naming the field. */
export function parseResources(value: unknown): Resources {
  return object<Resources>(resourceFields)(value, "");
}

export interface UpdateBody extends Resources {
  readonly RestartPolicy?: RestartPolicy | null;
}

/** POST /containers/{id}/update. */
export function parseUpdateBody(value: unknown): UpdateBody {
  return object<UpdateBody>({ ...resourceFields, RestartPolicy: restartPolicy })(value, "");
}
