import { describe, expect, test } from "bun:test";
import { SampanError } from "../../../base/errors.ts";
import { compileSeccomp } from "./compile.ts";
import type { SeccompProfile } from "./profile.ts";

const LOG = 2;
const SPEC_ALLOW = 4;
const NEW_LISTENER = 8;
const WAIT_KILLABLE_RECV = 32;

/** Profiles come from JSON: what the types forbid can still be in them. */
function compile(profile: unknown) {
  return compileSeccomp(profile as SeccompProfile, "x64");
}

function rule(changes: object): unknown {
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW", ...changes }],
  };
}

function argument(changes: object): unknown {
  return rule({ args: [{ index: 0, value: 0, op: "SCMP_CMP_EQ", ...changes }] });
}

const notify = { names: ["mkdir"], action: "SCMP_ACT_NOTIFY" };

describe("a profile is refused", () => {
  const refusals: [string, unknown, string][] = [
    [
      "with an unknown default action",
      { defaultAction: "ALLOW" },
      'defaultAction "ALLOW": known are SCMP_ACT_',
    ],
    [
      "with a default action from Object",
      { defaultAction: "toString" },
      'defaultAction "toString": known are',
    ],
    ["without a default action", {}, 'defaultAction "undefined": known are'],
    [
      "that notifies by default",
      { defaultAction: "SCMP_ACT_NOTIFY", listenerPath: "/s" },
      'defaultAction "SCMP_ACT_NOTIFY": it cannot be the default action',
    ],
    [
      "that notifies for write",
      {
        defaultAction: "SCMP_ACT_ALLOW",
        listenerPath: "/s",
        syscalls: [{ ...notify, names: ["mkdir", "write"] }],
      },
      "SCMP_ACT_NOTIFY cannot be used for the write syscall",
    ],
    [
      "that notifies nobody",
      { defaultAction: "SCMP_ACT_ALLOW", syscalls: [notify] },
      'listenerPath "": SCMP_ACT_NOTIFY needs the path of a socket',
    ],
    [
      "with metadata for no listener",
      { defaultAction: "SCMP_ACT_ALLOW", listenerMetadata: "x" },
      'listenerMetadata "x": it needs listenerPath',
    ],
    [
      "with an unknown architecture",
      { defaultAction: "SCMP_ACT_ALLOW", architectures: ["amd64"] },
      "known are",
    ],
    [
      "with a big-endian architecture",
      { defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_S390X"] },
      'architectures "SCMP_ARCH_S390X": it is big-endian',
    ],
    ["with an unknown flag", { defaultAction: "SCMP_ACT_ALLOW", flags: ["LOG"] }, 'flags "LOG": known are'],
    [
      "with an errno for a default action that carries none",
      { defaultAction: "SCMP_ACT_ALLOW", defaultErrnoRet: 1 },
      'defaultErrnoRet "1": SCMP_ACT_ALLOW carries no errno',
    ],
    ["with an errno for an action that carries none", rule({ errnoRet: 1 }), 'syscalls[0].errnoRet "1"'],
    ["with a negative errno", rule({ action: "SCMP_ACT_ERRNO", errnoRet: -1 }), 'syscalls[0].errnoRet "-1"'],
    ["with an unknown action", rule({ action: "DENY" }), 'syscalls[0].action "DENY": known are'],
    ["with an entry without names", rule({ names: [] }), "syscalls[0].names"],
    ["with an empty name", rule({ names: ["read", ""] }), 'syscalls[0].names "": a name was wanted'],
    ["with a seventh argument", argument({ index: 6 }), 'syscalls[0].args[0].index "6"'],
    ["with an unknown operator", argument({ op: "==" }), 'syscalls[0].args[0].op "=="'],
    ["with a negative value", argument({ value: -1 }), 'syscalls[0].args[0].value "-1"'],
    ["with a value beyond 64 bits", argument({ value: 1n << 64n }), "an unsigned 64-bit number was wanted"],
    [
      "with a number that is not exact",
      argument({ value: 2 ** 60 }),
      "above 2^53 - 1 only a bigint is exact",
    ],
    [
      "with two actions for the same conditions",
      {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [
          { names: ["kill"], action: "SCMP_ACT_ERRNO", args: [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }] },
          { names: ["kill"], action: "SCMP_ACT_KILL", args: [{ index: 0, value: 1, op: "SCMP_CMP_EQ" }] },
        ],
      },
      'syscalls "kill": two rules with the same conditions have different actions',
    ],
  ];
  for (const [name, profile, text] of refusals) {
    test(name, () => {
      const refused = expect(() => compile(profile));
      refused.toThrow(SampanError);
      refused.toThrow(text);
      refused.toThrow("cannot use linux.seccomp.");
    });
  }
});

describe("a profile is accepted", () => {
  test("with names that no kernel knows, and architectures that this machine cannot run", () => {
    const profile = {
      defaultAction: "SCMP_ACT_ALLOW",
      architectures: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_RISCV64"],
      syscalls: [{ names: ["no_such_call"], action: "SCMP_ACT_KILL" }],
    };
    const plain = { defaultAction: "SCMP_ACT_ALLOW" };
    expect(compile(profile)).toEqual(compile(plain));
  });

  test("with a listener that no rule uses, and then asks for none", () => {
    const profile = {
      defaultAction: "SCMP_ACT_ALLOW",
      listenerPath: "/run/agent.sock",
      listenerMetadata: "x",
    };
    expect(compile(profile)).toMatchObject({ flags: 0, usesNotify: false });
  });

  test("with rules that only repeat the default action, and leaves them out", () => {
    const repeated = {
      defaultAction: "SCMP_ACT_LOG",
      syscalls: [{ names: ["read"], action: "SCMP_ACT_LOG" }],
    };
    expect(compile(repeated)).toEqual(compile({ defaultAction: "SCMP_ACT_LOG" }));
  });
});

describe("flags", () => {
  test("become the kernel's bits, but for TSYNC, which one thread does not need", () => {
    const flags = ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_TSYNC"];
    expect(compile({ defaultAction: "SCMP_ACT_ALLOW", flags }).flags).toBe(LOG | SPEC_ALLOW);
  });

  test("ask for a listener when a rule notifies, and for killable waits only then", () => {
    const flags = ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"];
    const quiet = { defaultAction: "SCMP_ACT_ALLOW", flags };
    expect(compile(quiet).flags).toBe(0);
    const notifying = { ...quiet, listenerPath: "/run/agent.sock", syscalls: [notify] };
    expect(compile(notifying)).toMatchObject({ flags: NEW_LISTENER | WAIT_KILLABLE_RECV, usesNotify: true });
  });
});
