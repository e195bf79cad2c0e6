/** SCMP_ACT_NOTIFY: an agent on the host is given the listener and answers calls; create, run and exec. */
import { expect } from "bun:test";
import { rmSync } from "node:fs";
import type { OciConfig } from "../../src/spec/oci/config.ts";
import { needing } from "../needs.ts";
import { Box, logged, needs, until } from "./_container.ts";
import { Peer } from "./_tool.ts";

const { test } = needing({ ...needs, programs: [...needs.programs, "gcc"] });
const orders = [[true], [false]] as const;

/** sethostname(2) is asked about. */
function notifying(box: Box, noNewPrivileges: boolean, more: object = {}): (config: OciConfig) => void {
  return (config) => {
    config.process = { ...config.process, noNewPrivileges };
    config.linux = {
      ...config.linux,
      seccomp: {
        defaultAction: "SCMP_ACT_ALLOW",
        listenerPath: box.path("agent.sock"),
        listenerMetadata: "for the agent",
        syscalls: [{ names: ["sethostname"], action: "SCMP_ACT_NOTIFY" }],
        ...more,
      },
    };
  };
}

const ask = "hostname other 2>&1; echo still $(hostname)";

test.each(orders)(
  "the agent gets listener and state, and its answer is the call's (noNewPrivileges %p)",
  async (privileges) => {
    using box = new Box();
    box.write({ script: ask, config: notifying(box, privileges) });
    using agent = await Peer.start("seccomp", box.path("agent.sock"), "1");
    expect(box.create()).toEqual({ status: 0, stdout: "", stderr: "" });
    await until(() => agent.text().includes("}\n"));
    const { pid } = box.state();
    const sent = JSON.parse(agent.text().split("\n")[1] ?? "") as object;
    expect(sent).toEqual({
      ociVersion: "1.3.0",
      fds: ["seccompFd"],
      pid,
      metadata: "for the agent",
      state: { ociVersion: "1.3.0", id: box.id, status: "creating", pid, bundle: box.bundle },
    });
    box.ok(["start", box.id]);
    expect(await agent.ended()).toMatch(/\ncall 170\n$/);
    await until(() => box.state().status === "stopped");
    expect(box.output()).toBe("hostname: sethostname: Invalid cross-device link\nstill box\n");
  },
);

test.each(orders)(
  "exec into such a container sends a listener of its own (noNewPrivileges %p)",
  async (privileges) => {
    using box = new Box();
    box.write({ args: ["sleep", "1000"], config: notifying(box, privileges) });
    using first = await Peer.start("seccomp", box.path("agent.sock"), "1");
    expect(box.create().status).toBe(0);
    box.ok(["start", box.id]);
    await until(() => first.text().includes("}\n"));
    rmSync(box.path("agent.sock"));
    using second = await Peer.start("seccomp", box.path("agent.sock"), "1");
    const { stdout } = box.run(["exec", box.id, "sh", "-c", ask]);
    expect(stdout).toBe("hostname: sethostname: Invalid cross-device link\nstill box\n");
    const sent = JSON.parse((await second.ended()).split("\n")[0] ?? "") as { pid: number; state: object };
    expect(sent.state).toMatchObject({ status: "running", id: box.id, pid: box.state().pid });
    expect(sent.pid).not.toBe(box.state().pid);
  },
);

test("what cannot work is refused, and nothing is left", () => {
  using box = new Box();
  const refused: [RegExp, object][] = [
    [/linux\.seccomp\.listenerPath.*no such file/, {}],
    [/linux\.seccomp.*write/, { syscalls: [{ names: ["write"], action: "SCMP_ACT_NOTIFY" }] }],
    [/linux\.seccomp.*SCMP_ACT_NOTIFY/, { defaultAction: "SCMP_ACT_NOTIFY" }],
    [/linux\.seccomp/, { listenerPath: "" }],
  ];
  for (const [text, more] of refused) {
    box.write({ config: notifying(box, true, more) });
    const { status, stderr } = box.create();
    expect(logged(stderr)).toMatch(text);
    expect(status).toBe(1);
    expect(box.cgroups()).toEqual([]);
  }
});

test("a filter holds for the process and for exec: errno, kill, log", () => {
  using box = new Box();
  const filter =
    (action: string, more: object = {}) =>
    (config: OciConfig) => {
      config.linux = {
        ...config.linux,
        seccomp: {
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [{ names: ["sethostname"], action: action as never, ...more }],
        },
      };
    };
  box.write({ script: ask, config: filter("SCMP_ACT_ERRNO", { errnoRet: 18 }) });
  expect(box.foreground().stdout).toBe("hostname: sethostname: Invalid cross-device link\nstill box\n");
  box.write({ args: ["hostname", "x"], config: filter("SCMP_ACT_KILL_PROCESS") });
  expect(box.foreground().status).toBe(128 + 31);
  box.write({ args: ["sleep", "1000"], config: filter("SCMP_ACT_ERRNO", { errnoRet: 18 }) });
  box.create();
  box.ok(["start", box.id]);
  expect(box.run(["exec", box.id, "sh", "-c", ask]).stdout).toContain("Invalid cross-device link");
});
