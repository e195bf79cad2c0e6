// deadline: 300 s
/** containerd on our runtime, asked by ctr. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needing } from "../needs.ts";
import { until } from "./_await.ts";
import { ran, type Ran, type RanOptions } from "./_ran.ts";
import { startContainerd, type Containerd } from "./containerd.ts";
import { needs } from "./place.ts";

needing(needs("containerd", "ctr", "containerd-shim-runc-v2", "script")).describe("containerd", () => {
  let running: Containerd | undefined;
  const the = (): Containerd => {
    if (!running) throw new Error("containerd is not ready");
    return running;
  };
  beforeAll(async () => {
    running = await startContainerd();
  }, 120_000);
  afterAll(() => running?.[Symbol.asyncDispose](), 120_000);

  let count = 0;
  const newId = () => `c${++count}`;

  function run(
    flags: readonly string[],
    argv: readonly string[],
    options: RanOptions = {},
    id = newId(),
  ): Promise<Ran> {
    const { runtime, image, ctr } = the();
    return ctr(["run", "--rm", ...runtime, ...flags, image, id, ...argv], options);
  }

  async function start(flags: readonly string[] = [], script = "sleep 10000", id = newId()): Promise<string> {
    const { runtime, image, ctr } = the();
    const done = await ctr(["run", "--detach", ...runtime, ...flags, image, id, "sh", "-c", script]);
    expect(done).toEqual({ status: 0, stdout: "", stderr: "" });
    return id;
  }

  const begin = (id: string, argv: readonly string[], flags: readonly string[], input = "") =>
    the().ctr(["tasks", "exec", ...the().fifos, "--exec-id", newId(), ...flags, id, ...argv], { input });

  /** Ends when it has read a line: ctr may lose the output of a process that ends before ctr has opened its side, with any runtime. */
  const exec = (id: string, script: string, flags: readonly string[] = []) =>
    begin(id, ["sh", "-c", `(${script}); status=$?; read line; exit $status`], flags, "\n");

  /** What `tasks list` says of it. */
  async function statusOf(id: string): Promise<string | undefined> {
    const { stdout } = await the().ctr(["tasks", "list"]);
    return new RegExp(`^${id}\\s+\\d+\\s+(\\w+)`, "m").exec(stdout)?.[1];
  }

  const stopped = (id: string) =>
    until(`${id} to stop`, async () => (await statusOf(id)) === "STOPPED" || undefined);

  async function remove(id: string): Promise<void> {
    await the().ctr(["tasks", "delete", "--force", id]);
    expect((await the().ctr(["containers", "delete", id])).status).toBe(0);
    expect(existsSync(join(the().stateFolder, id))).toBe(false);
  }

  /** The command at a terminal of its own. */
  async function atTerminal(words: readonly string[], input = ""): Promise<Ran> {
    const { command, folder } = the();
    const done = await ran(["script", "-qec", command(...words).join(" "), "/dev/null"], {
      cwd: folder,
      input,
    });
    // ctr leaves line ends to be translated twice.
    return { ...done, stdout: done.stdout.replaceAll("\r", "") };
  }

  test("run gives output, error output and exit code apart", async () => {
    const { status, stdout, stderr } = await run([], ["sh", "-c", "echo out; echo err >&2; exit 7"]);
    expect({ status, stdout, stderr }).toEqual({ status: 7, stdout: "out\n", stderr: "err\n" });
  });

  test("run of a program that is not there says so, and leaves nothing", async () => {
    const { status, stderr } = await run([], ["no-such-program"]);
    expect(status).not.toBe(0);
    expect(stderr).toContain("no-such-program");
    expect((await the().ctr(["tasks", "list", "--quiet"])).stdout).toBe("");
  });

  test("run --tty is a terminal to work at", async () => {
    const { runtime, image } = the();
    const words = ["run", "--rm", "--tty", ...runtime, image, newId(), "sh"];
    const { status, stdout } = await atTerminal(words, "echo $((6 * 7))-done; tty; exit 5\n");
    expect(stdout).toContain("42-done\n/dev/pts/0\n");
    expect(status).toBe(5);
  });

  test("run takes --env, --cwd, --mount, --read-only and --cap-drop", async () => {
    writeFileSync(join(the().folder, "given"), "from outside\n");
    const mount = `type=bind,src=${join(the().folder, "given")},dst=/tmp/given,options=rbind:ro`;
    const drop = ["--cap-drop", "CAP_CHOWN", "--cap-drop", "CAP_KILL"];
    const flags = ["--env", "A=b", "--cwd", "/home/user", "--mount", mount, "--read-only", ...drop];
    const script =
      "echo $A; pwd; cat /tmp/given; touch /x 2>/dev/null || echo refused; chown 1 /dev/shm 2>/dev/null || echo refused";
    expect((await run(flags, ["sh", "-c", script])).stdout).toBe(
      "b\n/home/user\nfrom outside\nrefused\nrefused\n",
    );
  });

  test("run --seccomp filters", async () => {
    const mode = async (...flags: string[]) =>
      (await run(flags, ["grep", "Seccomp:", "/proc/self/status"])).stdout;
    expect(await mode()).toBe("Seccomp:\t0\n");
    expect(await mode("--seccomp")).toBe("Seccomp:\t2\n");
  });

  test("run --no-pivot moves the root instead", async () => {
    expect((await run(["--no-pivot"], ["ls", "/"])).stdout).toContain("bin\n");
  });

  test("run --with-ns joins the namespace of another container", async () => {
    const id = await start();
    const pid = /^\S+\s+(\d+)/m.exec((await the().ctr(["tasks", "list"])).stdout.split("\n")[1] ?? "")?.[1];
    const joined = await run(["--with-ns", `network:/proc/${pid}/ns/net`], ["readlink", "/proc/self/ns/net"]);
    expect(joined.stdout).toBe((await exec(id, "readlink /proc/self/ns/net")).stdout);
    await remove(id);
  });

  test("exec gives output and exit code, takes a user and a folder, and a terminal", async () => {
    const id = await start();
    expect(await exec(id, "echo out; echo err >&2; exit 6")).toEqual({
      status: 6,
      stdout: "out\n",
      stderr: "err\n",
    });
    const { stdout } = await exec(id, "id -u; pwd", ["--user", "user", "--cwd", "/home/user"]);
    expect(stdout).toBe("1000\n/home/user\n");
    const terminal = await atTerminal([
      "tasks",
      "exec",
      ...the().fifos,
      "--exec-id",
      newId(),
      "--tty",
      id,
      "tty",
    ]);
    expect(terminal.stdout).toStartWith("/dev/pts/0\n");
    await remove(id);
  });

  test("ps lists the processes of container and exec", async () => {
    const id = await start();
    expect((await begin(id, ["sleep", "10000"], ["--detach"])).status).toBe(0);
    const { stdout } = await the().ctr(["tasks", "ps", id]);
    const pids = stdout
      .split("\n")
      .slice(1)
      .filter(Boolean)
      .map((line) => line.split(/\s+/)[0]);
    const names = pids.map((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(-3, -1).join(" "),
    );
    expect(names.toSorted()).toEqual(["sleep 10000", "sleep 10000"]);
    await remove(id);
  });

  test("pause and resume", async () => {
    const id = await start();
    expect((await the().ctr(["tasks", "pause", id])).status).toBe(0);
    expect(await statusOf(id)).toBe("PAUSED");
    expect((await exec(id, "true")).status).not.toBe(0);
    expect((await the().ctr(["tasks", "resume", id])).status).toBe(0);
    expect(await statusOf(id)).toBe("RUNNING");
    expect((await exec(id, "true")).status).toBe(0);
    await remove(id);
  });

  test("kill sends a signal, and run gives the exit code that it led to", async () => {
    const id = newId();
    const script = "trap 'exit 9' USR1; touch /ready; while :; do sleep 1000 & wait $!; done";
    const end = run([], ["sh", "-c", script], {}, id);
    await until("the trap", async () => (await exec(id, "test -e /ready")).status === 0 || undefined);
    expect((await the().ctr(["tasks", "kill", "--signal", "USR1", id])).status).toBe(0);
    expect((await end).status).toBe(9);
  });

  test("kill --all reaches every process of the container, execs included", async () => {
    const id = newId();
    const end = run([], ["sleep", "10000"], {}, id);
    await until("the container", async () => (await exec(id, "true")).status === 0 || undefined);
    expect((await begin(id, ["sleep", "10000"], ["--detach"])).status).toBe(0);
    expect((await the().ctr(["tasks", "kill", "--all", "--signal", "KILL", id])).status).toBe(0);
    expect((await end).status).toBe(137);
  });

  test("metrics come from the container's cgroup", async () => {
    const id = await start(["--memory-limit", String(64 << 20)]);
    const { status, stdout } = await the().ctr(["tasks", "metrics", id]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^memory\.usage(_in_bytes)?\s+\d+\s*$/m);
    await remove(id);
  });

  test("the life of a container, and its running out of memory, are told as events", async () => {
    const { command, folder } = the();
    const events = Bun.spawn(command("events"), {
      cwd: folder,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
    });
    let told = "";
    const listening = (async () => {
      for await (const chunk of events.stdout) told += new TextDecoder().decode(chunk);
    })();
    const says = (topic: string, id: string) => new RegExp(`${topic} .*"${id}"`).test(told) || undefined;
    // ctr does not say when it listens: containers are started until one is seen.
    await until("events", async () => {
      const id = newId();
      expect((await the().ctr(["containers", "create", the().image, id])).status).toBe(0);
      expect((await the().ctr(["containers", "delete", id])).status).toBe(0);
      return says("/containers/create", id);
    });
    const id = await start(["--memory-limit", String(16 << 20)], "tail /dev/zero");
    await stopped(id);
    for (const topic of ["/tasks/create", "/tasks/start", "/tasks/oom", "/tasks/exit"])
      await until(topic, () => says(topic, id));
    await remove(id);
    events.kill();
    await listening;
  });

  test("containers outlive a daemon that is killed, and obey the next one", async () => {
    const id = await start();
    await the().restart();
    expect(await statusOf(id)).toBe("RUNNING");
    expect((await exec(id, "echo still here")).stdout).toBe("still here\n");
    await remove(id);
  });

  test("twenty side by side each give what is theirs", async () => {
    const ids = Array.from({ length: 20 }, newId);
    await Promise.all(ids.map((id) => start(["--env", `ME=${id}`], "sleep 10000", id)));
    const said = await Promise.all(ids.map((id) => exec(id, "echo $ME")));
    expect(said.map(({ stdout }) => stdout)).toEqual(ids.map((id) => `${id}\n`));
    await Promise.all(ids.map(remove));
  }, 180_000);
});
