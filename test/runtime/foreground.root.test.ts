/** The foreground: what the caller's process does while the container runs, and what is left when it has ended. */
import { expect } from "bun:test";
import {
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from "node:fs";
import { needing } from "../needs.ts";
import { Box, executable, isRunning, logged, needs, until, withoutNamespace } from "./_container.ts";
import { Peer } from "./_tool.ts";

const { test } = needing(needs);
const withTool = needing({ ...needs, programs: [...needs.programs, "gcc"] });

/** A foreground run whose output is read while it runs. */
function running(box: Box, extra: readonly string[] = []) {
  return Bun.spawn(box.argv(["run", ...extra, "-b", box.bundle, box.id]), {
    cwd: box.bundle,
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
}

async function readUntil(stream: ReadableStream<Uint8Array>, text: string): Promise<string> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let seen = "";
  while (!seen.includes(text)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`"${text}" did not come, only "${seen}"`);
    seen += decoder.decode(value);
  }
  reader.releaseLock();
  return seen;
}

test.each([
  ["exit 0", 0],
  ["exit 42", 42],
  ["exit 255", 255],
  ["kill -KILL $$; sleep 1000", 137],
  ["kill -SEGV $$; sleep 1000", 139],
])("the exit status is the container's: %s", (script, status) => {
  // As process 1 of a pid namespace a shell is immune against its own signals.
  using box = new Box({ script, config: (config) => withoutNamespace(config, "pid") });
  expect(box.foreground()).toEqual({ status, stdout: "", stderr: "" });
  expect(readdirSync(box.root)).toEqual([]);
  expect(box.cgroups()).toEqual([]);
});

test.each(["HUP", "INT", "QUIT", "USR1", "USR2", "TERM", "CONT", "WINCH", "ALRM"])(
  "SIG%s is passed on to the container",
  async (signal) => {
    using box = new Box({
      script: `trap 'echo got; exit 9' ${signal}; echo armed; while :; do sleep 0.01; done`,
    });
    const run = running(box);
    await readUntil(run.stdout, "armed");
    run.kill(`SIG${signal}` as NodeJS.Signals);
    expect(await readUntil(run.stdout, "got")).toContain("got");
    expect(await run.exited).toBe(9);
  },
);

test("a container that a signal ends gives 128 and its number", async () => {
  using box = new Box({
    script: "echo armed; exec sleep 1000",
    config: (config) => withoutNamespace(config, "pid"),
  });
  const run = running(box);
  await readUntil(run.stdout, "armed");
  run.kill("SIGTERM");
  expect(await run.exited).toBe(143);
});

test.each(["HUP", "INT", "QUIT", "USR1", "TERM", "WINCH"])(
  "exec passes SIG%s on to its process",
  async (signal) => {
    using box = new Box({ args: ["sleep", "1000"] });
    box.create();
    box.ok(["start", box.id]);
    const script = `trap 'echo got; exit 9' ${signal}; echo armed; while :; do sleep 0.01; done`;
    const exec = Bun.spawn(box.argv(["exec", box.id, "sh", "-c", script]), {
      stdout: "pipe",
      stderr: "ignore",
    });
    await readUntil(exec.stdout, "armed");
    exec.kill(`SIG${signal}` as NodeJS.Signals);
    await readUntil(exec.stdout, "got");
    expect(await exec.exited).toBe(9);
  },
);

test.each([
  ["exit 0", 0],
  ["exit 42", 42],
  ["kill -KILL $$", 137],
  ["kill -SEGV $$", 139],
])("the exit status of exec is its process's: %s", (script, status) => {
  using box = new Box({ args: ["sleep", "1000"] });
  box.create();
  box.ok(["start", box.id]);
  expect(box.run(["exec", box.id, "sh", "-c", script])).toEqual({ status, stdout: "", stderr: "" });
});

test("an exec whose runtime is killed at any moment leaves nothing that delete does not remove", async () => {
  using box = new Box({ args: ["sleep", "1000"] });
  box.create();
  box.ok(["start", box.id]);
  for (let i = 0; i < 20; i++) {
    const exec = Bun.spawn(box.argv(["exec", box.id, "sh", "-c", "echo $$ >>/tmp/ran; exec sleep 1000"]), {
      stdout: "ignore",
    });
    await Bun.sleep(i);
    exec.kill(9);
    await exec.exited;
  }
  box.ok(["delete", "--force", box.id]);
  expect(box.cgroups()).toEqual([]);
});

test("standard input, output and error are the caller's: pipes, files, closed ones", async () => {
  using box = new Box({ script: "cat; echo error >&2" });
  expect(box.foreground({ stdin: "through a pipe\n" })).toEqual({
    status: 0,
    stdout: "through a pipe\n",
    stderr: "error\n",
  });
  writeFileSync(box.path("in"), "from a file\n");
  const [input, output] = [openSync(box.path("in"), "r"), openSync(box.path("out"), "w")];
  const argv = box.argv(["run", "-b", box.bundle, box.id]);
  const run = Bun.spawn(argv, { stdin: input, stdout: output, stderr: output });
  expect(await run.exited).toBe(0);
  for (const fd of [input, output]) closeSync(fd);
  expect(box.read("out")).toBe("from a file\nerror\n");
  const closed = Bun.spawnSync(["sh", "-c", `exec '${argv.join("' '")}' <&- >&-`]);
  // What is closed is /dev/null by the time that a program of a language with a runtime of its own runs; runc is one too.
  expect({ status: closed.exitCode, stderr: closed.stderr.toString() }).toEqual({
    status: 0,
    stderr: "error\n",
  });
});

test("orphans of the container are reaped while it runs", async () => {
  using box = new Box({
    script: "(sh -c 'sleep 0.01; exit 3' &) ; (true &); echo armed; read line; exit 0",
    config: (config) => withoutNamespace(config, "pid"),
  });
  const run = running(box);
  await readUntil(run.stdout, "armed");
  await until(() => childrenOf(run.pid).length === 1);
  void run.stdin.write("\n");
  void run.stdin.end();
  expect(await run.exited).toBe(0);
});

function childrenOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
}

