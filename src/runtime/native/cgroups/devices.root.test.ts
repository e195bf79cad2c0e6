/** The device program in the real kernel: loaded, verified and attached by the launcher to a cgroup of its own in the cgroup2 tree. */
import { afterEach, describe, expect, test } from "bun:test";
import type { OciDeviceRule } from "../../../spec/oci/config.ts";
import { launch } from "../launch.ts";
import { cgroupHost } from "./host.ts";
import { killCgroups } from "./kill.ts";
import type { CgroupPaths } from "./paths.ts";
import { planCgroups } from "./plan.ts";
import { removeCgroups } from "./remove.ts";

const mount = cgroupHost().unified?.mountPoint;
const patience = { timeoutMs: 10_000 };
const made: CgroupPaths[] = [];

afterEach(async () => {
  for (const paths of made.splice(0)) {
    await killCgroups(paths, patience);
    await removeCgroups(paths, patience);
  }
});

/** Carries out the plan, then opens a device in the cgroup; whether that was allowed. */
async function opens(rules: OciDeviceRule[], device: string, mode: "<" | ">"): Promise<boolean> {
  const dir = `${mount}/sampan-test-${crypto.randomUUID()}`;
  const base = mount ?? "";
  const paths: CgroupPaths = {
    version: 2,
    dirs: { "": dir },
    bases: { "": base },
    mount: base,
    explicit: true,
  };
  made.push(paths);
  const plan = planCgroups({ paths, resources: { devices: rules } });
  await launch({ parent: [...plan.create, ...(plan.bpf ?? [])], middle: [], init: [] });
  const script = `echo $$ > '${dir}/cgroup.procs' && : ${mode} ${device}`;
  const child = Bun.spawn(["sh", "-c", script], { stdout: "ignore", stderr: "pipe" });
  const errors = await new Response(child.stderr).text();
  if ((await child.exited) === 0) return true;
  expect(errors).toContain("Operation not permitted");
  return false;
}

describe.skipIf(mount === undefined)("the device program", () => {
  const deny: OciDeviceRule = { allow: false, access: "rwm" };
  const allow: OciDeviceRule = { allow: true, access: "rwm" };
  const messages = { type: "c", major: 1, minor: 11 } as const;

  test.each([
    ["a default device may be used", [deny], "/dev/zero", "<", true],
    ["another may not", [deny], "/dev/kmsg", "<", false],
    ["a rule for it allows it", [deny, { allow: true, ...messages, access: "r" }], "/dev/kmsg", "<", true],
    [
      "a rule for reading does not allow writing",
      [deny, { allow: true, ...messages, access: "r" }],
      "/dev/kmsg",
      ">",
      false,
    ],
    ["where all is allowed it is", [allow], "/dev/kmsg", ">", true],
    [
      "what is taken out of all is not",
      [allow, { allow: false, ...messages, access: "w" }],
      "/dev/kmsg",
      ">",
      false,
    ],
    [
      "a part that is not taken out is",
      [allow, { allow: false, ...messages, access: "w" }],
      "/dev/kmsg",
      "<",
      true,
    ],
  ] as [string, OciDeviceRule[], string, "<" | ">", boolean][])(
    "%s",
    async (_, rules, device, mode, allowed) => {
      expect(await opens(rules, device, mode)).toBe(allowed);
    },
  );

  test("of thousands of rules is taken by the kernel's verifier", async () => {
    const rules = Array.from({ length: 2000 }, (_, minor) => ({
      allow: true,
      type: "b" as const,
      major: 8,
      minor,
      access: "r",
    }));
    expect(await opens(rules, "/dev/kmsg", "<")).toBe(false);
  });
});
