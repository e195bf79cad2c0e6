/** The launcher as a container's first process: what it starts, passes on, waits for, and ends with. In a pid namespace of its own, where orphans fall to it. */
import { describe, expect } from "bun:test";
import { needing } from "../needs.ts";

const needs = { root: true, programs: ["unshare", "busybox"] } as const;

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function start(launcher: string, words: readonly string[], stdin: "ignore" | "pipe" = "ignore") {
  const namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
  return Bun.spawn([...namespace, launcher, "--", ...words], { stdin, stdout: "pipe", stderr: "pipe" });
}

async function run(launcher: string, words: readonly string[]): Promise<Ended> {
  const child = start(launcher, words);
  const [stdout, stderr, status] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { status, stdout, stderr };
}

const sh = (script: string) => ["busybox", "sh", "-c", script];

describe.each(["build/launcher", "build/launcher-sanitized"])("%s", (launcher) => {
  const { test } = needing({ ...needs, files: [launcher] });
  test("ends as its program ended", async () => {
    expect(await run(launcher, ["true"])).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(await run(launcher, sh("exit 7"))).toMatchObject({ status: 7 });
    expect(await run(launcher, sh("kill -TERM $$"))).toMatchObject({ status: 128 + 15 });
    expect(await run(launcher, sh("kill -KILL $$"))).toMatchObject({ status: 128 + 9 });
  });
  test("says what it cannot execute, with the status that a shell gives", async () => {
    expect(await run(launcher, ["not-there"])).toEqual({
      status: 127,
      stdout: "",
      stderr: "exec not-there: no such file or directory\n",
    });
    expect(await run(launcher, ["/etc/passwd"])).toMatchObject({ status: 126 });
    expect(await run(launcher, ["/etc"])).toMatchObject({ status: 126 });
    expect(await run(launcher, [""])).toMatchObject({ status: 127 });
  });
  test("hands on arguments, environment and signals as it got them", async () => {
    const script = sh('echo $#/$1; env | grep ^PATH=; grep -E "^Sig(Blk|Ign)" /proc/self/status');
    const without = Bun.spawnSync(script).stdout.toString();
    expect(without).toContain("SigIgn:");
    expect((await run(launcher, script)).stdout).toBe(without);
    expect((await run(launcher, ["echo", "--", "a b", ""])).stdout).toBe("-- a b \n");
  });
  test("waits for what was left behind", async () => {
    // Nobody else waits for it: unreaped it would be in /proc for ever.
    const { status, stdout } = await run(
      launcher,
      sh(`pid=$(busybox sh -c 'busybox true & echo $!'); while [ -e /proc/$pid ]; do :; done; echo gone`),
    );
    expect({ status, stdout }).toEqual({ status: 0, stdout: "gone\n" });
  });
  test("passes signals on to its program, and to that alone", async () => {
    const below = `trap 'echo below; exit 1' USR1; echo deep; while :; do busybox sleep 0.01; done`;
    const child = start(
      launcher,
      sh(
        `trap 'echo told; kill -KILL $below; exit 5' USR1; busybox sh -c "${below}" & below=$!; while :; do busybox sleep 0.01; done`,
      ),
    );
    const reader = child.stdout.getReader();
    const text = async () => new TextDecoder().decode((await reader.read()).value);
    expect(await text()).toBe("deep\n");
    const first = (await Bun.file(`/proc/${child.pid}/task/${child.pid}/children`).text()).trim();
    process.kill(Number(first), "SIGUSR1");
    expect(await text()).toBe("told\n");
    expect(await child.exited).toBe(5);
  });
  test("survives what stops others: a terminal's signals for the background", async () => {
    const child = start(launcher, ["busybox", "cat"], "pipe");
    const first = await until(async () =>
      (await Bun.file(`/proc/${child.pid}/task/${child.pid}/children`).text()).trim(),
    );
    await until(async () => (await Bun.file(`/proc/${first}/task/${first}/children`).text()).trim());
    for (const signal of ["SIGTTIN", "SIGTTOU"] as const) process.kill(Number(first), signal);
    expect(await Bun.file(`/proc/${first}/status`).text()).toMatch(/^State:\tS/m);
    await child.stdin?.end();
    expect(await child.exited).toBe(0);
  });
  test("is no init without words", async () => {
    const { status, stderr } = await run(launcher, []);
    expect({ status, stderr }).toEqual({
      status: 125,
      stderr: "sampan-launcher: it is started by sampan, with a plan\n",
    });
  });
});

async function until<T>(look: () => Promise<T>): Promise<T> {
  for (const signal = AbortSignal.timeout(10_000); ; signal.throwIfAborted()) {
    const seen = await look();
    if (seen) return seen;
    await Bun.sleep(1);
  }
}
