import { expect, test } from "bun:test";
import { security, securityWords } from "./security.ts";
import { isAtLeast } from "../../../kernel/release.ts";
import { parseProfile } from "./seccomp-profile.ts";

const facts = { appArmor: false, kernel: "6.1.0-13-amd64" };
const of = (...SecurityOpt: string[]) => security({ SecurityOpt }, [], facts);

test("words are name=value, or name:value as they once were", () => {
  expect([...securityWords(["no-new-privileges", "label:disable", "seccomp=unconfined"])]).toEqual([
    ["no-new-privileges", "true"],
    ["label", "disable"],
    ["seccomp", "unconfined"],
  ]);
  expect(of("no-new-privileges:true").noNewPrivileges).toBe(true);
  expect(of("no-new-privileges=false").noNewPrivileges).toBe(false);
});

test.each(["", "seccomp", "selinux=x", "no-new-privileges=maybe", "apparmor", "=", "seccomp{}"])(
  "option %j is refused",
  (option) => {
    expect(() => of(option)).toThrow("cannot use security option");
  },
);

test("the filter is ours, none, or the caller's", () => {
  expect(of().seccomp?.defaultAction).toBe("SCMP_ACT_ERRNO");
  expect(of("seccomp=unconfined").seccomp).toBeUndefined();
  expect(security({ Privileged: true }, [], facts).seccomp).toBeUndefined();
  const builtin = { Privileged: true, SecurityOpt: ["seccomp=builtin"] };
  expect(security(builtin, [], facts).seccomp).toEqual(of().seccomp as never);
  expect(of('seccomp={"defaultAction":"SCMP_ACT_ALLOW"}').seccomp).toMatchObject({
    defaultAction: "SCMP_ACT_ALLOW",
  });
});

test("an AppArmor profile is refused where there is no AppArmor", () => {
  expect(() => of("apparmor=docker-default")).toThrow("this kernel has AppArmor off");
  expect(of("apparmor=unconfined").appArmor).toBeUndefined();
  expect(security({ SecurityOpt: ["apparmor=mine"] }, [], { ...facts, appArmor: true }).appArmor).toBe(
    "mine",
  );
});

test("hidden paths are ours, the caller's, or none", () => {
  expect(of().maskedPaths).toContain("/sys/devices/virtual/powercap");
  expect(security({ MaskedPaths: [], ReadonlyPaths: ["/x"] }, [], facts)).toMatchObject({
    maskedPaths: [],
    readonlyPaths: ["/x"],
  });
  expect(of("systempaths=unconfined")).toMatchObject({ maskedPaths: [], readonlyPaths: [] });
  expect(() => security({ MaskedPaths: ["/a/../b"] }, [], facts)).toThrow("cannot use MaskedPaths");
});

const rule = (more: object) => ({ names: ["read"], action: "SCMP_ACT_ALLOW", ...more });
const profile = (...syscalls: object[]) => JSON.stringify({ defaultAction: "SCMP_ACT_ERRNO", syscalls });
const known = { capabilities: ["CAP_SYS_ADMIN"], kernel: "5.10.1", architecture: "x64" } as const;

test.each<[object, boolean]>([
  [{}, true],
  [{ includes: { caps: ["CAP_SYS_ADMIN"] } }, true],
  [{ includes: { caps: ["CAP_SYS_ADMIN", "CAP_BPF"] } }, false],
  [{ includes: { arches: ["amd64"] } }, true],
  [{ includes: { arches: ["arm64"] } }, false],
  [{ includes: { minKernel: "5.10" } }, true],
  [{ includes: { minKernel: "5.11" } }, false],
  [{ excludes: { caps: ["CAP_BPF", "CAP_SYS_ADMIN"] } }, false],
  [{ excludes: { caps: ["CAP_BPF"] } }, true],
  [{ excludes: { arches: ["amd64"] } }, false],
  [{ excludes: { minKernel: "4.8" } }, false],
])("a rule with %j is taken: %p", (condition, taken) => {
  const { syscalls } = parseProfile(profile(rule(condition)), known);
  expect(syscalls ?? []).toEqual(taken ? [{ names: ["read"], action: "SCMP_ACT_ALLOW" }] : []);
});

test("old profiles name one call a rule, and architectures by a map", () => {
  const text = JSON.stringify({
    defaultAction: "SCMP_ACT_ERRNO",
    archMap: [
      { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86"] },
      { architecture: "SCMP_ARCH_AARCH64", subArchitectures: null },
    ],
    syscalls: [{ name: "read", action: "SCMP_ACT_ALLOW", args: null, comment: "x" }],
  });
  expect(parseProfile(text, known)).toEqual({
    defaultAction: "SCMP_ACT_ERRNO",
    architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
    syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }],
  });
});

test.each([
  "/etc/profile.json",
  "[]",
  "null",
  "{}",
  '{"defaultAction":"ALLOW"}',
  '{"defaultAction":"SCMP_ACT_ERRNO","syscalls":5}',
  '{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":"read"}]}',
  '{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"NO"}]}',
  '{"defaultAction":"SCMP_ACT_ERRNO","architectures":["SCMP_ARCH_X86"],"archMap":[{"architecture":"SCMP_ARCH_X86"}]}',
])("profile %s is refused", (text) => {
  expect(() => parseProfile(text, known)).toThrow(/cannot use/);
});

test("kernels are compared by number", () => {
  expect(isAtLeast("5.10.0", "5.9")).toBe(true);
  expect(isAtLeast("5.9", "5.10")).toBe(false);
  expect(isAtLeast("6.0-rc1", "5.12")).toBe(true);
});
