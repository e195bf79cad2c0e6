/**
 * CVE-2022-0185 (fsconfig), CVE-2022-0492 (release_agent: unshare and mount), CVE-2024-1086 (a user namespace for nftables), CVE-2026-31431 (AF_ALG),
 * CVE-2026-43284 and 43500: faults of the kernel that a container reaches by calls which it has no need of. Which ones are let through is the engine's
 * default profile; the runtime's part is that the profile it is given holds, also through the 32-bit and x32 doors. The profile of these tests is
 * the engines' common one, without AF_ALG. socketcall(2), whose arguments lie in memory where no filter can read them, must then be refused by name: a
 * condition on the first argument of socket(2) cannot hold for it (libseccomp's reading, and ours: src/runtime/native/seccomp/README.md).
 *
 * The container has all capabilities of the machine, so that EPERM can only be the filter's; the second test shows that without the filter none of them is refused.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import type { OciSeccomp } from "../../src/spec/oci/config.ts";
import { capabilities } from "../../src/kernel/linux.ts";
import { needing } from "../needs.ts";
import { Bundle, needs } from "./_bundle.ts";

const fixture = join(import.meta.dir, "../fixtures/seccomp-default.json");
const { test } = needing({ ...needs, files: [...needs.files, fixture] });

const AF_ALG = 38;
const AF_VSOCK = 40;

/** The common profile with sockets of all families but two, and none by socketcall: the answer ENOSYS lets 32-bit programs fall back to socket. */
function profile(): OciSeccomp {
  const common = JSON.parse(readFileSync(fixture, "utf8")) as OciSeccomp;
  const others = (common.syscalls ?? []).map((rule) => ({
    ...rule,
    names: rule.names.filter((name) => name !== "socket" && name !== "socketcall"),
  }));
  const family = (op: "SCMP_CMP_LT" | "SCMP_CMP_EQ" | "SCMP_CMP_GT", value: number) => ({
    names: ["socket"],
    action: "SCMP_ACT_ALLOW" as const,
    args: [{ index: 0, value, op }],
  });
  const sockets = [
    family("SCMP_CMP_LT", AF_ALG),
    family("SCMP_CMP_EQ", AF_ALG + 1),
    family("SCMP_CMP_GT", AF_VSOCK),
  ];
  const carried = { names: ["socketcall"], action: "SCMP_ACT_ERRNO" as const, errnoRet: 38 };
  return { ...common, syscalls: [...others.filter(({ names }) => names.length > 0), ...sockets, carried] };
}

async function surface(
  seccomp: OciSeccomp | undefined,
  noNewPrivileges: boolean,
): Promise<Map<string, string>> {
  using bundle = new Bundle();
  const own = BigInt(`0x${/^CapEff:\t(.*)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]}`);
  const all = capabilities.filter((_, i) => (own >> BigInt(i)) & 1n).map((name) => `CAP_${name}`);
  const sets = { bounding: all, effective: all, permitted: all };
  const process = { ...bundle.config.process, capabilities: sets, noNewPrivileges };
  const linux = { ...bundle.config.linux, ...(seccomp && { seccomp }) };
  const { stdout, stderr } = await bundle.run(["probe", "surface"], { process, linux });
  expect(stderr).toBe("");
  return new Map(
    stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split("\t") as [string, string]),
  );
}

/** What stays open, to show that the filter is not simply shut. */
const harmless = ["getpid", "socket AF_UNIX"];

test.each([true, false])(
  "no such call gets through the filter (no new privileges: %p)",
  async (noNewPrivileges) => {
    const found = await surface(profile(), noNewPrivileges);
    expect(found.size).toBeGreaterThan(25);
    for (const [name, result] of found) {
      if (harmless.includes(name)) expect({ name, result }).toEqual({ name, result: "allowed" });
      else expect({ name, refused: ["EPERM", "ENOSYS"].includes(result) }).toEqual({ name, refused: true });
    }
  },
);

test("without the filter the kernel lets them through or finds fault with their arguments", async () => {
  const found = await surface(undefined, false);
  const named = [
    "socket AF_ALG",
    "unshare",
    "clone user",
    "mount",
    "fsopen",
    "bpf",
    "keyctl",
    "setns",
    "open_by_handle_at",
  ];
  for (const name of named) expect({ name, result: found.get(name) }).not.toEqual({ name, result: "EPERM" });
});
