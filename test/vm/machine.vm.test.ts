import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync } from "node:fs";
import { needing } from "../needs.ts";
import { bootVm, type VirtualMachine } from "./machine.ts";
import { machineNeeds } from "./place.ts";

const { describe, test } = needing(machineNeeds);

describe("a virtual machine", () => {
  let vm: VirtualMachine;
  beforeAll(async () => {
    const file = { path: "/some/where/file", text: "#!/bin/sh\necho mine\n", mode: 0o755 };
    vm = await bootVm({ memoryMiB: 384, cpus: 2, files: [file] });
  });
  afterAll(() => vm?.[Symbol.asyncDispose]());

  test("runs a command and tells its exit code and both its outputs", async () => {
    const result = await vm.run(["sh", "-c", "echo out; echo err >&2; exit 3"]);
    expect(result).toEqual({ exitCode: 3, stdout: "out\n", stderr: "err\n" });
  });

  test("tells the end by a signal as a shell does", async () => {
    expect((await vm.shell("kill -TERM $$")).exitCode).toBe(128 + 15);
  });

  test("tells that a program is not there", async () => {
    const { exitCode, stderr } = await vm.run(["no-such-program"]);
    expect(exitCode).toBe(127);
    expect(stderr).toContain("cannot run no-such-program");
  });

  test("gives a command its arguments, environment, directory and stdin unchanged", async () => {
    const script = 'printf "%s|" "$@"; printf "%s|" "$EXTRA"; pwd; cat';
    const { stdout } = await vm.run(["sh", "-c", script, "sh", "a b", "", "é\n"], {
      environment: { EXTRA: "x=y z" },
      directory: "/proc/self",
      input: "typed",
    });
    expect(stdout).toMatch(/^a b\|\|é\n\|x=y z\|\/proc\/\d+\ntyped$/);
  });

  test("carries megabytes in both directions", async () => {
    const input = new Uint8Array(3_000_001).fill(120);
    const { stdout } = await vm.run(["cat"], { input });
    expect(stdout.length).toBe(input.length);
    expect(/^x+$/.test(stdout)).toBe(true);
  });

  test("runs commands side by side", async () => {
    const waiting = vm.start(["sh", "-c", "until [ -e /tmp/go ]; do usleep 1000; done; echo went"]);
    expect((await vm.shell("touch /tmp/go; echo touched")).stdout).toBe("touched\n");
    expect((await waiting.result).stdout).toBe("went\n");
  });

  test("does not wait for what a command leaves running with its output", async () => {
    const { stdout } = await vm.shell("sleep 1000 & echo $!");
    expect((await vm.run(["kill", stdout.trim()])).exitCode).toBe(0);
  });

  test("shows output while the command runs", async () => {
    const command = vm.start(["sh", "-c", "echo one; exec sleep 1000"]);
    expect((await command.printed(/o(n)e/))[1]).toBe("n");
    command.kill();
    expect((await command.result).exitCode).toBe(128 + 9);
  });

  test("kills a command that is not done in time, with its children", async () => {
    const late = vm.run(["sh", "-c", "echo begun; sleep 4321; true"], { seconds: 1 });
    expect(await failureOf(late)).toMatch(/not done in 1 s, so killed\nstdout: begun/);
    expect((await vm.run(["ps"])).stdout).not.toContain("sleep 4321");
  });

  test("reaps orphans", async () => {
    const { stdout } = await vm.shell("(sh -c 'exec true' & echo $!)");
    const gone = `until ! [ -e /proc/${stdout.trim()} ]; do usleep 1000; done`;
    expect((await vm.shell(gone)).exitCode).toBe(0);
  });

  test("has the files that were asked for, and reads and writes others", async () => {
    expect((await vm.run(["/some/where/file"])).stdout).toBe("mine\n");
    await vm.write("/new/folder/text", "written\0\xff\n");
    expect(await vm.read("/new/folder/text")).toBe("written\0\xff\n");
    expect(await failureOf(vm.read("/absent"))).toContain('cannot read "/absent" in the guest');
  });

  test("has cgroup v2 with every controller, and no v1", async () => {
    expect(await vm.read("/sys/fs/cgroup/cgroup.controllers")).toBe(
      "cpuset cpu io memory hugetlb pids rdma misc\n",
    );
    expect((await vm.read("/proc/mounts")).match(/^\S+ \S+ cgroup\S*/gm)).toEqual([
      "cgroup2 /sys/fs/cgroup cgroup2",
    ]);
    expect(await vm.read("/proc/self/cgroup")).toBe("0::/\n");
  });

  test("has the processors and the memory that were asked for", async () => {
    expect((await vm.run(["nproc"])).stdout).toBe("2\n");
    const kilobytes = Number(/MemTotal:\s+(\d+)/.exec(await vm.read("/proc/meminfo"))?.[1]);
    expect(kilobytes).toBeGreaterThan(300 * 1024);
    expect(kilobytes).toBeLessThan(384 * 1024);
  });
});

describe("the end of a virtual machine", () => {
  test("that stands still is noticed, and what is run in it is refused from then on", async () => {
    await using vm = await bootVm({ silentSeconds: 3 });
    const running = failureOf(vm.run(["sleep", "1000"], { seconds: 1000 }));
    process.kill(vm.pid, "SIGSTOP");
    expect(await running).toContain("the guest stands still: its agent has not answered for");
    expect(await failureOf(vm.run(["true"]))).toContain("the guest stands still");
  });

  test("leaves no process, refuses what still ran, and keeps nothing for the next", async () => {
    const first = await bootVm();
    await first.write("/mark", "here");
    const running = first.run(["sleep", "1000"]);
    const refused = failureOf(running);
    await first[Symbol.asyncDispose]();
    expect(existsSync(`/proc/${first.pid}`)).toBe(false);
    expect(await refused).toContain("the machine is gone");
    await using second = await bootVm();
    expect(await failureOf(second.read("/mark"))).toContain("No such file");
  });

  test("comes with the end of the process that booted it", async () => {
    const script = `const { bootVm } = await import(${JSON.stringify(`${import.meta.dir}/machine.ts`)});
      const vm = await bootVm(); console.log(vm.pid); await new Promise(() => {});`;
    const booter = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
    const { value } = await booter.stdout.getReader().read();
    const pid = Number(new TextDecoder().decode(value));
    expect(existsSync(`/proc/${pid}`)).toBe(true);
    booter.kill("SIGKILL");
    while (isRunning(pid)) await Bun.sleep(5);
    expect(isRunning(pid)).toBe(false);
  });

  test("a guest that does not come up is an error that shows its console", async () => {
    // What the kernel says is there at once; what a program said before may be under way still.
    expect(await failureOf(bootVm({ boot: "/sbin/absent" }))).toContain("Attempted to kill init");
  });
});

/** The message of the promise's rejection. */
function failureOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "it did not fail",
    (error: Error) => error.message,
  );
}

/** False for a zombie too: it waits for this machine's process 1, which is no business of ours. */
function isRunning(pid: number): boolean {
  const state = Bun.spawnSync(["ps", "-o", "stat=", "-p", String(pid)]).stdout.toString();
  return state !== "" && !state.startsWith("Z");
}
