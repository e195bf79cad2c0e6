/** Reads the kinds of files that control groups have. A file that is not there gives what its absence means to the statistics. */
import { readdirSync } from "node:fs";
import { hostFiles } from "./host.ts";
import type { BlkioEntry, MemoryEntry, Pressure, PressureLine } from "./stats.ts";

const maximum = 2n ** 64n - 1n;

/** One number; "max" is 2^64-1, and a negative one 0. Undefined without the file, or without a number in it. */
export function numberIn(dir: string | undefined, file: string): bigint | undefined {
  const text = dir === undefined ? undefined : hostFiles.read(`${dir}/${file}`)?.trim();
  if (text === "max") return maximum;
  if (text === undefined || !/^-?\d+$/.test(text)) return undefined;
  const number = BigInt(text);
  return number < 0n ? 0n : number;
}

/** Lines like `name 5`. */
export function keyed(dir: string | undefined, file: string): Record<string, bigint> {
  const text = dir === undefined ? "" : (hostFiles.read(`${dir}/${file}`) ?? "");
  const values: Record<string, bigint> = {};
  for (const line of text.split("\n").sort()) {
    const [, key, value] = /^(\S+) (\d+)$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) values[key] = BigInt(value);
  }
  return values;
}

/** What Go's omitempty leaves out. */
export function unlessZero(value: bigint | undefined): bigint | undefined {
  return value === 0n ? undefined : value;
}

export function unlessEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

export function memoryEntry(values: {
  limit?: bigint | undefined;
  usage?: bigint | undefined;
  max?: bigint | undefined;
  failcnt?: bigint | undefined;
}): MemoryEntry {
  const { limit = 0n, usage, max, failcnt = 0n } = values;
  return { limit, usage: unlessZero(usage), max: unlessZero(max), failcnt };
}

export function blkioEntry(device: string, op: string | undefined, value: bigint): BlkioEntry {
  const [major = "0", minor = "0"] = device.split(":");
  return {
    major: unlessZero(BigInt(major)),
    minor: unlessZero(BigInt(minor)),
    op: op === "" ? undefined : op,
    value: unlessZero(value),
  };
}

/** The sizes of huge pages that the cgroup counts, from its files: `hugetlb.2MB.current`. */
export function hugePageSizes(dir: string, suffix: string): string[] {
  let names: string[] = [];
  try {
    names = readdirSync(dir);
  } catch {
    return [];
  }
  const sizes = names.map((name) => /^hugetlb\.(\d+[KMG]B)\.(\w+)$/.exec(name));
  return sizes
    .filter((match) => match?.[2] === suffix)
    .map((match) => match?.[1] ?? "")
    .sort();
}

/** Undefined where the kernel keeps none. */
export function pressure(dir: string, file: string): Pressure | undefined {
  const text = hostFiles.read(`${dir}/${file}`);
  if (text === undefined) return undefined;
  return { some: pressureLine(text, "some"), full: pressureLine(text, "full") };
}

function pressureLine(text: string, name: string): PressureLine {
  const line = new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1] ?? "";
  const field = (key: string): string => new RegExp(`\\b${key}=([\\d.]+)`).exec(line)?.[1] ?? "0";
  return {
    avg10: Number(field("avg10")),
    avg60: Number(field("avg60")),
    avg300: Number(field("avg300")),
    total: BigInt(field("total")),
  };
}
