/** NOTIFY_SOCKET: a container tells the service manager that it is ready. */
import { expect } from "bun:test";
import { readdirSync } from "node:fs";
import { needing } from "../needs.ts";
import { Box, needs, until } from "./_container.ts";
import { Peer, putTool } from "./_tool.ts";

const { test } = needing({ ...needs, programs: [...needs.programs, "gcc"] });

/** A container that says more than that it is ready, and then waits for a signal. */
function notifying(
  script = "tool notify STATUS=busy 'READY=1\nSTATUS=well' STATUS=late; exec sleep 1000",
): Box {
  const box = new Box({ script: `echo $NOTIFY_SOCKET; ${script}` });
  putTool(box);
  return box;
}

const lines = (peer: Peer): string[] => peer.text().trimEnd().split("\n").slice(1);

test("start waits until the container is ready, and passes on that alone, with its process and a barrier", async () => {
  using box = notifying();
  using host = await Peer.start("datagrams", box.path("host.sock"));
  const env = { NOTIFY_SOCKET: box.path("host.sock") };
  expect(box.create({ env })).toEqual({ status: 0, stdout: "", stderr: "" });
  expect(lines(host)).toEqual([]);
  box.ok(["start", box.id], { env });
  await until(() => lines(host).length === 3);
  expect(lines(host)).toEqual(["READY=1|", `MAINPID=${box.state().pid}|`, "BARRIER=1 +fd"]);
  expect(box.output()).toBe("/run/notify/notify.sock\n");
});

test("a detached run waits until the container is ready", async () => {
  using box = notifying();
  using host = await Peer.start("datagrams", box.path("host.sock"));
  box.ok(["run", "-d", "-b", box.bundle, box.id], {
    env: { NOTIFY_SOCKET: box.path("host.sock") },
    stdout: box.path("stdout"),
  });
  await until(() => lines(host).length === 3);
  expect(lines(host)[1]).toBe(`MAINPID=${box.state().pid}|`);
});

test("a foreground run names itself as the main process, and leaves nothing behind", async () => {
  using box = notifying("tool notify READY=1; read line; exit 7");
  using host = await Peer.start("datagrams", box.path("host.sock"));
  const run = Bun.spawn(box.argv(["run", "-b", box.bundle, box.id]), {
    env: { NOTIFY_SOCKET: box.path("host.sock") },
    stdin: "pipe",
    stdout: "ignore",
  });
  await until(() => lines(host).length === 3);
  expect(lines(host)).toEqual(["READY=1|", `MAINPID=${run.pid}|`, "BARRIER=1 +fd"]);
  void run.stdin.write("\n");
  void run.stdin.end();
  expect(await run.exited).toBe(7);
  expect(readdirSync(box.root)).toEqual([]);
});

test("a container that ends without being ready ends the wait", async () => {
  using box = notifying("exit 3");
  using host = await Peer.start("datagrams", box.path("host.sock"));
  const env = { NOTIFY_SOCKET: box.path("host.sock") };
  box.create({ env });
  box.ok(["start", box.id], { env });
  await until(() => box.state().status === "stopped");
  expect(box.foreground({ env, extra: ["--keep"] }).stderr).toContain("already exists");
  box.ok(["delete", box.id]);
  expect(box.foreground({ env }).status).toBe(3);
  expect(lines(host)).toEqual([]);
  expect(readdirSync(box.root)).toEqual([]);
});

test("start with NOTIFY_SOCKET refuses a container that was created without", async () => {
  using box = notifying();
  using host = await Peer.start("datagrams", box.path("host.sock"));
  box.create();
  const started = box.run(["start", box.id], { env: { NOTIFY_SOCKET: box.path("host.sock") } });
  expect(started.status).toBe(1);
  expect(started.stderr).toContain("the container was created without it");
  expect(box.state().status).toBe("created");
  expect(lines(host)).toEqual([]);
});

test("a container without NOTIFY_SOCKET has neither variable nor folder", () => {
  using box = new Box({ script: "echo [$NOTIFY_SOCKET]; ls /run/notify" });
  const { stdout } = box.foreground();
  expect(stdout).toBe("[]\n");
});
