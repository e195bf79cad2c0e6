/**
 * The engine's default filter, in a container of the engine. CVE-2022-0185, 2022-0492, 2024-1086, 2026-31431 (AF_ALG, "Copy Fail"), 2026-43284, 2026-43500: calls that a container has no
 * need of and that led to faults of the kernel. Docker's own conditions on socket(2) compare 64 bits of a number of which the kernel takes 32, so that a high bit hides the family;
 * ours compare 32.
 *
 * Known to work: with `seccomp=unconfined` the same calls go through, or the kernel finds fault with their arguments.
 */
import { join } from "node:path";
import { expect } from "bun:test";
import { needs, Place } from "../containers/place.ts";
import type { Asked } from "../containers/request.ts";
import { needing } from "../needs.ts";
import { program } from "./_place.ts";

const fixture = join(import.meta.dir, "../fixtures/seccomp-default.json");
const { test } = needing({ ...needs, programs: [...needs.programs, "gcc"] });

async function said(command: string[], asked: Asked = {}): Promise<Map<string, string>> {
  using place = new Place();
  await place.fill({}, (root) => {
    for (const name of ["probe", "family"] as const) program(name, join(root, "bin"));
  });
  const { stdout, stderr } = await place.run({ ...asked, command });
  expect(stderr).toBe("");
  const lines = stdout.split("\n").filter(Boolean);
  return new Map(lines.map((line) => line.split("\t") as [string, string]));
}

const refused = (result: string | undefined) => result === "EPERM" || result === "ENOSYS";

test("what led to faults of the kernel is refused in a container that asks for nothing", async () => {
  const found = await said(["probe", "surface"]);
  expect(found.size).toBeGreaterThan(25);
  for (const [name, result] of found) {
    const open = name === "getpid" || name === "socket AF_UNIX";
    expect({ name, refused: refused(result) }).toEqual({ name, refused: !open });
  }
});

test("a family that is refused is refused whatever stands above its 32 bits", async () => {
  const found = await said(["family"]);
  for (const name of ["AF_ALG", "AF_VSOCK", "AF_ALG with high bits", "AF_VSOCK with high bits"])
    expect({ name, result: found.get(name) }).toEqual({ name, result: "EPERM" });
  // These get to the kernel, whose answer is another.
  for (const name of ["AF_UNIX", "AF_NETLINK", "AF_KCM", "AF_XDP"])
    expect({ name, refused: refused(found.get(name)) }).toEqual({ name, refused: false });
});

test("a condition on all 64 bits, as Docker's profile has it, lets the family through", async () => {
  const args = [{ index: 0, value: 38, op: "SCMP_CMP_NE" }];
  const socket = { names: ["socket"], action: "SCMP_ACT_ALLOW", args };
  const common = JSON.parse(await Bun.file(fixture).text()) as { syscalls: { names: string[] }[] };
  const others = common.syscalls.map((rule) => ({
    ...rule,
    names: rule.names.filter((name) => name !== "socket"),
  }));
  const syscalls = [...others.filter(({ names }) => names.length > 0), socket];
  const profile = JSON.stringify({ ...common, syscalls });
  const found = await said(["family"], { host: { SecurityOpt: [`seccomp=${profile}`] } });
  expect(found.get("AF_ALG")).toBe("EPERM");
  expect(refused(found.get("AF_ALG with high bits"))).toBe(false);
});

test("a capability opens what it is for, and not the families", async () => {
  const found = await said(["probe", "surface"], { capAdd: ["SYS_ADMIN"] });
  expect(refused(found.get("fsopen"))).toBe(false);
  expect(refused(found.get("bpf"))).toBe(false);
  for (const name of [
    "socket AF_ALG",
    "socketcall AF_ALG",
    "keyctl",
    "add_key",
    "userfaultfd",
    "io_uring_setup",
  ])
    expect({ name, refused: refused(found.get(name)) }).toEqual({ name, refused: true });
});

test("without the filter these calls get to the kernel", async () => {
  const found = await said(["probe", "surface"], {
    host: { SecurityOpt: ["seccomp=unconfined"] },
    capAdd: ["SYS_ADMIN"],
  });
  for (const name of ["socket AF_ALG", "keyctl", "clone3", "mount", "setns"])
    expect({ name, result: found.get(name) }).not.toEqual({ name, result: "EPERM" });
});
