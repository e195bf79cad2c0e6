/** An ordinary user's containers in scopes of the user's own systemd. */
import { beforeAll, describe, expect, test } from "bun:test";
import { GuestContainer, type Runtime } from "../container.ts";
import type { VirtualMachine } from "../machine.ts";

const uid = 1000;
const folder = `/run/user/${uid}`;
const manager = `/user.slice/user-${uid}.slice/user@${uid}.service`;

/** What Debian's dbus-user-session and libpam-systemd bring: a bus in the user's systemd, and the way there. */
const units: Readonly<Record<string, string>> = {
  "/etc/systemd/user/dbus.socket": "[Socket]\nListenStream=%t/bus\n",
  "/etc/systemd/user/dbus.service":
    "[Unit]\nRequires=dbus.socket\n[Service]\nExecStart=/usr/bin/dbus-daemon --session --address=systemd: --nofork --nopidfile --systemd-activation\n",
  "/etc/systemd/system/user@.service.d/own.conf":
    "[Service]\nPAMName=\nEnvironment=XDG_RUNTIME_DIR=/run/user/%i\n",
};

const begin = `useradd --uid ${uid} user
mkdir -p /etc/systemd/user/sockets.target.wants
ln -s /etc/systemd/user/dbus.socket /etc/systemd/user/sockets.target.wants/dbus.socket
systemctl daemon-reload && systemctl start user@${uid}.service`;

const asUser = ["su", "-s", "/bin/sh", "-c", `XDG_RUNTIME_DIR=${folder} exec "$0" "$@"`, "--", "user"];

export function describeUser(runtime: Runtime, machine: () => VirtualMachine): void {
  describe("an ordinary user", () => {
    const root = `${folder}/${runtime.name}-test`;

    beforeAll(async () => {
      for (const [path, text] of Object.entries(units)) await machine().write(path, text);
      const { exitCode, stderr } = await machine().run(["sh", "-ec", begin]);
      if (exitCode !== 0) throw new Error(`cannot start the user's systemd: ${stderr}`);
    }, 60_000);

    const container = (name: string, args?: readonly string[]): GuestContainer =>
      new GuestContainer(machine(), runtime, {
        prefix: asUser,
        global: ["--root", root, "--systemd-cgroup"],
        cgroupsPath: `user.slice:test:${name}`,
        cgroup: `${manager}/user.slice/test-${name}.scope`,
        resources: { pids: { limit: 20 }, memory: { limit: 2 ** 26 } },
        ...(args && { args }),
        change: ({ linux }) => {
          linux?.namespaces?.push({ type: "user" });
          if (linux) linux.uidMappings = linux.gidMappings = [{ containerID: 0, hostID: uid, size: 1 }];
        },
      });
    const shown = async (unit: string): Promise<string> =>
      (await machine().run([...asUser, "systemctl", "--user", "show", unit, "--property=LoadState,TasksMax"]))
        .stdout;

    test("has a container in a scope of the own systemd, with limits that can be changed", async () => {
      await using limited = container("own");
      await limited.start();
      const { pid } = await limited.state();
      expect(await machine().read(`/proc/${pid}/cgroup`)).toBe(`0::${manager}/user.slice/test-own.scope\n`);
      expect([await limited.file("memory.max"), await limited.file("pids.max")]).toEqual([
        String(2 ** 26),
        "20",
      ]);
      const update = await limited.call("update", "--pids-limit", "31", "ID");
      expect([update.exitCode, update.stderr]).toEqual([0, ""]);
      expect(await shown("test-own.scope")).toContain("TasksMax=31\n");
      expect((await limited.call("delete", "--force", "ID")).exitCode).toBe(0);
      expect(await shown("test-own.scope")).toContain("LoadState=not-found\n");
      expect(await limited.exists()).toBe(false);
    });

    test("runs one in the foreground, which leaves no unit", async () => {
      await using short = container("short", ["sh", "-c", "exit 7"]);
      expect((await short.run()).exitCode).toBe(7);
      expect(await shown("test-short.scope")).toContain("LoadState=not-found\n");
    });
  });
}
