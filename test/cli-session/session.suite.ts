/** What a person does with docker's command line, done with ours, against any daemon: dockerd, or Sampan's own. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "bun:test";
import { type Needs, needing } from "../needs.ts";
import { type Host, openSession, type Session, Told } from "./host.ts";

export interface SuiteOptions {
  readonly open: () => Promise<Host>;
  readonly needs: Needs;
}

/** Each test takes away what it made; the names tell them apart. */
export function sessionSuite(title: string, { open, needs }: SuiteOptions): void {
  const { test: each } = needing(needs);
  /** Each is a dozen commands: on a machine that others use too, that takes its time. */
  const test = (name: string, body: () => Promise<void>) => each(`${title}: ${name}`, body, 60_000);
  let host: Host;
  let session: Session;
  beforeAll(async () => {
    host = await open();
    session = openSession(host);
  }, 60_000);
  afterAll(async () => {
    session?.[Symbol.dispose]();
    await host?.[Symbol.asyncDispose]();
  }, 60_000);

  const run = (args: readonly string[], input?: string | Uint8Array) => session.run(args, input);
  const out = (...args: string[]) => session.out(...args);
  /** A container that sleeps until it is disposed. */
  async function sleeping(name: string, ...flags: string[]): Promise<AsyncDisposable> {
    await out("run", "-d", "--name", name, "--init", ...flags, host.image, "sleep", "1000");
    return { [Symbol.asyncDispose]: async () => void (await run(["rm", "-f", "-v", name])) };
  }

  test("run shows both streams and exits with the program's status", async () => {
    const script = "echo to-out; echo to-err >&2; exit 3";
    expect(await run(["run", "--rm", host.image, "sh", "-c", script])).toEqual({
      status: 3,
      out: "to-out\n",
      err: "to-err\n",
    });
  });

  test("run -i sends standard input to its end", async () => {
    const input = Buffer.alloc(3_000_000, "0123456789");
    const { out: counted, status } = await run(["run", "--rm", "-i", host.image, "wc", "-c"], input);
    expect({ counted: counted.trim(), status }).toEqual({ counted: "3000000", status: 0 });
  });

  test("much output comes whole and in order", async () => {
    const { out: text } = await run(["run", "--rm", host.image, "seq", "1", "200000"]);
    expect(text.length).toBe(1_288_895);
    expect(text.endsWith("\n199999\n200000\n")).toBe(true);
  });

  test("a program that is not there is 127, one that is none is 126, no image is 125", async () => {
    expect((await run(["run", "--rm", host.image, "nosuch"])).status).toBe(127);
    expect((await run(["run", "--rm", host.image, "/etc/passwd"])).status).toBe(126);
    const absent = await run(["run", "--rm", "--pull", "never", "nosuch.example/image:1", "true"]);
    expect(absent.status).toBe(125);
    expect(absent.err).toMatch(/^Error response from daemon: .*nosuch\.example\/image:1/);
    expect((await run(["run", "--nosuch", host.image])).status).toBe(125);
  });

  test("flags of run reach the program", async () => {
    const flags = [
      "-e",
      "A=1",
      "-e",
      "PASSED",
      "-w",
      "/tmp",
      "-u",
      "user",
      "--hostname",
      "h1",
      "--entrypoint",
      "sh",
    ];
    const script = 'echo "$A $PASSED $(pwd) $(id -u) $(hostname)"';
    expect(await out("run", "--rm", "--network", "none", ...flags, host.image, "-c", script)).toBe(
      "1 from outside /tmp 1000 h1",
    );
  });

  test("a container in the background is listed, followed, stopped, waited for and removed", async () => {
    const name = "session-background";
    const cid = join(session.folder, "cid");
    const script = "trap 'echo bye; exit 5' TERM; echo hello; while true; do sleep 0.1; done";
    const id = await out(
      "run",
      "-d",
      "--name",
      name,
      "--cidfile",
      cid,
      "-l",
      "a=b",
      host.image,
      "sh",
      "-c",
      script,
    );
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(readFileSync(cid, "utf8")).toBe(id);
    expect(await out("ps", "--no-trunc", "-q", "--filter", "label=a=b")).toBe(id);
    expect(await out("ps", "--filter", `name=${name}`, "--format", "{{.Names}} {{.State}} {{.Image}}")).toBe(
      `${name} running ${host.image}`,
    );
    const follower = session.start(["logs", "-f", name]);
    const waiter = session.start(["wait", name]);
    const told = new Told(follower.stdout);
    await told.until("hello\n");
    expect(await out("stop", name)).toBe(name);
    expect(await told.whole()).toBe("hello\nbye\n");
    expect(await waiter.stdout.text()).toBe("5\n");
    expect(await out("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name)).toBe("exited 5");
    expect(await out("logs", "--tail", "1", name)).toBe("bye");
    expect(await out("rm", name)).toBe(name);
    const gone = await run(["inspect", "--type", "container", name]);
    expect(gone).toMatchObject({ status: 1, out: "[]\n" });
    expect(gone.err).toContain("No such container");
  });

  test("create and start -a give the output and the status; start again goes on", async () => {
    const name = "session-create";
    await out("create", "--name", name, host.image, "sh", "-c", "echo run; exit 4");
    expect(await run(["start", "-a", name])).toEqual({ status: 4, out: "run\n", err: "" });
    expect(await run(["start", "-a", name])).toMatchObject({ status: 4, out: "run\n" });
    expect(await out("logs", name)).toBe("run\nrun");
    expect(await out("rm", name)).toBe(name);
  });

  test("exec runs beside the program, with its own streams, user and status", async () => {
    await using _box = await sleeping("session-exec");
    expect(await run(["exec", "session-exec", "sh", "-c", "echo o; echo e >&2; exit 9"])).toEqual({
      status: 9,
      out: "o\n",
      err: "e\n",
    });
    expect((await run(["exec", "-i", "session-exec", "cat"], "through")).out).toBe("through");
    const flags = ["-u", "user", "-w", "/tmp", "-e", "B=2"];
    expect(await out("exec", ...flags, "session-exec", "sh", "-c", "echo $(id -u) $(pwd) $B")).toBe(
      "1000 /tmp 2",
    );
    expect([126, 127]).toContain((await run(["exec", "session-exec", "nosuch"])).status);
    await out("exec", "-d", "session-exec", "touch", "/tmp/made");
    expect((await run(["exec", "nosuch-container", "true"])).err).toContain(
      "No such container: nosuch-container",
    );
  });

  test("run -it has a terminal of this one's size, follows it, and detaches by keys; attach goes on", async () => {
    const name = "session-terminal";
    const screen = session.onTerminal(["run", "-it", "--name", name, host.image, "sh"]);
    await screen.shows("# ");
    screen.type("stty size\r");
    await screen.shows("30 100");
    screen.resize(120, 40);
    screen.type("until stty size | grep 120; do sleep 0.05; done\r");
    await screen.shows("40 120");
    screen.type("\u0010\u0011");
    expect(await screen.exited).toBe(0);
    expect(await out("inspect", "-f", "{{.State.Running}}", name)).toBe("true");
    const again = session.onTerminal(["attach", name]);
    again.type("echo a-$((6*7))-b\r");
    await again.shows("a-42-b");
    again.type("exit 6\r");
    expect(await again.exited).toBe(6);
    await out("rm", name);
  });

  test("exec -it has a terminal", async () => {
    await using _box = await sleeping("session-exec-terminal");
    const screen = session.onTerminal(["exec", "-it", "session-exec-terminal", "sh"]);
    await screen.shows("# ");
    screen.type("stty size; exit 8\r");
    await screen.shows("30 100");
    expect(await screen.exited).toBe(8);
  });

  test("a signal to run is one to the program", async () => {
    const script = "trap 'echo got; exit 11' TERM; echo ready; while true; do sleep 0.1; done";
    const child = session.start(["run", "--rm", host.image, "sh", "-c", script]);
    const told = new Told(child.stdout);
    await told.until("ready\n");
    child.kill("SIGTERM");
    expect(await told.whole()).toBe("ready\ngot\n");
    expect(await child.exited).toBe(11);
  });

  test("cp goes both ways, with folders, links and archives", async () => {
    await using _box = await sleeping("session-copy");
    const local = (name: string) => join(session.folder, name);
    mkdirSync(local("tree/sub"), { recursive: true });
    writeFileSync(local("tree/sub/two"), "two");
    writeFileSync(local("tree/one"), "one", { mode: 0o640 });
    symlinkSync("one", local("tree/link"));
    await out("cp", "tree", "session-copy:/tmp");
    await out("cp", "tree/.", "session-copy:/tmp/other");
    await out("cp", "tree/one", "session-copy:/tmp/renamed");
    const listed = "cat /tmp/tree/sub/two /tmp/other/one /tmp/renamed; readlink /tmp/tree/link";
    expect(await out("exec", "session-copy", "sh", "-c", listed)).toBe("twooneoneone");
    await out("cp", "session-copy:/tmp/tree", "back");
    await out("cp", "session-copy:/tmp/renamed", "back/");
    expect(readFileSync(local("back/sub/two"), "utf8")).toBe("two");
    expect(readFileSync(local("back/renamed"), "utf8")).toBe("one");
    const archive = await run(["cp", "session-copy:/tmp/tree", "-"]);
    const names = Bun.spawnSync(["tar", "-t"], {
      stdin: Buffer.from(archive.out, "latin1"),
    }).stdout.toString();
    expect(names).toContain("tree/sub/two");
    const absent = await run(["cp", "session-copy:/nosuch", "."]);
    expect(absent.status).toBe(1);
    expect(absent.err).toContain("/nosuch");
  });

  test("pause, rename, update, top, diff, stats, kill and restart act on a running container", async () => {
    await using _box = await sleeping("session-acts");
    await out("pause", "session-acts");
    expect(await out("inspect", "-f", "{{.State.Status}}", "session-acts")).toBe("paused");
    await out("unpause", "session-acts");
    await out("update", "-m", "64m", "--memory-swap", "64m", "session-acts");
    expect(await out("inspect", "-f", "{{.HostConfig.Memory}}", "session-acts")).toBe("67108864");
    expect(await out("top", "session-acts")).toMatch(/PID.*\n.*sleep 1000/);
    await out("exec", "session-acts", "touch", "/tmp/x");
    expect((await out("diff", "session-acts")).split("\n")).toContain("A /tmp/x");
    const stats = await out(
      "stats",
      "--no-stream",
      "--format",
      "{{.Name}} {{.MemUsage}} {{.PIDs}}",
      "session-acts",
    );
    expect(stats).toMatch(/^session-acts [\d.]+[KM]iB \/ 64MiB [1-9]\d*$/);
    await out("update", "--cpus", "0.5", "session-acts");
    const limits = "{{.CPULimit}} {{.CPULimitPerc}} {{.CPUHostPerc}}";
    expect(await out("stats", "--no-stream", "--format", limits, "session-acts")).toMatch(
      /^0\.5 [\d.]+% [\d.]+%$/,
    );
    await out("rename", "session-acts", "session-renamed");
    await out("rename", "session-renamed", "session-acts");
    const before = await out("inspect", "-f", "{{.State.StartedAt}}", "session-acts");
    await out("restart", "-t", "1", "session-acts");
    expect(await out("inspect", "-f", "{{.State.StartedAt}}", "session-acts")).not.toBe(before);
    await out("kill", "session-acts");
    expect(await out("wait", "session-acts")).toBe("137");
  });

  test("stats on a terminal shows who comes and goes, until Ctrl-C", async () => {
    const screen = session.onTerminal(["stats", "--format", "table {{.Name}}\t{{.PIDs}}"]);
    await screen.shows("PIDS");
    {
      await using _box = await sleeping("session-stats");
      await screen.shows("session-stats");
    }
    screen.type("\u0003");
    expect([0, 130]).toContain(await screen.exited);
  });

  test("logs -f ends by Ctrl-C, and the container goes on", async () => {
    await using _box = await sleeping("session-follow");
    const child = session.start(["logs", "-f", "session-follow"]);
    expect(await out("inspect", "-f", "{{.State.Running}}", "session-follow")).toBe("true");
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    expect(await out("inspect", "-f", "{{.State.Running}}", "session-follow")).toBe("true");
  });

  test("events tell what has happened", async () => {
    const name = "session-events";
    await run(["run", "--rm", "--name", name, host.image, "true"]);
    const lines = await out(
      "events",
      "--since",
      "1m",
      "--until",
      "0s",
      "--filter",
      `container=${name}`,
      "--format",
      "{{.Action}}",
    );
    expect(lines.split("\n")).toEqual(expect.arrayContaining(["create", "start", "die", "destroy"]));
  });

  test("a container becomes an image, which is tagged, saved, loaded, listed and removed", async () => {
    const name = "session-commit";
    await out("run", "--name", name, host.image, "sh", "-c", "echo kept > /tmp/kept");
    const id = await out("commit", "-m", "why", "-c", "ENV X=y", name, "session/image:1");
    expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
    await out("rm", name);
    await out("tag", "session/image:1", "session/image:2");
    expect((await out("images", "session/image", "--format", "{{.Tag}}")).split("\n").toSorted()).toEqual([
      "1",
      "2",
    ]);
    expect(await out("run", "--rm", "session/image:2", "sh", "-c", "cat /tmp/kept; echo $X")).toBe("kept\ny");
    await out("save", "-o", "image.tar", "session/image:1");
    await out("rmi", "session/image:1", "session/image:2");
    expect(await out("load", "-i", "image.tar")).toContain("session/image:1");
    expect(await out("history", "--format", "{{.Comment}}", "session/image:1")).toContain("why");
    await out("rmi", "session/image:1");
    expect((await run(["image", "inspect", "session/image:1"])).err).toMatch(
      /No such image|session\/image:1/,
    );
  });

  test("a volume keeps what a container wrote", async () => {
    expect(await out("volume", "create", "--label", "s=1", "session-volume")).toBe("session-volume");
    await out("run", "--rm", "-v", "session-volume:/data", host.image, "sh", "-c", "echo kept > /data/file");
    const flags = ["--mount", "type=volume,src=session-volume,dst=/data,ro"];
    expect(await out("run", "--rm", ...flags, host.image, "cat", "/data/file")).toBe("kept");
    expect(await out("volume", "ls", "-q", "--filter", "label=s=1")).toBe("session-volume");
    expect(await out("volume", "inspect", "-f", "{{.Driver}}", "session-volume")).toBe("local");
    await out("volume", "rm", "session-volume");
    expect((await run(["volume", "rm", "session-volume"])).status).toBe(1);
    expect((await run(["volume", "rm", "-f", "session-volume"])).status).toBe(0);
  });

  test("info and version tell of the daemon", async () => {
    expect(await out("info", "-f", "{{.OSType}}")).toBe("linux");
    expect(await out("version", "--format", "{{.Server.ApiVersion}}")).toMatch(/^1\.\d+$/);
    expect(await out("system", "df", "--format", "{{.Type}}")).toMatch(/^Images\n/);
  });

  test("what only Sampan's daemon has says so elsewhere", async () => {
    const { err, status } = await run(["system", "audit"]);
    if (host.ours) expect(err).toBe("");
    else
      expect({ err, status }).toMatchObject({
        status: 1,
        err: expect.stringContaining("only Sampan's own has"),
      });
  });

  test("a network connects containers by name, and a published port is told", async () => {
    if (!host.networks) return;
    await out("network", "create", "--subnet", "10.251.7.0/24", "session-network");
    {
      await using _one = await sleeping(
        "session-one",
        "--network",
        "name=session-network,alias=other",
        "--ip",
        "10.251.7.9",
      );
      await using _two = await sleeping("session-two", "--network", "session-network", "-p", "127.0.0.1::80");
      const template = "{{range .Containers}}{{.IPv4Address}} {{end}}";
      expect(await out("network", "inspect", "-f", template, "session-network")).toContain("10.251.7.9/24");
      expect(await out("exec", "session-two", "nslookup", "other")).toContain("10.251.7.9");
      expect(await out("port", "session-two", "80")).toMatch(/^127\.0\.0\.1:\d+$/);
      await out("network", "disconnect", "session-network", "session-two");
    }
    expect(await out("network", "rm", "session-network")).toBe("session-network");
  });
}
