/** Random profiles and system calls, the same ones for the same seed, for tests. */
import { machines } from "./_abi.ts";
import type { SeccompData } from "./_interpreter.ts";
import { tableOf } from "./_oracle.ts";
import { knownOperators, type SeccompAction, type SeccompArg, type SeccompProfile } from "./profile.ts";

export type Random = () => number;

/** mulberry32: numbers from 0 up to 1. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x100000000;
  };
}

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)]!;
}

const words = [0n, 1n, 2n, 8n, 0x7fffffffn, 0x80000000n, 0xfffffffen, 0xffffffffn] as const;

/** A few values, so that profiles and calls meet, with the words' borders among them. */
export function value(random: Random): bigint {
  return (pick(random, [0n, 0n, 0n, 1n, 0x80000000n, 0xffffffffn]) << 32n) | pick(random, words);
}

const defaults: readonly SeccompAction[] = [
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_LOG",
  "SCMP_ACT_KILL_PROCESS",
  "SCMP_ACT_TRACE",
];
const actions: readonly SeccompAction[] = [
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_ALLOW",
  "SCMP_ACT_ERRNO",
  "SCMP_ACT_TRAP",
  "SCMP_ACT_LOG",
  "SCMP_ACT_KILL",
];

export interface Shape {
  /** Several actions for one system call, in overlapping conditions too; else the first one is used throughout. */
  mixed: boolean;
  /** No two conditions on one argument of one system call, which libseccomp 2.5 does not always get right. */
  apart: boolean;
  entries: number;
}

/** A valid profile for one processor that names all kinds of system calls. */
export function profile(random: Random, processor: "x64" | "arm64", shape: Shape): SeccompProfile {
  const abis = machines[processor].flatMap((machine) => [...machine.abis]);
  const names = abis.flatMap((abi) => [...tableOf(abi).keys()]);
  names.push("no_such_call");
  const popular = Array.from({ length: 8 }, () => pick(random, names)).concat(
    "socket",
    "clone",
    "semop",
    "socketcall",
  );
  const action = pick(random, actions);
  const taken = new Set<string>();
  return {
    defaultAction: pick(random, defaults),
    architectures: abis.filter(() => random() < 0.6).map((abi) => abi.architecture),
    syscalls: Array.from({ length: shape.entries }, () => {
      const used = shape.mixed ? pick(random, actions) : action;
      const args = random() < 0.7 ? conditions(random, shape.apart) : undefined;
      const length = shape.apart && args !== undefined ? 1 : 1 + Math.floor(random() ** 3 * 120);
      const listed = Array.from({ length }, () => pick(random, random() < 0.6 ? popular : names));
      const free = shape.apart ? listed.filter((name) => !taken.has(name)) : listed;
      for (const name of free) taken.add(name);
      return {
        names: [...new Set(free)],
        action: used,
        ...(used === "SCMP_ACT_ERRNO" ? { errnoRet: shape.mixed ? Math.floor(random() * 40) : 5 } : {}),
        ...(args !== undefined ? { args } : {}),
      };
    }).filter((entry) => entry.names.length > 0),
  };
}

function conditions(random: Random, apart: boolean): SeccompArg[] {
  const args = Array.from({ length: 1 + Math.floor(random() ** 2 * 3) }, () => ({
    index: Math.floor(random() ** 2 * 6),
    op: pick(random, knownOperators),
    value: value(random),
    valueTwo: value(random),
  }));
  return apart
    ? args.filter((arg, place) => args.findIndex(({ index }) => index === arg.index) === place)
    : args;
}

/** A system call that the profile is likely to have an opinion on. */
export function call(random: Random, processor: "x64" | "arm64", named: ReadonlySet<string>): SeccompData {
  const machine = pick(random, machines[processor]);
  const abi = pick(random, machine.abis);
  const table = [...tableOf(abi)];
  const known = table.filter(([name]) => named.has(name) || name === "ipc" || name === "socketcall");
  const near = random() < 0.8 && known.length > 0 ? pick(random, known)[1] : pick(random, table)[1];
  const far = [abi.base, 500, 2000, 0x3fffffff, 0x40000000, 0x7fffffff, 0xffffffff, near + 1, near + 1];
  const args = Array.from({ length: 6 }, () => value(random));
  if (random() < 0.3) args[0] = BigInt(Math.floor(random() * 25));
  return {
    nr: random() < 0.8 ? near : pick(random, far),
    arch: random() < 0.95 ? machine.audit : pick(random, [0, 0xc000003e, 0xc00000b7, 0x40000003]),
    args,
  };
}
