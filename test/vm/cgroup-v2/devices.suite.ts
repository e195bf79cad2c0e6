/** linux.resources.devices on cgroup v2: an eBPF program decides. */
import { describe, expect, test } from "bun:test";
import type { OciDeviceRule, OciMount } from "../../../src/spec/oci/config.ts";
import { GuestContainer, type Runtime } from "../container.ts";
import type { VirtualMachine } from "../machine.ts";

const denyAll: OciDeviceRule = { allow: false, access: "rwm" };
const disk = { type: "b", major: 254, minor: 0 } as const;

/** The guest's disk by a bind mount: a node of linux.devices would bring a rule of its own. */
const diskMount: OciMount = { destination: "/dev/disk", type: "bind", source: "/dev/vda", options: ["bind"] };

const readDisk = "head -c 4 /dev/disk >/dev/null";
/** Opens for writing, and writes nothing. */
const openDiskForWriting = ": >>/dev/disk";

interface Row {
  readonly name: string;
  readonly rules: readonly OciDeviceRule[];
  readonly script: string;
  readonly allowed: boolean;
}

/** mknod of a device that is not opened: the default rules allow it for every device, as runc's do. */
const makeNode = "mknod /tmp/made b 254 0";

const rows: readonly Row[] = [
  { name: "no rule: reading is refused", rules: [], script: readDisk, allowed: false },
  { name: "only a denial of all: reading is refused", rules: [denyAll], script: readDisk, allowed: false },
  {
    name: "a rule for r: reading is allowed",
    rules: [denyAll, { allow: true, ...disk, access: "r" }],
    script: readDisk,
    allowed: true,
  },
  {
    name: "a rule for r: writing is refused",
    rules: [denyAll, { allow: true, ...disk, access: "r" }],
    script: openDiskForWriting,
    allowed: false,
  },
  {
    name: "a rule for w: writing is allowed",
    rules: [denyAll, { allow: true, ...disk, access: "w" }],
    script: openDiskForWriting,
    allowed: true,
  },
  {
    name: "a rule for w: reading is refused",
    rules: [denyAll, { allow: true, ...disk, access: "w" }],
    script: readDisk,
    allowed: false,
  },
  {
    name: "a rule for any minor number",
    rules: [denyAll, { allow: true, type: "b", major: 254, access: "rw" }],
    script: readDisk,
    allowed: true,
  },
  {
    name: "a rule for another minor number",
    rules: [denyAll, { allow: true, type: "b", major: 254, minor: 1, access: "rwm" }],
    script: readDisk,
    allowed: false,
  },
  {
    name: "a rule for the character device with the same numbers",
    rules: [denyAll, { allow: true, type: "c", major: 254, minor: 0, access: "rwm" }],
    script: readDisk,
    allowed: false,
  },
  {
    name: "the later of two rules counts: denied",
    rules: [denyAll, { allow: true, ...disk, access: "rwm" }, { allow: false, ...disk, access: "rwm" }],
    script: readDisk,
    allowed: false,
  },
  {
    name: "all allowed but one: that one is refused",
    rules: [
      { allow: true, access: "rwm" },
      { allow: false, ...disk, access: "rw" },
    ],
    script: readDisk,
    allowed: false,
  },
  {
    name: "all allowed but another: this one is allowed",
    rules: [
      { allow: true, access: "rwm" },
      { allow: false, type: "b", major: 253, minor: 0, access: "rw" },
    ],
    script: readDisk,
    allowed: true,
  },
  {
    name: "the default devices are allowed",
    rules: [denyAll],
    script: "head -c 1 /dev/zero >/dev/null && : >/dev/null && head -c 1 /dev/urandom >/dev/null",
    allowed: true,
  },
  { name: "making a node is allowed", rules: [denyAll], script: makeNode, allowed: true },
  {
    name: "opening the node that was made is not",
    rules: [denyAll],
    script: `${makeNode} && head -c 4 /tmp/made >/dev/null`,
    allowed: false,
  },
];

export function describeDevices(runtime: Runtime, machine: () => VirtualMachine): void {
  describe("device rules", () => {
    test.each(rows.map((row) => [row.name, row] as const))("%s", async (_, { rules, script, allowed }) => {
      await using container = new GuestContainer(machine(), runtime, {
        resources: { devices: [...rules] },
        args: ["sh", "-c", script],
        mounts: [diskMount],
      });
      const { exitCode, stderr } = await container.run();
      if (allowed) expect([exitCode, stderr]).toEqual([0, ""]);
      else expect(stderr).toContain("Operation not permitted");
    });

    test("hold for a process that is added by exec", async () => {
      const rules = [denyAll, { allow: true, ...disk, access: "r" }];
      await using container = new GuestContainer(machine(), runtime, {
        resources: { devices: rules },
        mounts: [diskMount],
      });
      await container.start();
      expect((await container.exec(readDisk)).exitCode).toBe(0);
      expect((await container.exec(openDiskForWriting)).stderr).toContain("Operation not permitted");
    });

    test("hold after an update of another limit", async () => {
      await using container = new GuestContainer(machine(), runtime, {
        resources: { devices: [denyAll, { allow: true, ...disk, access: "r" }] },
        mounts: [diskMount],
      });
      await container.start();
      expect((await container.call("update", "--pids-limit", "40", "ID")).exitCode).toBe(0);
      expect((await container.exec(readDisk)).exitCode).toBe(0);
      expect((await container.exec(openDiskForWriting)).stderr).toContain("Operation not permitted");
    });
  });
}