test("without a pid namespace of its own, what the container left running is killed and its cgroup removed", () => {
  using box = new Box({
    script: "sleep 1000 & setsid sleep 1000 & (trap '' TERM HUP; sleep 1000) & echo $! >/tmp/left; exit 4",
    config: (config) => withoutNamespace(config, "pid"),
  });
  expect(box.foreground().status).toBe(4);
  expect(isRunning(Number(readFileSync(`${box.rootfs}/tmp/left`, "utf8")))).toBe(false);
  expect(box.cgroups()).toEqual([]);
});

test("--keep leaves the container stopped, to be deleted", () => {
  using box = new Box({ script: "exit 2" });
  expect(box.foreground({ extra: ["--keep"] }).status).toBe(2);
  expect(box.state()).toMatchObject({ status: "stopped", pid: 0, id: box.id });
  expect(box.foreground().stderr).toContain("already exists");
  box.ok(["delete", box.id]);
  expect(box.cgroups()).toEqual([]);
});

test("--detach gives the container back running, with its process in --pid-file", () => {
  using box = new Box({ args: ["sleep", "1000"] });
  box.ok(["run", "-d", "--pid-file", "pid", "-b", box.bundle, box.id], {
    cwd: box.dir,
    stdout: box.path("out"),
  });
  const { status, pid } = box.state();
  expect(status).toBe("running");
  expect(box.read("pid")).toBe(String(pid));
  box.ok(["kill", box.id, "KILL"]);
});

withTool.test(
  "--pidfd-socket gets a descriptor of the container's process, for create, run and exec",
  async () => {
    using box = new Box({ args: ["sleep", "1000"] });
    const socket = box.path("pidfd.sock");
    const number = async (peer: Peer): Promise<number> =>
      Number(/Pid:\s+(\d+)/.exec(await peer.ended())?.[1]);
    using first = await Peer.start("pidfd", socket);
    expect(box.create({ extra: ["--pidfd-socket", socket] })).toMatchObject({ status: 0, stderr: "" });
    expect(await number(first)).toBe(box.state().pid);
    box.ok(["start", box.id]);
    Bun.spawnSync(["rm", socket]);
    using second = await Peer.start("pidfd", socket);
    box.ok(["exec", "-d", "--pid-file", box.path("pid"), "--pidfd-socket", socket, box.id, "sleep", "1000"], {
      stdout: box.path("out"),
    });
    expect(await number(second)).toBe(Number(box.read("pid")));
  },
);

