/** An ordinary user's containers on cgroup v2: with a cgroup that root has given away, and without. */
import { beforeAll, describe, expect, test } from "bun:test";
import type { OciConfig } from "../../../src/spec/oci/config.ts";
import { GuestContainer, type ContainerOptions, type Runtime } from "../container.ts";
import type { VirtualMachine } from "../machine.ts";

const uid = 1000;
const delegated = "/sys/fs/cgroup/delegated";

/** Documentation/admin-guide/cgroup-v2.rst, "Model of Delegation": the folder and these three files. */
const delegate = `mkdir -p ${delegated}/session
cd ${delegated} && chown ${uid} . session cgroup.procs cgroup.subtree_control cgroup.threads session/cgroup.procs
echo +cpu +memory +pids >/sys/fs/cgroup/cgroup.subtree_control`;

const asUser = ["su", "-s", "/bin/sh", "-c", 'exec "$0" "$@"', "--", "user"];
const joined = ["sh", "-c", `echo $$ >${delegated}/session/cgroup.procs && exec "$@"`, "sh", ...asUser];

/** A user namespace in which the user is root, and nothing that only the host's root can do. */
function inUserNamespace(config: OciConfig): void {
  const { linux } = config;
  if (linux?.namespaces === undefined) return;
  linux.namespaces.push({ type: "user" });
  linux.uidMappings = [{ containerID: 0, hostID: uid, size: 1 }];
  linux.gidMappings = [{ containerID: 0, hostID: uid, size: 1 }];
}

export function describeRootless(runtime: Runtime, machine: () => VirtualMachine): void {
  const root = `/tmp/rootless-${runtime.name}`;

  function container(options: ContainerOptions): GuestContainer {
    const change = (config: OciConfig): void => {
      inUserNamespace(config);
      options.change?.(config);
    };
    return new GuestContainer(machine(), runtime, {
      prefix: asUser,
      global: ["--root", root],
      ...options,
      change,
    });
  }

  describe("an ordinary user", () => {
    beforeAll(async () => {
      const { exitCode, stderr } = await machine().shell(
        `${delegate} && mkdir ${root} && chown ${uid} ${root}`,
      );
      expect([exitCode, stderr]).toEqual([0, ""]);
    });

    test("runs a container in a delegated cgroup, with limits", async () => {
      await using limited = container({
        prefix: joined,
        cgroupsPath: "/delegated/limited",
        resources: { memory: { limit: 2 ** 26 }, pids: { limit: 20 } },
      });
      await limited.start();
      const { pid } = await limited.state();
      expect(await machine().read(`/proc/${pid}/cgroup`)).toBe("0::/delegated/limited\n");
      expect([await limited.file("memory.max"), await limited.file("pids.max")]).toEqual([
        String(2 ** 26),
        "20",
      ]);
      expect((await limited.call("delete", "--force", "ID")).exitCode).toBe(0);
      expect(await limited.exists()).toBe(false);
    });

    test("runs a container without a cgroup of its own where none may be made", async () => {
      await using plain = container({
        args: ["sh", "-c", "id -u"],
        change: ({ linux }) => {
          delete linux?.cgroupsPath;
        },
      });
      const { exitCode, stdout, stderr } = await plain.run();
      expect([exitCode, stdout, stderr]).toEqual([0, "0\n", ""]);
    });

    test("is refused a limit where no cgroup may be made", async () => {
      await using limited = container({ cgroupsPath: "/forbidden", resources: { pids: { limit: 20 } } });
      const { exitCode, stderr } = await limited.run();
      expect(exitCode).not.toBe(0);
      expect(stderr).toContain("ermission denied");
      expect(await limited.exists()).toBe(false);
    });
  });
}
