/** What containers are while the daemon is dead, is replaced, or the machine was started again. */
// deadline: 240 s
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { needing } from "../needs.ts";
import { imageName, makeWorld, type World } from "../clients/_world.ts";
import { type Api, apiOf, type Inspected } from "./_api.ts";
import { endContainers, isAlive, monitorsBelow } from "./_leavings.ts";
import { mountsBelow } from "../snapshots/place.ts";
import { unmount } from "../../src/kernel/mounts.ts";

const { test, describe } = needing({
  root: true,
  programs: ["busybox", "ip", "nft", "nsenter"],
  files: ["build/launcher"],
});

describe("containers and their daemon", () => {
  let world: World;
  let api: Api;
  beforeAll(async () => {
    world = await makeWorld();
    api = apiOf(world.place.socket);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  const start = async (name: string, script: string, host: object = {}, more: object = {}) => {
    const Cmd = ["sh", "-c", script];
    const id = await api.create(name, {
      Image: imageName,
      Cmd,
      HostConfig: { NetworkMode: "none", ...host },
      ...more,
    });
    await api.post(`/containers/${id}/start`);
    return api.inspect(id);
  };
  const remove = (...names: string[]) =>
    Promise.all(names.map((name) => api.delete(`/containers/${name}?force=1&v=1`)));
  const until = async (name: string, good: (now: Inspected) => boolean) => {
    for (;;) {
      const now = await api.inspect(name);
      if (good(now)) return now;
      await Bun.sleep(20);
    }
  };
  const gone = async (pid: number) => {
    while (isAlive(pid)) await Bun.sleep(5);
  };
  const monitorOf = (id: string) => monitorsBelow(join(world.place.state, "containers", id))[0] ?? 0;

  test("one that ends while the daemon is dead has its exit code, its time and its whole log", async () => {
    const { Id, State } = await start(
      "ends",
      "echo before; while [ ! -e /go ]; do sleep 0.02; done; echo after; exit 42",
    );
    world.daemon().signal("SIGKILL");
    await world.daemon().exited;
    await world.out(["busybox", "touch", `/proc/${State.Pid}/root/go`]);
    await gone(State.Pid);
    const exit = join(world.place.state, "containers", Id, "exit");
    while (!existsSync(exit)) await Bun.sleep(5);
    const latest = Date.now();
    await world.restart("SIGKILL");
    const { State: ended } = await api.inspect("ends");
    expect(ended).toMatchObject({ Status: "exited", ExitCode: 42, StartedAt: State.StartedAt });
    expect(Date.parse(ended.FinishedAt)).toBeLessThanOrEqual(latest);
    expect(Date.parse(ended.FinishedAt)).toBeGreaterThanOrEqual(Date.parse(State.StartedAt));
    expect(await api.logs("ends")).toBe("before\nafter\n");
    expect(await api.audit()).toEqual([]);
    await remove("ends");
  });

  test("one that the kernel kills for memory while the daemon is dead says so", async () => {
    const eats = "while [ ! -e /go ]; do sleep 0.02; done; x=; while :; do x=$x$x.; done";
    const { Id, State } = await start("eats", eats, { Memory: 16 << 20, MemorySwap: 16 << 20 });
    world.daemon().signal("SIGKILL");
    await world.daemon().exited;
    await world.out(["busybox", "touch", `/proc/${State.Pid}/root/go`]);
    while (!existsSync(join(world.place.state, "containers", Id, "exit"))) await Bun.sleep(5);
    await world.restart("SIGKILL");
    expect((await api.inspect("eats")).State).toMatchObject({
      Status: "exited",
      ExitCode: 137,
      OOMKilled: true,
    });
    await remove("eats");
  });

  test("an upgrade keeps processes, networks, ports, names, logs and policies, and traffic while nobody is there", async () => {
    await api.post("/networks/create", { Name: "kept" });
    const ports = { PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8099" }] } };
    const web = await start("web", "echo serving; exec httpd -f -p 80 -h /etc", {
      NetworkMode: "kept",
      ...ports,
    });
    const log =
      "i=0; while :; do i=$((i+1)); echo $i; wget -qO- http://web/passwd | head -n 1; sleep 0.05; done";
    const client = await start("client", log, { NetworkMode: "kept", RestartPolicy: { Name: "always" } });
    const fetching = `console.log(await (await fetch("http://127.0.0.1:8099/group")).text())`;
    const page = () => world.out([process.execPath, "-e", fetching]);
    // It takes a moment until the program listens.
    while ((await world.run([process.execPath, "-e", fetching])).status !== 0);
    expect(await page()).toStartWith("root:x:0");
    world.daemon().signal("SIGTERM");
    expect(await world.daemon().exited).toBe(0);
    expect(await page()).toStartWith("root:x:0");
    await world.restart("SIGTERM");
    expect(await page()).toStartWith("root:x:0");
    for (const before of [web, client]) {
      const { State, NetworkSettings, RestartCount } = await api.inspect(before.Id);
      expect(State).toMatchObject({
        Status: "running",
        Pid: before.State.Pid,
        StartedAt: before.State.StartedAt,
      });
      expect(NetworkSettings.Networks["kept"]?.IPAddress).toBe(
        before.NetworkSettings.Networks["kept"]?.IPAddress ?? "",
      );
      expect(RestartCount).toBe(0);
    }
    const lines = (await api.logs("client")).trimEnd().split("\n");
    expect(lines.length).toBeGreaterThan(2);
    lines.forEach((line, at) =>
      expect(line).toBe(at % 2 === 0 ? `${at / 2 + 1}` : "root:x:0:0:root:/root:/bin/sh"),
    );
    process.kill(client.State.Pid, "SIGKILL");
    await until("client", ({ State, RestartCount }) => RestartCount === 1 && State.Status === "running");
    expect(await api.audit()).toEqual([]);
    await remove("web", "client");
    await api.delete("/networks/kept");
  });

  test("a monitor that stands still holds up its own container alone", async () => {
    const stuck = await start("stuck", "sleep 1000");
    await start("free", "sleep 1000");
    const monitor = monitorOf(stuck.Id);
    process.kill(monitor, "SIGSTOP");
    try {
      const held = api.exec("stuck", ["true"]).catch(() => undefined);
      expect(await api.exec("free", ["echo", "goes on"])).toBe("goes on\n");
      await world.restart("SIGKILL");
      expect(await api.exec("free", ["echo", "goes on"])).toBe("goes on\n");
      await remove("free");
      await held;
    } finally {
      process.kill(monitor, "SIGCONT");
    }
    const now = await until("stuck", ({ State }) => State.Status === "running");
    expect(now.State.Pid).toBe(stuck.State.Pid);
    expect(await api.exec("stuck", ["echo", "again"])).toBe("again\n");
    await remove("stuck");
  });

  test("after a boot those with a policy come back in the order of their needs, and others are ended", async () => {
    const always = { RestartPolicy: { Name: "always" } };
    const needs = (service: string, ...of: string[]) => ({
      Labels: {
        "com.docker.compose.project": "p",
        "com.docker.compose.service": service,
        "com.docker.compose.depends_on": of.map((each) => `${each}:service_started:false`).join(","),
      },
    });
    await start("last", "sleep 1000", always, needs("last", "middle"));
    await start("middle", "sleep 1000", always, needs("middle", "first"));
    await start("first", "sleep 1000", always, needs("first"));
    await start("bridged", "sleep 1000", { ...always, NetworkMode: "bridge" });
    await start("plain", "sleep 1000");
    await start("stopped", "sleep 1000", { RestartPolicy: { Name: "unless-stopped" } });
    await api.post("/containers/stopped/kill");
    await api.post("/containers/stopped/wait");
    world.daemon().signal("SIGKILL");
    await world.daemon().exited;
    await reboot(world);
    await world.restart("SIGKILL");
    for (const name of ["first", "middle", "last", "bridged"])
      await until(name, ({ State }) => State.Status === "running");
    const times = await Promise.all(
      ["first", "middle", "last"].map(async (name) => Date.parse((await api.inspect(name)).State.StartedAt)),
    );
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect((await api.inspect("plain")).State).toMatchObject({ Status: "exited", ExitCode: 255 });
    expect((await api.inspect("stopped")).State.Status).toBe("exited");
    expect(await api.audit()).toEqual([]);
    await remove("first", "middle", "last", "bridged", "plain", "stopped");
    expect(await api.audit()).toEqual([]);
  });
});

/** As a start of the machine: no process, no mount, no device, nothing in the state folder, and another boot id. */
async function reboot({ place, namespace }: World): Promise<void> {
  await endContainers(place.folder);
  for (const mount of mountsBelow(place.folder).toReversed()) unmount(mount);
  rmSync(place.state, { recursive: true, force: true });
  const run = (...line: string[]) =>
    Bun.spawnSync(line, { stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  run("ip", "netns", "delete", namespace);
  run("ip", "netns", "add", namespace);
  run("ip", "-n", namespace, "link", "set", "lo", "up");
  using db = new Database(join(place.root, "sampan.db"));
  db.run("UPDATE meta SET value = 'an earlier boot' WHERE key = 'boot_id'");
  db.run("UPDATE containers SET boot = 'an earlier boot' WHERE boot IS NOT NULL");
}
