/**
 * Resources as properties of a systemd unit: what systemd.resource-control(5) knows of them. The rest, and everything again, is written
 * to the files behind it; systemd has to know so as not to set it back. As runc's systemd managers. Pure.
 */
import { invalid } from "../../../../base/errors.ts";
import type { Int, OciCpu, OciDevice, OciResources } from "../../../../spec/oci/config.ts";
import { parseNumberList } from "../../../../spec/oci/number-list.ts";
import { accessText, type DeviceException, deviceSet } from "../devices.ts";
import { sharesToWeight, swapOnly } from "../limits_v2.ts";
import type { SystemdUnit } from "./unit.ts";
import { annotatedProperties, type Property } from "./variant.ts";

const infinity = 2n ** 64n - 1n;

export interface UnitOptions {
  readonly unit: SystemdUnit;
  readonly version: 1 | 2;
  /** A process that moves into the unit at once: a scope cannot be without one. */
  readonly pid: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What a container's unit is made with, before its resources. */
export function unitProperties({ unit, version, pid, annotations }: UnitOptions): Property[] {
  const flag = (name: string, value: boolean): Property => ({ name, signature: "b", value });
  const place: Property[] = unit.unit.endsWith(".slice")
    ? [{ name: "Wants", signature: "as", value: [unit.slice] }]
    : [{ name: "Slice", signature: "s", value: unit.slice }, flag("Delegate", true)];
  return [
    { name: "Description", signature: "s", value: `sampan container ${unit.name}` },
    ...place,
    { name: "PIDs", signature: "au", value: [pid] },
    flag("MemoryAccounting", true),
    flag("CPUAccounting", true),
    flag(version === 2 ? "IOAccounting" : "BlockIOAccounting", true),
    flag("TasksAccounting", true),
    flag("DefaultDependencies", false),
    ...annotatedProperties(annotations ?? {}),
  ];
}

export interface ResourceOptions {
  readonly resources: OciResources;
  readonly version: 1 | 2;
  /** The number of `systemd --version`. */
  readonly systemd: number;
  /** linux.devices; undefined: device rules are left as they are (update, and an ordinary user's container). */
  readonly devices?: readonly Pick<OciDevice, "path">[] | undefined;
}

/** Errors: `invalid_argument` naming the field. */
export function resourceProperties({ resources, version, systemd, devices }: ResourceOptions): Property[] {
  const rules = devices === undefined ? [] : deviceProperties(resources, devices, systemd);
  const limits = version === 2 ? v2Properties(resources, systemd) : v1Properties(resources);
  const cpu = resources.cpu ?? {};
  return [
    ...rules,
    ...limits,
    ...quotaProperties(cpu, systemd),
    ...tasks(resources.pids?.limit),
    ...cpusets(cpu, systemd),
    ...(version === 2 ? unifiedProperties(resources.unified ?? {}, systemd) : []),
  ];
}

function number(name: string, value: Int | undefined): Property[] {
  if (value === undefined || Number(value) === 0) return [];
  return [{ name, signature: "t", value: BigInt.asUintN(64, BigInt(value)) }];
}

function v1Properties({ memory, cpu, blockIO }: OciResources): Property[] {
  return [
    ...number("MemoryLimit", memory?.limit),
    ...number("CPUShares", cpu?.shares),
    ...number("BlockIOWeight", blockIO?.weight),
  ];
}

function v2Properties({ memory, cpu }: OciResources, systemd: number): Property[] {
  const swap = swapOnly(memory?.swap ?? 0, memory?.limit ?? 0);
  // Weight 0 is systemd's way to say idle, since version 252.
  const idle = cpu?.idle === 1 && systemd >= 252;
  const weight = cpu?.shares ? sharesToWeight(cpu.shares) : undefined;
  return [
    ...number("MemoryMax", memory?.limit),
    ...number("MemoryLow", memory?.reservation),
    ...(swap === undefined ? [] : number("MemorySwapMax", swap === "max" ? infinity : BigInt(swap))),
    ...(idle ? [{ name: "CPUWeight", signature: "t", value: 0n }] : number("CPUWeight", weight)),
  ];
}

/** systemd has quota as time in each second, in whole percents: it is rounded up, so that the file may hold what was asked for. */
function quotaProperties(
  { quota = 0, period = 0 }: Pick<OciCpu, "quota" | "period">,
  systemd: number,
): Property[] {
  const properties = systemd >= 242 ? number("CPUQuotaPeriodUSec", period) : [];
  if (quota === 0 && period === 0) return properties;
  const perSecond =
    quota > 0 ? (BigInt(quota) * 1_000_000n) / BigInt(period === 0 ? 100_000 : period) : infinity;
  const percent = 10_000n;
  const value = quota > 0 ? ((perSecond + percent - 1n) / percent) * percent : perSecond;
  return [...properties, { name: "CPUQuotaPerSecUSec", signature: "t", value }];
}

function tasks(limit: number | undefined): Property[] {
  return limit !== undefined && (limit > 0 || limit === -1) ? number("TasksMax", limit) : [];
}

function cpusets({ cpus, mems }: OciCpu, systemd: number): Property[] {
  if (systemd < 244) return [];
  return [
    ...(cpus
      ? [{ name: "AllowedCPUs", signature: "ay", value: bits(cpus, "linux.resources.cpu.cpus") }]
      : []),
    ...(mems
      ? [{ name: "AllowedMemoryNodes", signature: "ay", value: bits(mems, "linux.resources.cpu.mems") }]
      : []),
  ];
}

/** A set as bytes, the lowest number in the lowest bit of the first. */
function bits(list: string, field: string): Uint8Array {
  const numbers = parseNumberList(list) ?? [];
  const highest = numbers.at(-1);
  if (highest === undefined) throw invalid(`cannot use ${field} "${list}": a list like 0-3,7 was wanted`);
  const bytes = new Uint8Array((highest >> 3) + 1);
  for (const member of numbers) bytes[member >> 3] = (bytes[member >> 3] ?? 0) | (1 << (member & 7));
  return bytes;
}

const unifiedNumbers: Readonly<Record<string, string>> = {
  "cpu.weight": "CPUWeight",
  "memory.high": "MemoryHigh",
  "memory.low": "MemoryLow",
  "memory.max": "MemoryMax",
  "memory.min": "MemoryMin",
  "memory.swap.max": "MemorySwapMax",
  "pids.max": "TasksMax",
};

/** Those files of `unified` that systemd has a property for. */
function unifiedProperties(unified: Readonly<Record<string, string>>, systemd: number): Property[] {
  const idle = unified["cpu.idle"]?.trim() === "1" && systemd >= 252;
  const properties: Property[] = idle ? [{ name: "CPUWeight", signature: "t", value: 0n }] : [];
  for (const [file, content] of Object.entries(unified)) {
    const text = content.trim();
    const field = `linux.resources.unified["${file}"]`;
    const name = unifiedNumbers[file];
    if (name !== undefined && !(idle && file === "cpu.weight")) {
      properties.push({ name, signature: "t", value: limitIn(text, field) });
    } else if (file === "cpu.max") {
      const [quota = "max", period = "100000"] = text.split(/\s+/);
      const time = {
        quota: quota === "max" ? -1 : Number(limitIn(quota, field)),
        period: Number(limitIn(period, field)),
      };
      properties.push(...quotaProperties(time, systemd));
    } else if (file === "cpuset.cpus") properties.push(...cpusets({ cpus: text }, systemd));
    else if (file === "cpuset.mems") properties.push(...cpusets({ mems: text }, systemd));
  }
  return properties;
}

function limitIn(text: string, field: string): bigint {
  if (text === "max") return infinity;
  if (/^\d+$/.test(text)) return BigInt(text);
  throw invalid(`cannot use ${field} "${text}": a number or max was wanted`);
}

/** An empty DeviceAllow first, which takes away what the unit has. */
function deviceProperties(
  { devices: rules }: OciResources,
  devices: readonly Pick<OciDevice, "path">[],
  systemd: number,
): Property[] {
  const set = deviceSet(rules ?? [], devices);
  const allow = (value: readonly (readonly [string, string])[]): Property => ({
    name: "DeviceAllow",
    signature: "a(ss)",
    value,
  });
  const policy = (value: string): Property => ({ name: "DevicePolicy", signature: "s", value });
  if (set.allowByDefault && set.exceptions.length === 0) return [allow([]), policy("auto")];
  // systemd has no way to deny single devices: it denies all, and the rules that are set behind it decide.
  if (set.allowByDefault) return [allow([]), policy("strict")];
  const entries = set.exceptions
    .map((exception) => deviceEntry(exception, systemd))
    .filter((entry) => entry !== undefined);
  return [allow([]), policy("strict"), allow(entries)];
}

/** `["/dev/char/1:3", "rwm"]`. Undefined for what systemd cannot say: every major with one minor, and before 240 one major's devices. */
function deviceEntry(
  { type, major, minor, access }: DeviceException,
  systemd: number,
): [string, string] | undefined {
  const kind = type === "c" ? "char" : "block";
  if (major === undefined) return minor === undefined ? [`${kind}-*`, accessText(access)] : undefined;
  if (minor !== undefined) return [`/dev/${kind}/${major}:${minor}`, accessText(access)];
  return systemd >= 240 ? [`${kind}-${major}`, accessText(access)] : undefined;
}
