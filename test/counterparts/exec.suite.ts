/** A second process in a running container. */
import { describe, expect, test } from "bun:test";
import { until } from "./_await.ts";
import { ran } from "./_ran.ts";
import { placeOf, started, type Engine } from "./engine.ts";

export function describeExec(engine: () => Engine): void {
  describe("exec", () => {
    test("gives output, error output and exit code apart", async () => {
      await using box = await started(engine());
      const { status, stdout, stderr } = await box.exec("echo out; echo err >&2; exit 6");
      expect({ status, stdout, stderr }).toEqual({ status: 6, stdout: "out\n", stderr: "err\n" });
      expect([126, 127]).toContain((await box.call("exec", [], ["no-such-program"])).status);
    });

    test("-u, -e and -w hold for it alone, the rest is the container's", async () => {
      await using box = await started(engine(), ["-e", "OF=container"]);
      const { stdout } = await box.exec("id -u; id -g; echo $OF $MINE; pwd", [
        "-u",
        "user",
        "-e",
        "MINE=exec",
        "-w",
        "/home/user",
      ]);
      expect(stdout).toBe("1000\n1000\ncontainer exec\n/home/user\n");
      expect((await box.exec("id -u; echo $OF$MINE; pwd")).stdout).toBe("0\ncontainer\n/\n");
    });

    test("is in the namespaces, the cgroup and the filter of the container", async () => {
      await using box = await started(engine());
      const of = (pid: string) =>
        `for n in mnt pid ipc net uts cgroup; do readlink /proc/${pid}/ns/$n; done; cat /proc/${pid}/cgroup; grep -E 'Seccomp:|Cap' /proc/${pid}/status`;
      const [own, init] = [await box.exec(of("self")), await box.exec(of("1"))];
      expect(own.status).toBe(0);
      expect(own.stdout).toBe(init.stdout);
    });

    test("-t gives a terminal", async () => {
      await using box = await started(engine());
      expect((await box.exec("test -t 0 && tty", ["-t"])).stdout).toBe("/dev/pts/0\r\n");
    });

    test("-i passes standard input", async () => {
      await using box = await started(engine());
      const command = engine().command("exec", "-i", box.name, "cat");
      expect((await ran(command, { ...placeOf(engine()), input: "through\n" })).stdout).toBe("through\n");
    });

    test("-d leaves it running, and top shows it beside the container's own", async () => {
      await using box = await started(engine());
      expect((await box.exec("echo $$ >/here; exec sleep 4321", ["-d"])).status).toBe(0);
      await until("the process", async () => (await box.exec("test -s /here")).status === 0 || undefined);
      const top = await box.output("top", [], ["-o", "pid,args"].slice(engine().name === "podman" ? 2 : 0));
      expect(top).toContain("sleep 4321");
      expect(top).toContain("trap");
    });

    test("is refused once the container has ended", async () => {
      await using box = await started(engine(), [], "exit 0");
      expect(await box.wait()).toBe(0);
      expect((await box.exec("true")).status).not.toBe(0);
    });

    test("ten at once do not disturb each other", async () => {
      await using box = await started(engine());
      const numbers = Array.from({ length: 10 }, (_, number) => number);
      const all = await Promise.all(numbers.map((number) => box.exec(`echo ${number}; exit ${number}`)));
      expect(all.map(({ status, stdout }) => [status, stdout])).toEqual(
        numbers.map((number) => [number, `${number}\n`]),
      );
    });
  });
}
