/**
 * Device rules: the rule list of config.json, with the devices that every container may use behind it, brought into the form that the
 * kernel keeps: a default and exceptions from it (security/device_cgroup.c). v1 and v2 are both made from that form, so that they
 * decide alike. Pure.
 */
import { invalid } from "../../../base/errors.ts";
import type { OciDevice, OciDeviceRule } from "../../../spec/oci/config.ts";

/** Access bits as in include/uapi/linux/bpf.h (BPF_DEVCG_ACC_*). */
export const deviceAccess = { m: 1, r: 2, w: 4 } as const;
const allAccess = 7;

export interface DeviceException {
  readonly type: "b" | "c";
  /** Undefined: every number. */
  readonly major: number | undefined;
  readonly minor: number | undefined;
  /** Bits of `deviceAccess`. */
  readonly access: number;
}

export interface DeviceSet {
  readonly allowByDefault: boolean;
  /** Sorted by major, minor and type; a wildcard is first. One for each device. */
  readonly exceptions: readonly DeviceException[];
}

interface DefaultDevice extends DeviceException {
  /** A default whose path config.json lists as a device itself is left to config.json's rules. */
  readonly path?: string;
}

/**
 * What runc allows to every container, behind the rules of config.json: making any node, and using these. 10:200 is /dev/net/tun
 * (left out in runc 1.2.0, back since 1.2.4). In the order of a DeviceSet.
 */
const defaultDevices: readonly DefaultDevice[] = [
  { type: "b", major: undefined, minor: undefined, access: 1 },
  { type: "c", major: undefined, minor: undefined, access: 1 },
  { type: "c", major: 1, minor: 3, access: 7, path: "/dev/null" },
  { type: "c", major: 1, minor: 5, access: 7, path: "/dev/zero" },
  { type: "c", major: 1, minor: 7, access: 7, path: "/dev/full" },
  { type: "c", major: 1, minor: 8, access: 7, path: "/dev/random" },
  { type: "c", major: 1, minor: 9, access: 7, path: "/dev/urandom" },
  { type: "c", major: 5, minor: 0, access: 7, path: "/dev/tty" },
  { type: "c", major: 5, minor: 2, access: 7 },
  { type: "c", major: 10, minor: 200, access: 7 },
  { type: "c", major: 136, minor: undefined, access: 7 },
];

/**
 * The set that the rules make, one after another, from "nothing allowed". Errors: `invalid_argument` for a rule that cannot be said
 * to the kernel: no or unknown access letters, a number out of range, or one that takes out a part of a wildcard (v1 would pass
 * such a rule over in silence).
 */
export function deviceSet(
  rules: readonly OciDeviceRule[],
  devices: readonly Pick<OciDevice, "path">[],
): DeviceSet {
  const defaults = devices.length === 0 ? defaultDevices : defaultsBut(devices);
  const draft = new DeviceDraft();
  for (const [index, rule] of rules.entries()) draft.apply(rule, `linux.resources.devices[${index}]`);
  const { allowByDefault, exceptions } = draft;
  // Most containers: nothing but the defaults, which are in order.
  if (!allowByDefault && exceptions.size === 0) return { allowByDefault, exceptions: defaults };
  for (const exception of defaults) draft.allow(exception, "default device");
  return draft.finish();
}

function defaultsBut(devices: readonly Pick<OciDevice, "path">[]): DefaultDevice[] {
  const own = new Set<string | undefined>();
  for (const { path } of devices) own.add(path);
  return defaultDevices.filter(({ path }) => path === undefined || !own.has(path));
}

/** The rule as the kernel's files take it: `c 1:3 rwm`. */
export function deviceText(exception: DeviceException): string {
  const { type, major, minor, access } = exception;
  return `${type} ${major ?? "*"}:${minor ?? "*"} ${accessText(access)}`;
}

/** By the bits of `deviceAccess`. */
const accessTexts = ["", "m", "r", "rm", "w", "wm", "rw", "rwm"] as const;

export function accessText(access: number): string {
  return accessTexts[access] ?? "";
}

