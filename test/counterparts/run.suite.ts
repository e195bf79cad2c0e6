/** What a container is given, as `run --rm` asks for it. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { printedBy, runOnce, type Engine } from "./engine.ts";
import { output, ran } from "./_ran.ts";

/** The value of a line of /proc/PID/status. */
const statusField = (status: string, name: string) => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1];

/** personality(2) of PER_LINUX32 fails, and so does every mkdir(2). */
const profile = {
  defaultAction: "SCMP_ACT_ALLOW",
  architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
  syscalls: [
    { names: ["personality"], action: "SCMP_ACT_ERRNO", args: [{ index: 0, value: 8, op: "SCMP_CMP_EQ" }] },
    { names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 },
  ],
};

/** A script that prints the namespaces of its shell. */
const linksOf = (...names: string[]) => `for n in ${names.join(" ")}; do readlink /proc/$$/ns/$n; done`;

export function describeRun(engine: () => Engine): void {
  describe("run", () => {
    test("gives output, error output and exit code apart", async () => {
      const { status, stdout, stderr } = await runOnce(
        engine(),
        [],
        ["sh", "-c", "echo out; echo err >&2; exit 7"],
      );
      expect({ status, stdout, stderr }).toEqual({ status: 7, stdout: "out\n", stderr: "err\n" });
    });

    test("tells a program that is not there from one that may not be run", async () => {
      expect((await runOnce(engine(), [], ["no-such-program"])).status).toBe(127);
      expect((await runOnce(engine(), [], ["/etc/passwd"])).status).toBe(126);
    });

    test("says a signal's end as a shell does", async () => {
      // A shell that is pid 1 is not ended by its own signal; its child is.
      expect((await runOnce(engine(), [], ["sh", "-c", "sh -c 'kill -9 $$'; exit $?"])).status).toBe(137);
    });

    test("-i passes standard input to its end", async () => {
      const text = "line\n".repeat(20_000);
      expect((await runOnce(engine(), ["-i"], ["cat"], { input: text })).stdout).toBe(text);
    });

    test("-t gives a terminal that translates line ends", async () => {
      expect(await printedBy(engine(), ["-t"], "test -t 0 && test -t 1 && echo yes")).toBe("yes\r\n");
    });

    test("-it is a terminal to work at, of the size of the caller's", async () => {
      const words = engine().command("run", "--rm", "--network", "none", "-it", engine().image, "sh");
      const inside = `stty rows 31 cols 101; ${words.join(" ")}`;
      // The size follows when the container runs already.
      const typed =
        "until stty size 2>/dev/null | grep '^31 101$'; do :; done; echo $((6 * 7))-done; exit 5\n";
      const { status, stdout } = await ran(["script", "-qec", inside, "/dev/null"], {
        cwd: engine().cwd,
        env: { ...engine().env, TERM: "dumb" },
        input: typed,
      });
      expect(stdout).toContain("31 101\r\n42-done\r\n");
      expect(status).toBe(5);
    });

    test("-e, -w, -u, --hostname and --group-add", async () => {
      const flags = [
        "-e",
        "A=b c",
        "-w",
        "/home/user",
        "-u",
        "user",
        "--hostname",
        "named",
        "--group-add",
        "2000",
      ];
      const script = 'echo "$A"; pwd; id -u; id -g; hostname; id -G | tr " " "\\n" | grep -c 2000';
      expect(await printedBy(engine(), flags, script)).toBe("b c\n/home/user\n1000\n1000\nnamed\n1\n");
    });

    test("the container has namespaces of its own and is pid 1 in them", async () => {
      const own = await printedBy(engine(), [], `echo $$; ${linksOf("mnt", "ipc", "net", "pid", "uts")}`);
      const [pid, ...links] = own.trim().split("\n");
      expect(pid).toBe("1");
      expect(links).toHaveLength(5);
      const host = (await output(["sh", "-c", linksOf("mnt", "ipc", "net", "pid", "uts")])).split("\n");
      for (const link of links) expect(host).not.toContain(link);
    });

    test("--pid host and --ipc host share the host's", async () => {
      const script = linksOf("pid", "ipc");
      const links = await printedBy(engine(), ["--pid", "host", "--ipc", "host"], script);
      expect(links).toBe(await output(["sh", "-c", script]));
    });

    test("--read-only leaves /dev/shm and a --tmpfs to write to", async () => {
      const flags = ["--read-only", "--tmpfs", "/scratch:size=1m,mode=1777"];
      const script =
        "touch /x 2>/dev/null || echo refused; touch /scratch/x /dev/shm/x && df -k /scratch | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2";
      expect(await printedBy(engine(), flags, script)).toBe("refused\n1024\n");
    });

    test("-v binds a folder, and :ro binds it to read", async () => {
      const shared = mkdtempSync(join(tmpdir(), "sampan-bind-"));
      try {
        writeFileSync(join(shared, "in"), "from outside\n");
        const script = "cat /rw/in; echo back >/rw/out; touch /ro/x 2>/dev/null || echo refused";
        expect(await printedBy(engine(), ["-v", `${shared}:/rw`, "-v", `${shared}:/ro:ro`], script)).toBe(
          "from outside\nrefused\n",
        );
        expect(readFileSync(join(shared, "out"), "utf8")).toBe("back\n");
      } finally {
        rmSync(shared, { recursive: true, force: true });
      }
    });

    test("--device gives a device that can be opened", async () => {
      const script = "echo x >/dev/mine && stat -c %F:%t:%T /dev/mine";
      expect(await printedBy(engine(), ["--device", "/dev/null:/dev/mine"], script)).toBe(
        "character special file:1:3\n",
      );
    });

    test("a device that was not given cannot be opened", async () => {
      const script = "mknod /tmp/kmsg c 1 11 && ! cat /tmp/kmsg 2>/dev/null && echo refused";
      expect(await printedBy(engine(), ["--cap-add", "MKNOD"], script)).toBe("refused\n");
    });

    test("--cap-drop and --cap-add leave exactly those capabilities", async () => {
      const none = await printedBy(engine(), ["--cap-drop", "ALL"], "cat /proc/self/status");
      for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
        expect(statusField(none, set)).toBe("0000000000000000");
      const some = await printedBy(
        engine(),
        ["--cap-drop", "ALL", "--cap-add", "NET_RAW"],
        "cat /proc/self/status",
      );
      for (const set of ["CapPrm", "CapEff", "CapBnd"])
        expect(statusField(some, set)).toBe("0000000000002000");
    });

    test("the default seccomp profile filters, and unconfined does not", async () => {
      expect(statusField(await printedBy(engine(), [], "cat /proc/self/status"), "Seccomp")).toBe("2");
      const open = ["--security-opt", "seccomp=unconfined"];
      expect(statusField(await printedBy(engine(), open, "cat /proc/self/status"), "Seccomp")).toBe("0");
    });

    test("a seccomp profile of one's own decides by arguments, with an errno of its own", async () => {
      const file = join(engine().cwd, "profile.json");
      writeFileSync(file, JSON.stringify(profile));
      const flags = ["--security-opt", `seccomp=${file}`];
      const script = "linux64 echo allowed; linux32 true 2>/dev/null || echo refused; mkdir /x";
      const { stdout, stderr } = await runOnce(engine(), flags, ["sh", "-c", script]);
      expect(stdout).toBe("allowed\nrefused\n");
      expect(stderr).toContain("No space left on device");
    });

    test("--security-opt no-new-privileges", async () => {
      const status = await printedBy(
        engine(),
        ["--security-opt", "no-new-privileges"],
        "cat /proc/self/status",
      );
      expect(statusField(status, "NoNewPrivs")).toBe("1");
    });

    test("paths of the kernel are masked and read-only unless told otherwise", async () => {
      const script =
        "wc -c </proc/keys; echo 1 2>/dev/null >/proc/sys/kernel/ostype || echo refused; grep -c ' /proc/' /proc/self/mountinfo";
      const [keys, write, mounts] = (await printedBy(engine(), [], script)).split("\n");
      expect([keys, write]).toEqual(["0", "refused"]);
      expect(Number(mounts)).toBeGreaterThan(4);
      const open = engine().name === "podman" ? "unmask=ALL" : "systempaths=unconfined";
      const count = "grep -c ' /proc/' /proc/self/mountinfo; true";
      expect(await printedBy(engine(), ["--security-opt", open], count)).toBe("0\n");
    });

    test("--sysctl, --ulimit, --oom-score-adj and --shm-size", async () => {
      const flags = [
        "--sysctl",
        "kernel.shmmax=65536",
        "--ulimit",
        "nofile=100:200",
        "--ulimit",
        "nproc=900:1000",
        "--oom-score-adj",
        "300",
        "--shm-size",
        "1m",
      ];
      const script =
        "cat /proc/sys/kernel/shmmax; ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj; df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2";
      expect(await printedBy(engine(), flags, script)).toBe("65536\n100\n200\n300\n1024\n");
    });
  });
}
