/**
 * Device rules on v1: what has to be written to devices.allow and devices.deny to bring a cgroup from the rules that it has to those
 * that are wanted, with as little disturbance as can be. Documentation/admin-guide/cgroup-v1/devices.rst. Pure.
 */
import { type DeviceException, type DeviceSet, deviceText } from "./devices.ts";

export interface DeviceWrite {
  readonly file: "devices.allow" | "devices.deny";
  readonly data: string;
}

/** `from` is undefined for a new cgroup: whatever its parent gave it is dropped first. */
export function deviceTransition(from: DeviceSet | undefined, to: DeviceSet): DeviceWrite[] {
  const writes: DeviceWrite[] = [];
  const file = (allow: boolean): DeviceWrite["file"] => (allow ? "devices.allow" : "devices.deny");
  let old: readonly DeviceException[] = from?.exceptions ?? [];
  // What a cgroup that allows by default denies cannot be read back, so that one starts anew too.
  if (from === undefined || from.allowByDefault || to.allowByDefault) {
    writes.push({ file: file(to.allowByDefault), data: "a *:* rwm" });
    old = [];
  }
  for (const exception of old) {
    const access = exception.access & ~accessIn(to.exceptions, exception);
    if (access !== 0)
      writes.push({ file: file(to.allowByDefault), data: deviceText({ ...exception, access }) });
  }
  for (const exception of to.exceptions) {
    const access = exception.access & ~accessIn(old, exception);
    if (access !== 0)
      writes.push({ file: file(!to.allowByDefault), data: deviceText({ ...exception, access }) });
  }
  return writes;
}

function accessIn(exceptions: readonly DeviceException[], { type, major, minor }: DeviceException): number {
  return exceptions.find((e) => e.type === type && e.major === major && e.minor === minor)?.access ?? 0;
}
