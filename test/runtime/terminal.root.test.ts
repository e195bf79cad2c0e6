/** Terminals: sent to a console socket, or relayed by a foreground run whose own terminal util-linux's `script` is. */
import { expect } from "bun:test";
import { needing } from "../needs.ts";
import { Box, needs, until, type BundleOptions } from "./_container.ts";
import { Peer, putTool } from "./_tool.ts";

const { test } = needing({ ...needs, programs: [...needs.programs, "gcc"] });
const outer = needing({ ...needs, programs: [...needs.programs, "script"] });

const terminal = (script: string, size?: { height: number; width: number }): BundleOptions => ({
  script,
  config: (config) => {
    config.process.terminal = true;
    if (size) config.process.consoleSize = size;
  },
});

test("create sends the terminal's master: the modes of a new terminal, the size that was asked for, and output flows", async () => {
  using box = new Box(
    terminal("tty; stty size; readlink /proc/self/fd/2; read line; echo got $line", {
      height: 31,
      width: 97,
    }),
  );
  using peer = await Peer.start("console", box.path("console.sock"));
  expect(box.create({ extra: ["--console-socket", box.path("console.sock")] })).toEqual({
    status: 0,
    stdout: "",
    stderr: "",
  });
  box.ok(["start", box.id]);
  // All that it says before it reads: what is typed is shown as soon as it is there.
  await until(() => peer.text().split("/dev/pts/0\r\n").length === 3);
  peer.write("word\n");
  const text = await peer.ended();
  expect(text.replaceAll("\r", "")).toBe(
    "name /dev/pts/ptmx\nonlcr 1\nsize 31 97\n/dev/pts/0\n31 97\n/dev/pts/0\nword\ngot word\n",
  );
  await until(() => box.state().status === "stopped");
});

test("a detached run sends the master too, and the terminal is the container's controlling one at /dev/console", async () => {
  using box = new Box(
    terminal("sleep 1000 & echo $(ps -o pid,tty | tail -n 1); ls -l /dev/console; kill -INT 0; wait"),
  );
  using peer = await Peer.start("console", box.path("console.sock"));
  box.ok(["run", "-d", "--console-socket", box.path("console.sock"), "-b", box.bundle, box.id]);
  const text = await peer.ended();
  expect(text).toMatch(/^name .*\nonlcr 1\nsize 0 0\n/);
  expect(text).toMatch(/crw--w---- +1 +(root|0) +\S+ +136, +0 .* \/dev\/console/);
});

test("exec sends a terminal of its own, whose interrupt reaches the process", async () => {
  using box = new Box({ args: ["sleep", "1000"] });
  putTool(box);
  box.create();
  box.ok(["start", box.id]);
  using peer = await Peer.start("console", box.path("console.sock"));
  const script = "trap 'echo interrupted; exit' INT; tty; while :; do sleep 0.01; done";
  box.ok(["exec", "-d", "-t", "--console-socket", box.path("console.sock"), box.id, "sh", "-c", script]);
  await until(() => peer.text().includes("/dev/pts/0"));
  peer.write("\x03");
  expect(await peer.ended()).toMatch(/onlcr 1\nsize 0 0\n\/dev\/pts\/0\r\n\^C(\r\n)?interrupted\r\n/);
});

test("a terminal without a console socket, and the reverse, are refused", () => {
  using box = new Box(terminal("true"));
  expect(box.create().stderr).toContain("without setting console socket");
  expect(box.run(["run", "-d", "-b", box.bundle, box.id]).stderr).toContain("without setting console socket");
  box.write();
  expect(box.create({ extra: ["--console-socket", "/nowhere"] }).stderr).toContain(
    "cannot use console socket if runc will not detach or allocate tty",
  );
  box.write(terminal("true"));
  expect(box.create({ extra: ["--console-socket", box.path("absent.sock")] }).stderr).toMatch(
    /console-socket.*no such file or directory/,
  );
  expect(box.cgroups()).toEqual([]);
});