/** devices.list as a set. A list with `a *:* rwm` allows by default; what it denies cannot be read back. */
export function parseDeviceList(text: string): DeviceSet {
  const draft = new DeviceDraft();
  for (const line of text.split("\n")) {
    const match = /^([abc]) (\d+|\*):(\d+|\*) ([rwm]+)$/.exec(line.trim());
    if (match === null) continue;
    const [, type, major, minor, access] = match;
    const rule = { allow: true, type: type as "a" | "b" | "c", access: access ?? "" };
    draft.apply({ ...rule, ...numbered("major", major), ...numbered("minor", minor) }, "devices.list");
  }
  return draft.finish();
}

function numbered(name: "major" | "minor", text: string | undefined): { major?: number; minor?: number } {
  return text === "*" ? {} : { [name]: Number(text) };
}

class DeviceDraft {
  allowByDefault = false;
  readonly exceptions = new Map<string, DeviceException>();

  apply(rule: OciDeviceRule, field: string): void {
    const access = accessBits(rule, field);
    const type = rule.type ?? "a";
    if (type !== "b" && type !== "c") {
      // Whatever its numbers and letters are, the kernel takes "a" as all devices, and forgets the exceptions.
      this.allowByDefault = rule.allow;
      this.exceptions.clear();
      return;
    }
    const major = deviceNumber(rule.major, `${field}.major`);
    const minor = deviceNumber(rule.minor, `${field}.minor`);
    const exception = { type, major, minor, access };
    if (rule.allow === this.allowByDefault) this.#remove(exception, field);
    else this.#add(exception);
  }

  allow(exception: DeviceException, field: string): void {
    if (this.allowByDefault) this.#remove(exception, field);
    else this.#add(exception);
  }

  finish(): DeviceSet {
    const exceptions = [...this.exceptions.values()].sort(
      (a, b) => order(a.major, b.major) || order(a.minor, b.minor) || (a.type < b.type ? -1 : 1),
    );
    return { allowByDefault: this.allowByDefault, exceptions };
  }

  #add(exception: DeviceException): void {
    const key = keyOf(exception);
    const access = exception.access | (this.exceptions.get(key)?.access ?? 0);
    this.exceptions.set(key, { ...exception, access });
  }

  #remove(exception: DeviceException, field: string): void {
    const key = keyOf(exception);
    const { type, major, minor } = exception;
    for (const wider of [
      { type, major: undefined, minor },
      { type, major, minor: undefined },
      { type, major: undefined, minor: undefined },
    ]) {
      const found = this.exceptions.get(keyOf(wider));
      if (keyOf(wider) === key || found === undefined || (found.access & exception.access) === 0) continue;
      throw invalid(
        `cannot apply ${field} "${deviceText(exception)}": it takes a part out of the earlier rule "${deviceText(found)}", which the kernel's device rules cannot say`,
      );
    }
    const old = this.exceptions.get(key);
    if (old === undefined) return;
    const access = old.access & ~exception.access;
    if (access === 0) this.exceptions.delete(key);
    else this.exceptions.set(key, { ...old, access });
  }
}

function keyOf(device: Pick<DeviceException, "type" | "major" | "minor">): string {
  return `${device.type} ${device.major ?? "*"}:${device.minor ?? "*"}`;
}

function order(a: number | undefined, b: number | undefined): number {
  return (a ?? -1) - (b ?? -1);
}

function accessBits(rule: OciDeviceRule, field: string): number {
  const letters = rule.access ?? "";
  let bits = 0;
  for (const letter of letters) bits |= deviceAccess[letter as keyof typeof deviceAccess] ?? allAccess + 1;
  if (bits >= 1 && bits <= allAccess) return bits;
  throw invalid(`cannot use ${field}.access "${letters}": letters of "rwm" were wanted, at least one`);
}

/** -1 is every number, as in runc. */
function deviceNumber(value: number | undefined, field: string): number | undefined {
  if (value === undefined || value === -1) return undefined;
  if (Number.isInteger(value) && value >= 0 && value <= 0xffffffff) return value;
  throw invalid(
    `cannot use ${field} ${value}: a device number from 0 to 4294967295 was wanted, or -1 for all`,
  );
}
