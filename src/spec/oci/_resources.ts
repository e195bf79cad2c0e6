import type {
  OciBlockIo,
  OciCpu,
  OciDeviceRule,
  OciHugepageLimit,
  OciInterfacePriority,
  OciMemory,
  OciNetwork,
  OciPids,
  OciRdma,
  OciResources,
  OciThrottleDevice,
  OciWeightDevice,
} from "./config.ts";
import type { Fault, IntegerShape, ListShape, ShapeOf, TextShape } from "./_shape.ts";
import { flag, int53, text, uint16, uint32, uint53, uint64 } from "./_shape.ts";
import { deviceRuleTypes } from "./values.ts";

/** -1 is "all", as in runc. */
const deviceNumber: IntegerShape = { is: "integer", from: -1, to: 4_294_967_295 };

const deviceRule: ShapeOf<OciDeviceRule> = {
  is: "object",
  fields: {
    allow: flag,
    type: { is: "name", of: deviceRuleTypes, blank: true },
    major: deviceNumber,
    minor: deviceNumber,
    access: { is: "text", like: /^[rwm]*$/, wanted: 'letters of "rwm"' },
  },
  needs: ["allow"],
};

const bytes: IntegerShape = { is: "integer", from: -1n, to: 9_223_372_036_854_775_807n };

const memory: ShapeOf<OciMemory> = {
  is: "object",
  fields: {
    limit: bytes,
    reservation: bytes,
    swap: bytes,
    kernel: bytes,
    kernelTCP: bytes,
    swappiness: { is: "integer", from: 0, to: 100 },
    disableOOMKiller: flag,
    useHierarchy: flag,
    checkBeforeUpdate: flag,
  },
  needs: [],
};

const cpu: ShapeOf<OciCpu> = {
  is: "object",
  fields: {
    shares: uint53,
    quota: int53,
    burst: uint53,
    period: uint53,
    realtimeRuntime: int53,
    realtimePeriod: uint53,
    cpus: text,
    mems: text,
    idle: int53,
  },
  needs: [],
};

const pids: ShapeOf<OciPids> = { is: "object", fields: { limit: int53 }, needs: [] };

const weightDevice: ShapeOf<OciWeightDevice> = {
  is: "object",
  fields: { major: uint32, minor: uint32, weight: uint16, leafWeight: uint16 },
  needs: ["major", "minor"],
};

const throttleDevice: ShapeOf<OciThrottleDevice> = {
  is: "object",
  fields: { major: uint32, minor: uint32, rate: uint64 },
  needs: ["major", "minor", "rate"],
};
const throttleDevices: ListShape = { is: "list", of: throttleDevice };

const blockIO: ShapeOf<OciBlockIo> = {
  is: "object",
  fields: {
    weight: uint16,
    leafWeight: uint16,
    weightDevice: { is: "list", of: weightDevice },
    throttleReadBpsDevice: throttleDevices,
    throttleWriteBpsDevice: throttleDevices,
    throttleReadIOPSDevice: throttleDevices,
    throttleWriteIOPSDevice: throttleDevices,
  },
  needs: [],
};

const hugepageLimit: ShapeOf<OciHugepageLimit> = {
  is: "object",
  fields: {
    pageSize: { is: "text", like: /^[1-9][0-9]*[KMG]B$/, wanted: 'a size like "2MB"' },
    limit: uint64,
  },
  needs: ["pageSize", "limit"],
};

const interfacePriority: ShapeOf<OciInterfacePriority> = {
  is: "object",
  fields: { name: text, priority: uint32 },
  needs: ["name", "priority"],
};

const network: ShapeOf<OciNetwork> = {
  is: "object",
  fields: { classID: uint32, priorities: { is: "list", of: interfacePriority } },
  needs: [],
};

const rdma: ShapeOf<OciRdma> = {
  is: "object",
  fields: { hcaHandles: uint32, hcaObjects: uint32 },
  needs: [],
};

/** Never a path: the value is written to a file of the cgroup's own directory. */
const controlFile: TextShape = {
  is: "text",
  like: /^[^/.][^/]*\.[^/]+$/,
  wanted: 'a control file like "memory.high"',
};

/** config-linux.md, "Control groups"; also what `update --resources` reads. */
export const resourcesShape: ShapeOf<OciResources> = {
  is: "object",
  fields: {
    devices: { is: "list", of: deviceRule },
    memory,
    cpu,
    pids,
    blockIO,
    hugepageLimits: { is: "list", of: hugepageLimit },
    network,
    rdma: { is: "map", keys: text, of: rdma },
    unified: { is: "map", keys: controlFile, of: text },
  },
  needs: [],
};

/** config-linux.md, "Block IO": an entry that sets nothing. Paths are relative to the resources. */
export function findResourcesFault({ blockIO: block }: OciResources): Fault | undefined {
  for (const [index, { weight, leafWeight }] of (block?.weightDevice ?? []).entries()) {
    if (weight === undefined && leafWeight === undefined) {
      return {
        at: `.blockIO.weightDevice[${index}]`,
        is: "is without a weight, wanted weight or leafWeight",
      };
    }
  }
  return undefined;
}
