/**
 * Not a fault with a number, but the worst that `exec` can do: the container's init ends while `exec` looks at it, its number is nobody's or another
 * process's by then, the namespaces to be joined cannot be read or are the host's own, and the program runs on the host as root. A container chooses the
 * moment of its end itself. Here init is held by a descriptor, and it must be alive, with the start time that was recorded, after its namespaces were read.
 *
 * The program of this test is only on the host, so that it can run nowhere else. strace slows `exec` down between taking the descriptor and reading the
 * namespaces, and the container is killed in between: this runtime, before it looked again, ran the program on the host.
 */
import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { expect } from "bun:test";
import { needing } from "../needs.ts";
import { Bundle, needs } from "./_bundle.ts";

const { test } = needing({ ...needs, programs: [...needs.programs, "strace"] });

/** The program that only the host has, in a container that is killed by `end` while exec reads its namespaces. */
async function execBeside(end: (pid: number) => void) {
  using bundle = new Bundle();
  const program = `${bundle.place}/host-program`;
  copyFileSync(`${bundle.rootfs}/bin/probe`, program);
  bundle.write({ ...bundle.config, process: { ...bundle.config.process, args: ["sleep", "1000"] } });
  const id = bundle.newId();
  // In the foreground, so that there is somebody who reaps it at once; --keep leaves its state there.
  const living = bundle.call(["run", "--keep", id]);
  let state = { pid: 0, status: "" };
  while (state.status !== "running") {
    const { status, stdout } = await bundle.call(["state", id]);
    if (status === 0) state = JSON.parse(stdout) as typeof state;
  }
  const trace = `${bundle.place}/trace`;
  const slow = ["-e", "trace=pidfd_open,readlink", "-e", "inject=readlink:delay_enter=50000"];
  const call = bundle.call(["exec", id, program, "audit"], {
    wrapper: ["strace", "-f", "-qq", "-o", trace, ...slow],
  });
  while (!existsSync(trace) || !readFileSync(trace, "utf8").includes("pidfd_open(")) await Bun.sleep(1);
  end(state.pid);
  const done = await call;
  await bundle.call(["delete", "--force", id]);
  await living;
  return done;
}

test("exec into a container that ends meanwhile does not run its program on the host", async () => {
  const { status, stdout, stderr } = await execBeside((pid) => process.kill(pid, "SIGKILL"));
  expect({ stdout, ran: status === 0 }).toEqual({ stdout: "", ran: false });
  expect(stderr).toContain("stopped");
});

test("in one that lives on, the same program is not there", async () => {
  const { status, stdout, stderr } = await execBeside(() => undefined);
  expect({ stdout, ran: status === 0 }).toEqual({ stdout: "", ran: false });
  expect(stderr).toContain("no such file or directory");
});
