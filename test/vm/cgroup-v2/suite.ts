/** Everything that a runtime has to do on a host with cgroup v2 only; a black box, so that runc can be put in ours' place. */
import { afterAll, beforeAll } from "bun:test";
import type { Runtime } from "../container.ts";
import type { GuestFile } from "../image.ts";
import { bootVm, type VirtualMachine } from "../machine.ts";
import { describeDevices } from "./devices.suite.ts";
import { describeEvents } from "./events.suite.ts";
import { describeLife } from "./life.suite.ts";
import { describeOurs } from "./ours.suite.ts";
import { describeLimits } from "./limits.suite.ts";
import { describeRootless } from "./rootless.suite.ts";

/** Boots one machine for all of it; to be called inside of a describe. */
export function describeCgroupV2(runtime: Runtime, files: () => readonly GuestFile[]): void {
  let vm: VirtualMachine | undefined;
  beforeAll(async () => {
    vm = await bootVm({ files: files(), memoryMiB: 768 });
  }, 120_000);
  afterAll(() => vm?.[Symbol.asyncDispose]());

  const machine = (): VirtualMachine => {
    if (vm === undefined) throw new Error("cannot use the machine: it has not booted");
    return vm;
  };
  describeLimits(runtime, machine);
  describeDevices(runtime, machine);
  describeLife(runtime, machine);
  describeEvents(runtime, machine);
  describeRootless(runtime, machine);
  if (runtime.name === "sampan") describeOurs(machine);
}
