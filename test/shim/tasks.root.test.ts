/** Debian's containerd and ctr on our shim: every verb of tasks. */
// deadline: 240 s
import { afterAll, beforeAll, expect } from "bun:test";
import { until } from "../counterparts/_await.ts";
import { lines } from "../counterparts/containerd.ts";
import { needs } from "../counterparts/place.ts";
import { needing } from "../needs.ts";
import { type ShimHost, startShimHost } from "./_containerd.ts";

const { describe, test } = needing(needs("containerd", "ctr", "script"));

describe("containerd's tasks on our shim", () => {
  let host: ShimHost;
  beforeAll(async () => {
    host = await startShimHost();
  }, 60_000);
  afterAll(async () => await host[Symbol.asyncDispose](), 60_000);

  const ok = async (words: readonly string[]) => {
    const { status, stdout, stderr } = await host.ctr(words);
    if (status !== 0) throw new Error(`ctr ${words.join(" ")}: status ${status}\n${stdout}${stderr}`);
    return stdout;
  };
  const detached = async (id: string, ...words: string[]) => {
    await ok(host.run("--detach", host.image, id, ...words));
    return {
      [Symbol.asyncDispose]: async () => {
        await host.ctr(["tasks", "delete", "--force", id]);
        await host.ctr(["containers", "delete", id]);
      },
    };
  };
  const row = async (id: string) =>
    lines(await ok(["tasks", "list"]))
      .map((line) => line.split(/\s+/))
      .find(([name]) => name === id);
  const status = async (id: string) => (await row(id))?.[2];
  const ended = (id: string) =>
    until(`the end of ${id}`, async () => (await status(id)) === "STOPPED" || undefined);

  test("runs a container with its output, its errors and its exit status", async () => {
    const script = "echo out; echo err >&2; exit 7";
    expect(await host.ctr(host.run("--rm", host.image, "run", "sh", "-c", script))).toMatchObject({
      status: 7,
      stdout: "out\n",
      stderr: "err\n",
    });
  });

  test("gives a container its standard input, and the end of it", async () => {
    // ctr hears of the end only when the task is there: the input waits for that.
    const feeder = `{ while ! ${host.command("tasks", "list").join(" ")} | grep -q "^input .*RUNNING"; do sleep 0.1; done; seq 1 20000; }`;
    const piped = `${feeder} | ${host.command(...host.run("--rm", host.image, "input", "md5sum")).join(" ")}`;
    const child = Bun.spawn(["sh", "-c", piped], { cwd: host.folder, stdout: "pipe", stderr: "pipe" });
    const sum = new Bun.CryptoHasher("md5");
    for (let i = 1; i <= 20_000; i++) sum.update(`${i}\n`);
    expect(await child.stdout.text()).toBe(`${sum.digest("hex")}  -\n`);
    expect(await child.exited).toBe(0);
  }, 30_000);

  test("gives a container a terminal", async () => {
    const words = host.command(...host.run("--rm", "--tty", host.image, "tty", "sh", "-c", "tty; exit 5"));
    const child = Bun.spawn(["script", "-qec", words.join(" "), "/dev/null"], {
      stdout: "pipe",
      stdin: "ignore",
    });
    expect(await child.stdout.text()).toContain("/dev/pts/0");
    expect(await child.exited).toBe(5);
  }, 30_000);

  test("runs further processes in a container", async () => {
    await using _ = await detached("exec", "sleep", "1000");
    const run = (script: string) =>
      host.ctr(["tasks", "exec", "--exec-id", "e1", "exec", "sh", "-c", script]);
    expect(await run("echo inside; cat /proc/1/cmdline; exit 3")).toMatchObject({
      status: 3,
      stdout: "inside\nsleep\u00001000\0",
    });
    expect(await run("kill -9 $$")).toMatchObject({ status: 137 });
  });

  test("stops a container's processes and lets them go on", async () => {
    await using _ = await detached("pause", "sleep", "1000");
    expect(await status("pause")).toBe("RUNNING");
    await ok(["tasks", "pause", "pause"]);
    expect(await status("pause")).toBe("PAUSED");
    await ok(["tasks", "resume", "pause"]);
    expect(await status("pause")).toBe("RUNNING");
  });

  test("tells of a container's processes and counters", async () => {
    await using _ = await detached("figures", "sleep", "1000");
    const pid = (await row("figures"))?.[1];
    expect(await ok(["tasks", "ps", "figures"])).toContain(`${pid} `);
    const metrics = JSON.parse(await ok(["tasks", "metrics", "--format", "json", "figures"])) as object;
    expect(JSON.stringify(metrics)).toMatch(/"usage":\{[^}]*"usage":[1-9]|"usage":[1-9]/);
  });

  test("ends a container with a signal, keeps how it ended, and deletes it", async () => {
    await using _ = await detached("kill", "sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.1; done");
    await until(
      "the trap",
      async () => (await ok(["tasks", "ps", "kill"])).split("\n").length > 3 || undefined,
    );
    await ok(["tasks", "kill", "kill"]);
    await ended("kill");
    expect((await host.ctr(["tasks", "kill", "kill"])).stderr).toContain("process already finished");
    expect((await host.ctr(["tasks", "delete", "kill"])).stderr).toContain("non-zero exit code 9");
    expect(await row("kill")).toBeUndefined();
  });

  test("whoever attaches to a container is told how it ended", async () => {
    await using _ = await detached(
      "attach",
      "sh",
      "-c",
      "until test -e /tmp/end; do sleep 0.1; done; exit 9",
    );
    const attached = host.ctr(["tasks", "attach", "attach"]);
    await ok(["tasks", "exec", "--exec-id", "end", "attach", "touch", "/tmp/end"]);
    expect((await attached).status).toBe(9);
  });

  test("refuses what it has not, with its reason", async () => {
    await using _ = await detached("refuse", "sleep", "1000");
    expect((await host.ctr(["tasks", "checkpoint", "refuse"])).stderr).toContain("CRIU");
    expect((await host.ctr(["tasks", "delete", "refuse"])).stderr).toContain("running");
    const binary = await host.ctr([
      "run",
      "--runtime",
      "io.containerd.sampan.v2",
      "-d",
      "--log-uri",
      "binary:///bin/true",
      host.image,
      "binary",
      "true",
    ]);
    await host.ctr(["containers", "delete", "binary"]);
    expect(binary.stderr).toContain("binary://");
    const missing = await host.ctr(host.run("--rm", host.image, "missing", "no-such-program"));
    await host.ctr(["containers", "delete", "missing"]);
    expect(missing.stderr).toContain("no-such-program");
  });

  test("writes into a file that it is told", async () => {
    const log = `${host.folder}/out.log`;
    await ok([
      "run",
      "--runtime",
      "io.containerd.sampan.v2",
      "-d",
      "--log-uri",
      `file://${log}`,
      host.image,
      "file",
      "echo",
      "kept",
    ]);
    await ended("file");
    await ok(["tasks", "delete", "file"]);
    await ok(["containers", "delete", "file"]);
    expect(await Bun.file(log).text()).toBe("kept\n");
  });

  test("has one shim for ten containers, and none when they have gone", async () => {
    const ids = Array.from({ length: 10 }, (_, i) => `ten${i}`);
    await Promise.all(ids.map((id) => ok(host.run("--detach", host.image, id, "sleep", "1000"))));
    expect(host.keepers()).toHaveLength(1);
    expect(host.servers()).toHaveLength(1);
    await Promise.all(ids.map((id) => ok(["tasks", "kill", "--signal", "KILL", id])));
    await Promise.all(ids.map(ended));
    await Promise.all(ids.map((id) => host.ctr(["tasks", "delete", id])));
    await Promise.all(ids.map((id) => ok(["containers", "delete", id])));
    await until(
      "the shim to leave",
      () => host.keepers().length + host.servers().length === 0 || undefined,
      20,
    );
  }, 60_000);
});
