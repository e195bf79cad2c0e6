import { describe, expect, test } from "bun:test";
import { machines } from "./_abi.ts";
import { decode, faults, run, type Instruction } from "./_interpreter.ts";
import { evaluate, tableOf } from "./_oracle.ts";
import * as random from "./_random.ts";
import { compileSeccomp } from "./compile.ts";
import { knownOperators, type SeccompArg, type SeccompProfile } from "./profile.ts";

const x64 = 0xc000003e;
const i386 = 0x40000003;
const ALLOW = 0x7fff0000;
const EPERM = 0x00050001;
const ENOSYS = 0x00050026;
const KILL = 0;

function program(profile: SeccompProfile, arch: "x64" | "arm64" = "x64"): Instruction[] {
  return decode(compileSeccomp(profile, arch).filter);
}

function ask(filter: Instruction[], nr: number, args: bigint[] = [], arch = x64): number {
  return run(filter, { nr, arch, args }).action;
}

describe("compileSeccomp", () => {
  for (const processor of ["x64", "arm64"] as const) {
    test(`means on ${processor} what the profile says, for random profiles and calls`, () => {
      for (let seed = 1; seed <= 100; seed++) {
        const next = random.seeded(seed);
        const profile = random.profile(next, processor, {
          mixed: seed % 2 === 0,
          apart: false,
          entries: 1 + (seed % 20),
        });
        const compiled = compileWithoutConflict(profile, processor);
        if (compiled === undefined) continue;
        expect(faults(compiled)).toEqual([]);
        const named = new Set(profile.syscalls!.flatMap((entry) => entry.names));
        for (let sample = 0; sample < 60; sample++) {
          const call = random.call(next, processor, named);
          const { action } = run(compiled, call);
          const wanted = evaluate(profile, processor, call);
          if (action !== wanted) {
            throw new Error(
              `seed ${seed}: ${Bun.inspect(call)} gave ${action.toString(16)}, not ${wanted.toString(16)}`,
            );
          }
        }
      }
    });
  }

  test("compares all 64 bits without sign, for every operator and around every border", () => {
    const border = [0n, 1n, 0x7fffffffn, 0x80000000n, 0xffffffffn, 0x100000000n, 0x100000001n];
    const values = [...border, 0x1ffffffffn, 0x7fffffffffffffffn, 0x8000000000000000n, 0xffffffffffffffffn];
    const truth: Record<string, (a: bigint, b: bigint) => boolean> = {
      SCMP_CMP_NE: (a, b) => a !== b,
      SCMP_CMP_LT: (a, b) => a < b,
      SCMP_CMP_LE: (a, b) => a <= b,
      SCMP_CMP_EQ: (a, b) => a === b,
      SCMP_CMP_GE: (a, b) => a >= b,
      SCMP_CMP_GT: (a, b) => a > b,
      SCMP_CMP_MASKED_EQ: (a, b) => (a & b) === (0x80000001n & b),
    };
    for (const op of knownOperators) {
      for (const wanted of values) {
        const args: SeccompArg[] = [{ index: 5, op, value: wanted, valueTwo: 0x80000001n }];
        const filter = program({
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [{ names: ["futex"], action: "SCMP_ACT_ERRNO", args }],
        });
        for (const actual of values) {
          const expected = truth[op]!(actual, wanted) ? EPERM : ALLOW;
          expect([op, wanted, actual, ask(filter, 202, [0n, 0n, 0n, 0n, 0n, actual])]).toEqual([
            op,
            wanted,
            actual,
            expected,
          ]);
        }
      }
    }
  });

  test("kills calls of an ABI that the profile does not list, and lets a skipped call (-1) have the default", () => {
    const filter = program({ defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"] });
    expect(ask(filter, 0)).toBe(ALLOW);
    expect(ask(filter, 0x40000000)).toBe(KILL);
    expect(ask(filter, 3, [], i386)).toBe(KILL);
    expect(ask(filter, 0, [], 0xc00000b7)).toBe(KILL);
    expect(ask(filter, 0xffffffff)).toBe(ALLOW);
  });

  test("answers ENOSYS above the last call that the profile names, per ABI", () => {
    const filter = program({
      defaultAction: "SCMP_ACT_ERRNO",
      architectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"],
      syscalls: [{ names: ["read", "getpid"], action: "SCMP_ACT_ALLOW" }],
    });
    expect(ask(filter, 39)).toBe(ALLOW);
    expect(ask(filter, 38)).toBe(EPERM);
    expect(ask(filter, 40)).toBe(ENOSYS);
    expect(ask(filter, 20, [], i386)).toBe(ALLOW);
    expect(ask(filter, 21, [], i386)).toBe(ENOSYS);
    expect(ask(filter, 0x40000000 + 39)).toBe(ALLOW);
    expect(ask(filter, 0x40000000 + 40)).toBe(ENOSYS);
  });

  test("does not answer ENOSYS for a permissive default action", () => {
    for (const defaultAction of ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"] as const) {
      const filter = program({ defaultAction, syscalls: [{ names: ["read"], action: "SCMP_ACT_KILL" }] });
      expect(ask(filter, 5000)).not.toBe(ENOSYS);
    }
  });

  test("refuses socket(AF_ALG) on i386 through socketcall too", () => {
    const filter = program({
      defaultAction: "SCMP_ACT_ALLOW",
      architectures: ["SCMP_ARCH_X86"],
      syscalls: [
        { names: ["socket"], action: "SCMP_ACT_ERRNO", args: [{ index: 0, value: 38, op: "SCMP_CMP_EQ" }] },
      ],
    });
    expect(ask(filter, 359, [38n, 0n, 0n, 0n, 0n, 0n], i386)).toBe(EPERM);
    expect(ask(filter, 359, [2n, 0n, 0n, 0n, 0n, 0n], i386)).toBe(ALLOW);
    expect(ask(filter, 102, [1n, 0n, 0n, 0n, 0n, 0n], i386)).toBe(EPERM);
    expect(ask(filter, 102, [2n, 0n, 0n, 0n, 0n, 0n], i386)).toBe(ALLOW);
  });

  test("refuses shmat on i386 through ipc whatever version the caller puts into the upper half", () => {
    const filter = program({
      defaultAction: "SCMP_ACT_ALLOW",
      architectures: ["SCMP_ARCH_X86"],
      syscalls: [{ names: ["shmat"], action: "SCMP_ACT_ERRNO" }],
    });
    expect(ask(filter, 117, [21n, 0n], i386)).toBe(EPERM);
    expect(ask(filter, 117, [0x10015n, 0n], i386)).toBe(EPERM);
    expect(ask(filter, 117, [22n, 0n], i386)).toBe(ALLOW);
  });

  test("takes two conditions on one argument as alternatives, and on two arguments together", () => {
    const same = program({
      defaultAction: "SCMP_ACT_ERRNO",
      syscalls: [
        {
          names: ["personality"],
          action: "SCMP_ACT_ALLOW",
          args: [
            { index: 0, value: 0, op: "SCMP_CMP_EQ" },
            { index: 0, value: 8, op: "SCMP_CMP_EQ" },
          ],
        },
      ],
    });
    expect([0n, 8n, 9n].map((value) => ask(same, 135, [value]))).toEqual([ALLOW, ALLOW, EPERM]);
    const both = program({
      defaultAction: "SCMP_ACT_ERRNO",
      syscalls: [
        {
          names: ["socket"],
          action: "SCMP_ACT_ALLOW",
          args: [
            { index: 1, value: 1, op: "SCMP_CMP_EQ" },
            { index: 0, value: 2, op: "SCMP_CMP_EQ" },
          ],
        },
      ],
    });
    expect(ask(both, 41, [2n, 1n])).toBe(ALLOW);
    expect(ask(both, 41, [2n, 2n])).toBe(EPERM);
    expect(ask(both, 41, [1n, 1n])).toBe(EPERM);
  });

  test("lets the first rule without conditions settle a system call", () => {
    const conditional = { index: 0, value: 1, op: "SCMP_CMP_EQ" } as const;
    const filter = program({
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [
        { names: ["kill"], action: "SCMP_ACT_TRAP", args: [conditional] },
        { names: ["kill"], action: "SCMP_ACT_ERRNO" },
        { names: ["kill"], action: "SCMP_ACT_KILL", args: [conditional] },
        { names: ["kill"], action: "SCMP_ACT_LOG" },
      ],
    });
    expect(ask(filter, 62, [1n])).toBe(EPERM);
  });

  test("tries the narrower of two overlapping ranges first, in whatever order the profile has them", () => {
    const ranges = [
      { op: "SCMP_CMP_LT", value: 5, errnoRet: 2 },
      { op: "SCMP_CMP_LE", value: 50, errnoRet: 3 },
      { op: "SCMP_CMP_GE", value: 100, errnoRet: 4 },
      { op: "SCMP_CMP_GT", value: 200, errnoRet: 5 },
      { op: "SCMP_CMP_EQ", value: 300, errnoRet: 6 },
    ] as const;
    for (const list of [ranges, ranges.toReversed()]) {
      const syscalls = list.map(({ op, value, errnoRet }) => ({
        names: ["kill"],
        action: "SCMP_ACT_ERRNO" as const,
        errnoRet,
        args: [{ index: 0, op, value }],
      }));
      const filter = program({ defaultAction: "SCMP_ACT_ALLOW", syscalls });
      const errnos = [4n, 5n, 50n, 60n, 100n, 200n, 201n, 300n].map((value) => ask(filter, 62, [value]));
      const wanted = [2, 3, 3, undefined, 4, 4, 5, 6];
      expect(errnos).toEqual(wanted.map((errno) => (errno === undefined ? ALLOW : 0x00050000 + errno)));
    }
  });

  test("lets the first of two values win that are equal in the 32 bits of an i386 argument", () => {
    const entry = (value: number, errnoRet: number) => ({
      names: ["kill"],
      action: "SCMP_ACT_ERRNO" as const,
      errnoRet,
      args: [{ index: 0, op: "SCMP_CMP_EQ" as const, value }],
    });
    const filter = program({
      defaultAction: "SCMP_ACT_ALLOW",
      architectures: ["SCMP_ARCH_X86"],
      syscalls: [entry(1, 2), entry(2 ** 32 + 1, 3)],
    });
    expect(ask(filter, 62, [1n])).toBe(0x00050002);
    expect(ask(filter, 62, [0x100000001n])).toBe(0x00050003);
    expect(ask(filter, 37, [1n], i386)).toBe(0x00050003);
  });

  test("has no last call to answer ENOSYS above when the profile names number 0 alone, as runc", () => {
    const filter = program({
      defaultAction: "SCMP_ACT_ERRNO",
      syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }],
    });
    expect(ask(filter, 0)).toBe(ALLOW);
    expect(ask(filter, 5000)).toBe(EPERM);
  });

  test("keeps jumps in reach in a filter of thousands of instructions", () => {
    const names = [...tableOf(machines.x64[0].abis[0]).keys()];
    const filter = program({
      defaultAction: "SCMP_ACT_ERRNO",
      syscalls: names.map((name, index) => ({
        names: [name],
        action: "SCMP_ACT_ALLOW",
        args: [
          { index: 0, value: 0x100000000 + index, op: "SCMP_CMP_GT" },
          { index: 1, value: index, op: "SCMP_CMP_EQ" },
        ],
      })),
    });
    expect(filter.length).toBeGreaterThan(2000);
    expect(faults(filter)).toEqual([]);
    expect(ask(filter, 202, [0x200000000n, 202n])).toBe(ALLOW);
    expect(ask(filter, 202, [0x200000000n, 203n])).toBe(EPERM);
  });

  test("refuses a profile whose filter is longer than the kernel takes", () => {
    const names = [...tableOf(machines.x64[0].abis[0]).keys()];
    const args = [0, 1, 2, 3].map((index) => ({ index, value: 2 ** 40, op: "SCMP_CMP_GT" }) as const);
    const syscalls = names.map((name) => ({ names: [name], action: "SCMP_ACT_ALLOW" as const, args }));
    syscalls.forEach(
      (entry, index) => (entry.args = entry.args.map((arg) => ({ ...arg, value: arg.value + index }))),
    );
    expect(() => compileSeccomp({ defaultAction: "SCMP_ACT_ERRNO", syscalls }, "x64")).toThrow(
      "cannot compile linux.seccomp: the filter is longer than the kernel's 4096 instructions",
    );
  });

  test("reaches an allowed call of a long allow list in few steps", () => {
    const names = [...tableOf(machines.x64[0].abis[0]).keys()].filter((_, index) => index % 5 !== 0);
    const filter = program({
      defaultAction: "SCMP_ACT_ERRNO",
      syscalls: [{ names, action: "SCMP_ACT_ALLOW" }],
    });
    const steps = names.map((_, nr) => run(filter, { nr, arch: x64, args: [] }).steps);
    expect(Math.max(...steps)).toBeLessThanOrEqual(13);
  });
});

/** Random profiles now and then give the same conditions two actions, which is refused. */
function compileWithoutConflict(
  profile: SeccompProfile,
  processor: "x64" | "arm64",
): Instruction[] | undefined {
  try {
    return program(profile, processor);
  } catch (error) {
    if (String(error).includes("different actions")) return undefined;
    throw error;
  }
}
