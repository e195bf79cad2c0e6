/** What a container notices when its shim, or containerd, is killed: nothing. */
// deadline: 180 s
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { until } from "../counterparts/_await.ts";
import { needs } from "../counterparts/place.ts";
import { needing } from "../needs.ts";
import { type ShimHost, startShimHost } from "./_containerd.ts";

const { describe, test } = needing(needs("containerd", "ctr"));

describe("a shim that is killed or rests", () => {
  let host: ShimHost;
  beforeAll(async () => {
    host = await startShimHost({ SAMPAN_SHIM_REST_MS: "1500" });
  }, 60_000);
  afterAll(async () => await host[Symbol.asyncDispose](), 60_000);

  const listed = async () => (await host.ctr(["tasks", "list"])).stdout;
  const kill = (pids: readonly number[]) => {
    for (const pid of pids) process.kill(pid, "SIGKILL");
  };
  /** One that runs until a file is made in it; resolves when it has ended. */
  const begin = (id: string) => {
    const script = "until test -e /tmp/end; do sleep 0.1; done; echo ended; exit 9";
    return host.ctr(host.run("--rm", host.image, id, "sh", "-c", script));
  };
  /** Its start was answered: another process in it came and went since. */
  const answered = (id: string) =>
    until(
      `task ${id}`,
      async () =>
        (await host.ctr(["tasks", "exec", "--exec-id", "look", id, "true"])).status === 0 || undefined,
    );
  const end = (id: string) => host.ctr(["tasks", "exec", "--exec-id", "end", id, "touch", "/tmp/end"]);

  test("who waits for a container is told its end by the next one", async () => {
    const running = begin("killed");
    await answered("killed");
    const [before] = host.servers();
    kill(host.servers());
    expect((await end("killed")).status).toBe(0);
    expect(host.servers()).not.toContain(before);
    expect(await running).toMatchObject({ status: 9, stdout: "ended\n" });
  }, 40_000);

  test("it leaves while nobody needs it, and is there when somebody does", async () => {
    const running = begin("rests");
    await answered("rests");
    await until("the shim to rest", () => host.servers().length === 0 || undefined, 20);
    expect(host.keepers()).toHaveLength(1);
    expect((await end("rests")).status).toBe(0);
    expect(await running).toMatchObject({ status: 9, stdout: "ended\n" });
  }, 40_000);

  test("a container's end is told though nobody asks", async () => {
    const events = Bun.spawn(host.command("events"), { stdout: "pipe", stdin: "ignore" });
    try {
      await host.ctr(host.run("--detach", host.image, "alone", "sleep", "6"));
      await until("the shim to rest", () => host.servers().length === 0 || undefined, 20);
      let heard = "";
      for await (const chunk of events.stdout) {
        heard += new TextDecoder().decode(chunk);
        if (/\/tasks\/exit .*"alone"/.test(heard)) break;
      }
      expect(heard).toMatch(/\/tasks\/exit .*"alone"/);
    } finally {
      events.kill();
      await events.exited;
    }
    await host.ctr(["tasks", "delete", "alone"]);
    await host.ctr(["containers", "delete", "alone"]);
  }, 60_000);

  test("containers and their ends outlive containerd and the shim together", async () => {
    await host.ctr(host.run("--detach", host.image, "stays", "sleep", "1000"));
    await host.ctr(host.run("--detach", host.image, "goes", "sh", "-c", "sleep 1; exit 4"));
    const row = async (id: string) => (await listed()).split("\n").find((line) => line.startsWith(id)) ?? "";
    const before = await row("stays");
    kill(host.servers());
    await host.restart();
    expect(await row("stays")).toBe(before);
    await until("the end", async () => (await row("goes")).includes("STOPPED") || undefined);
    expect((await host.ctr(["tasks", "delete", "goes"])).stderr).toContain("exit code 4");
    await host.ctr(["containers", "delete", "goes"]);
    await host.ctr(["tasks", "kill", "--signal", "KILL", "stays"]);
    await until("the end", async () => (await row("stays")).includes("STOPPED") || undefined);
    await host.ctr(["tasks", "delete", "stays"]);
    await host.ctr(["containers", "delete", "stays"]);
  }, 60_000);

  test("without the keeper containerd takes the containers away", async () => {
    await host.ctr(host.run("--detach", host.image, "lost", "sleep", "1000"));
    const pid = Number(/lost\s+(\d+)/.exec(await listed())?.[1]);
    const [keeper = 0] = host.keepers();
    const socket = /-socket\0([^\0]+)/.exec(readFileSync(`/proc/${keeper}/cmdline`, "utf8"))?.[1] ?? "";
    expect(existsSync(socket)).toBe(true);
    kill([...host.keepers(), ...host.servers()]);
    await until("the task to go", async () => !(await listed()).includes("lost") || undefined);
    const left = () => readdirSync("/run/containerd/s").filter((name) => name.startsWith(basename(socket)));
    await until("the socket to go", () => left().length === 0 || undefined);
    await until("the process to go", () => hasGone(pid) || undefined);
    await host.ctr(["containers", "delete", "lost"]);
  }, 40_000);
});

function hasGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}
