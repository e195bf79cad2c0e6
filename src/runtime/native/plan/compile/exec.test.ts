import { expect, test } from "bun:test";
import { CLONE } from "../../../../kernel/linux.ts";
import { defaultConfig } from "../../../../spec/oci/default.ts";
import { slot, type OperationName, type Plan } from "../operations.ts";
import { compileExec, type ExecOptions } from "./exec.ts";

const namespaces = CLONE.NEWNS | CLONE.NEWPID | CLONE.NEWCGROUP;

function plan(options: Partial<ExecOptions> = {}): Plan {
  const config = defaultConfig({});
  return compileExec({
    id: "c1",
    config,
    process: { ...config.process, terminal: false },
    host: {
      arch: "x64",
      euid: 0,
      egid: 0,
      inUserNamespace: false,
      cgroups: { mode: "v1", v1: {}, own: {} },
      lastCapability: 40,
      appArmor: false,
      seLinux: false,
    },
    initPid: 77,
    pidfd: 9,
    namespaces,
    cgroup: { join: ["/sys/fs/cgroup/pids/c1/cgroup.procs"] },
    rootless: false,
    setgroupsDenied: false,
    noNewKeyring: false,
    preserveFds: 0,
    watched: false,
    environment: [],
    ...options,
  });
}

function order(list: Plan["parent"], ...names: OperationName[]): void {
  const places = names.map((name) => list.findIndex((each) => each.name === name));
  expect(places).not.toContain(-1);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
}

test("the root is that of the container's init, not of its mount namespace", () => {
  const { parent, middle } = plan();
  const root = parent.find(({ args }) => args["out"] === slot.root);
  expect(root?.args).toMatchObject({ dir: slot.proc, path: "77/root" });
  order(middle, "setns", "fchdir", "chroot", "clone");
});

test("a container that shares all namespaces still has its own root", () => {
  const { middle } = plan({ namespaces: 0 });
  expect(middle.map(({ name }) => name)).not.toContain("setns");
  order(middle, "fchdir", "chroot", "clone");
});

test("all namespaces are entered at once, but the cgroup's, which the process enters when it is in its cgroups", () => {
  const { middle, init } = plan();
  expect(middle.find(({ name }) => name === "setns")?.args["type"]).toBe(namespaces & ~CLONE.NEWCGROUP);
  order(init, "write", "receive", "setns", "capset", "exec");
});