/** The runtime with three files open from descriptor 3 up. */
function withFds(box: Box, args: readonly string[], env: Record<string, string> = {}) {
  const fds = ["three", "four", "five"].map((name) => {
    writeFileSync(box.path(name), `${name}\n`);
    return openSync(box.path(name), "r");
  });
  try {
    return box.run(args, { fds, env });
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

const showFds =
  "cat <&3 2>/dev/null; cat <&4 2>/dev/null; ls /proc/self/fd | tr '\\n' ' '; echo $LISTEN_FDS $LISTEN_PID";

test("only the descriptors that are preserved reach the container", () => {
  using box = new Box({ script: showFds });
  const run = (...extra: string[]) => withFds(box, ["run", ...extra, "-b", box.bundle, box.id]).stdout;
  // 3 is the folder that ls reads.
  expect(run()).toBe("0 1 2 3 \n");
  expect(run("--preserve-fds", "1")).toBe("three\n0 1 2 3 4 \n");
  expect(run("--preserve-fds", "2")).toBe("three\nfour\n0 1 2 3 4 5 \n");
  const missing = withFds(box, ["run", "--preserve-fds", "9", "-b", box.bundle, box.id]);
  expect(missing.status).toBe(1);
  expect(logged(missing.stderr)).toContain("--preserve-fds");
});

test("LISTEN_FDS passes descriptors on with the variables, before those of --preserve-fds", () => {
  using box = new Box({ script: showFds });
  const run = (env: Record<string, string>, ...extra: string[]) =>
    withFds(box, ["run", ...extra, "-b", box.bundle, box.id], env).stdout;
  expect(run({ LISTEN_FDS: "1" })).toBe("three\n0 1 2 3 4 1 1\n");
  expect(run({ LISTEN_FDS: "1" }, "--preserve-fds", "1")).toBe("three\nfour\n0 1 2 3 4 5 1 1\n");
});

test("exec preserves descriptors too", () => {
  using box = new Box({ args: ["sleep", "1000"] });
  box.create();
  box.ok(["start", box.id]);
  expect(withFds(box, ["exec", box.id, "sh", "-c", showFds]).stdout).toBe("0 1 2 3 \n");
  expect(withFds(box, ["exec", "--preserve-fds", "1", box.id, "sh", "-c", showFds]).stdout).toBe(
    "three\n0 1 2 3 4 \n",
  );
});

test("--no-pivot moves the root in place of pivoting", () => {
  using box = new Box({ script: "ls /; cat /proc/self/mountinfo | head -n 1" });
  const { status, stdout } = box.foreground({ extra: ["--no-pivot"] });
  expect(status).toBe(0);
  expect(stdout).toContain("bin\n");
  expect(stdout).not.toContain("boot\n");
});

test("without --no-new-keyring the container has a session keyring of its own", () => {
  const options = { args: ["cat", "/proc/keys"], config: unmasked };
  using box = new Box(options);
  expect(box.foreground().stdout).toContain(`_ses.${box.id}`);
  using old = new Box(options);
  expect(old.foreground({ extra: ["--no-new-keyring"] }).stdout).not.toContain(`_ses.${old.id}`);
});

const unmasked = (config: { linux?: { maskedPaths?: string[] } }): void => {
  config.linux = { ...config.linux, maskedPaths: [] };
};

test("errors go to --log in the format that was asked for, and to standard error", () => {
  using box = new Box({ args: ["absent"] });
  const failing = (...flags: string[]) => box.foreground({ flags: ["--log", box.path("log"), ...flags] });
  expect(failing("--log-format", "json").status).toBe(1);
  const [line = ""] = box.read("log").trim().split("\n");
  const entry = JSON.parse(line) as Record<string, string>;
  expect(entry).toMatchObject({ level: "error" });
  expect(entry["msg"]).toContain('exec: "absent": executable file not found in $PATH');
  expect(Date.parse(entry["time"] ?? "")).toBeGreaterThan(0);
  failing("--log-format", "text");
  expect(box.read("log").trim().split("\n").at(-1)).toMatch(/^time="[^"]+" level=error msg=".*absent/);
  expect(failing("--log-format", "xml").stderr).toContain("xml");
});

test("--root may be relative, and is made when it is missing", () => {
  using box = new Box({ args: ["sleep", "1000"] });
  const call = (...args: string[]) =>
    Bun.spawnSync([executable, "runtime", "--root", "deep/er", ...args], {
      cwd: box.dir,
      stdin: "ignore",
      stdout: Bun.file(box.path("out")),
      stderr: Bun.file(box.path("err")),
    }).exitCode;
  expect(call("create", "-b", box.bundle, box.id)).toBe(0);
  expect(existsSync(box.path(`deep/er/${box.id}/state.json`))).toBe(true);
  expect(call("delete", "--force", box.id)).toBe(0);
  expect(existsSync(box.path(`deep/er/${box.id}`))).toBe(false);
});

test("--systemd-cgroup without a bus says what it looked for", () => {
  using box = new Box();
  const options = { flags: ["--systemd-cgroup"], env: { DBUS_SYSTEM_BUS_ADDRESS: "unix:path=/nowhere/bus" } };
  const { status, stderr } = box.foreground(options);
  expect(status).toBe(1);
  expect(logged(stderr)).toMatch(/systemd|bus/i);
  expect(existsSync(box.path(`root/${box.id}`))).toBe(false);
});

test.each(["", "..", ".", "a/b", "a b", "ä", "x".repeat(1025), "-"])("the id %p is refused", (id) => {
  using box = new Box();
  mkdirSync(box.root);
  const { status, stderr } = box.run(["run", "-b", box.bundle, "--", id]);
  if (id === "-") expect(status).toBe(0);
  else expect({ status, refused: /id/.test(stderr) }).toEqual({ status: 1, refused: true });
  expect(readdirSync(box.root)).toEqual([]);
});