/** A shell in a terminal of its own runs the command; gives all that the terminal showed. */
function inTerminal(box: Box, command: string) {
  const argv = ["script", "-qec", command, "/dev/null"];
  return Bun.spawn(argv, {
    cwd: box.bundle,
    env: { PATH: process.env["PATH"] ?? "", SHELL: "/bin/bash", TERM: "xterm" },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
}

const quoted = (argv: readonly string[]): string => argv.map((word) => `'${word}'`).join(" ");

outer.test(
  "a foreground run relays its terminal, gives the exit status, and restores the modes",
  async () => {
    using box = new Box(terminal("test -t 0 && test -t 1 && test -t 2 && tty; stty size; exit 9"));
    const run = quoted(box.argv(["run", "-b", box.bundle, box.id]));
    const command = `stty rows 33 cols 77; stty -g >${box.path("before")}; ${run}; s=$?; stty -g >${box.path("after")}; exit $s`;
    const shown = inTerminal(box, command);
    const text = await new Response(shown.stdout).text();
    expect(await shown.exited).toBe(9);
    expect(text.replaceAll("\r", "")).toContain("/dev/pts/0\n33 77\n");
    expect(box.read("after")).toBe(box.read("before"));
  },
);

outer.test("what is typed reaches the container raw: an interrupt is its own", async () => {
  using box = new Box(
    terminal("trap 'echo interrupted; exit 5' INT; echo armed; while :; do sleep 0.01; done"),
  );
  const shown = inTerminal(box, quoted(box.argv(["run", "-b", box.bundle, box.id])));
  const reader = shown.stdout.getReader();
  let text = "";
  const decoder = new TextDecoder();
  while (!text.includes("armed")) text += decoder.decode((await reader.read()).value);
  void shown.stdin.write("\x03");
  void shown.stdin.flush();
  for (let next = await reader.read(); !next.done; next = await reader.read())
    text += decoder.decode(next.value);
  expect(await shown.exited).toBe(5);
  expect(text).toContain("interrupted");
});

outer.test("a resize of the outer terminal is passed on", async () => {
  using box = new Box(
    terminal("trap 'stty size; exit 0' WINCH; echo armed >/tmp/armed; while :; do sleep 0.01; done"),
  );
  const run = quoted(box.argv(["run", "-b", box.bundle, box.id]));
  const armed = `${box.rootfs}/tmp/armed`;
  // stty's ioctl on the outer terminal raises SIGWINCH in its foreground process group, where the runtime is.
  const command = `t=$(tty); stty rows 20 cols 40; (while ! test -e ${armed}; do sleep 0.01; done; stty rows 41 cols 83 <$t) & ${run}`;
  const shown = inTerminal(box, command);
  const text = await new Response(shown.stdout).text();
  expect(await shown.exited).toBe(0);
  expect(text).toContain("41 83");
});

outer.test("exec -t in the foreground has a terminal and gives the exit status", async () => {
  using box = new Box({ args: ["sleep", "1000"] });
  box.create();
  box.ok(["start", box.id]);
  const exec = quoted(box.argv(["exec", "-t", box.id, "sh", "-c", "tty; exit 4"]));
  const shown = inTerminal(box, exec);
  const text = await new Response(shown.stdout).text();
  expect(await shown.exited).toBe(4);
  expect(text).toContain("/dev/pts/0");
});

test("a foreground run with a terminal works without one of its own", () => {
  using box = new Box(terminal("tty; cat; exit 6"));
  const { status, stdout } = box.foreground({ stdin: "typed\n\x04" });
  expect(status).toBe(6);
  const shown = stdout.trim().split(/\r?\n/);
  // What was typed is shown as soon as it is there: before or after the name.
  expect(shown.toSorted()).toEqual(["/dev/pts/0", "typed", "typed"]);
});
