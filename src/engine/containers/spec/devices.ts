/** Devices of the host in a container: nodes, and what the cgroup lets through. Pure but for the look at the host's nodes, which is given. */
import { posix } from "node:path";
import { invalid } from "../../../base/errors.ts";
import type { DeviceMapping, HostConfig } from "../../../spec/docker/create.ts";
import type { OciDevice, OciDeviceRule } from "../../../spec/oci/config.ts";
import type { DeviceRuleType } from "../../../spec/oci/values.ts";
import type { HostFacts } from "./host.ts";

export interface DeviceParts {
  readonly devices: OciDevice[];
  readonly rules: OciDeviceRule[];
}

/** Errors: `invalid_argument` for a path that is no node and has none below. */
export function deviceParts(
  {
    Devices,
    DeviceCgroupRules,
    Privileged,
  }: Pick<HostConfig, "Devices" | "DeviceCgroupRules" | "Privileged">,
  host: Pick<HostFacts, "nodesAt" | "devices">,
): DeviceParts {
  const rules: OciDeviceRule[] = [{ allow: Privileged === true, access: "rwm" }];
  const found = new Map<string, OciDevice>();
  if (Privileged) for (const device of host.devices) found.set(device.path, { ...device });
  for (const mapping of Devices ?? [])
    for (const device of mapped(mapping, host)) {
      found.set(device.path, device);
      if (!Privileged) rules.push(ruleOf(device, accessOf(mapping)));
    }
  rules.push(...(DeviceCgroupRules ?? []).map(parseRule));
  return { devices: [...found.values()], rules };
}

export function ruleOf({ type, major = 0, minor = 0 }: OciDevice, access: string): OciDeviceRule {
  return { allow: true, type: type === "b" ? "b" : "c", major, minor, access };
}

function accessOf({ PathOnHost, CgroupPermissions }: DeviceMapping): string {
  const access = CgroupPermissions || "rwm";
  if (/^(?!.*(.).*\1)[rwm]+$/.test(access)) return access;
  throw invalid(`cannot give device "${PathOnHost}" with permissions "${access}": wanted letters of rwm`);
}

/** A folder stands for all nodes below it, each in the same place below the folder in the container. */
function mapped(
  { PathOnHost, PathInContainer }: DeviceMapping,
  host: Pick<HostFacts, "nodesAt">,
): OciDevice[] {
  const refuse = (why: string) => invalid(`cannot give device "${PathOnHost}": ${why}`);
  if (!PathOnHost.startsWith("/")) throw refuse("wanted an absolute path on the host");
  const target = posix.normalize(PathInContainer || PathOnHost);
  if (!target.startsWith("/") || target === "/") throw refuse(`"${target}" is no place in the container`);
  const from = posix.normalize(PathOnHost);
  const nodes = read(() => host.nodesAt(from), refuse);
  if (nodes.length === 0) throw refuse("it is no node of a device");
  return nodes.map((node) => ({ ...node, path: posix.join(target, posix.relative(from, node.path)) }));
}

function read<T>(look: () => T, refuse: (why: string) => Error): T {
  try {
    return look();
  } catch (error) {
    throw refuse((error as Error).message);
  }
}

/** `c 42:* rmw`. Errors: `invalid_argument`. */
export function parseRule(text: string): OciDeviceRule {
  const match = /^([acb]) (\d{1,10}|\*):(\d{1,10}|\*) ([rwm]{1,3})$/.exec(text);
  const [, type, major = "*", minor = "*", access = ""] = match ?? [];
  const number = (part: string) => (part === "*" ? -1 : Number(part));
  if (!match || number(major) > 2 ** 32 - 1 || number(minor) > 2 ** 32 - 1)
    throw invalid(
      `cannot use device rule "${text.slice(0, 150)}": wanted a, b or c, then <major>:<minor> or *, then letters of rwm`,
    );
  return { allow: true, type: type as DeviceRuleType, major: number(major), minor: number(minor), access };
}
