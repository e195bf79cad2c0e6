/** An ordinary user's containers. The user exists only in a mount namespace, so that the host's files of users stay as they are. */
import { afterAll, expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OciConfig } from "../../src/spec/oci/config.ts";
import { rootlessConfig } from "../../src/spec/oci/default.ts";
import { needing } from "../needs.ts";
import {
  Box,
  executable,
  logged,
  needs,
  namespace,
  until,
  type Outcome,
  type RunOptions,
} from "./_container.ts";
import { Peer, putTool } from "./_tool.ts";

const programs = [...needs.programs, "unshare", "setpriv"];
const { test } = needing({ ...needs, programs });
const ranged = needing({ ...needs, programs: [...programs, "newuidmap", "newgidmap"] });
const compared = needing({ ...needs, programs: [...programs, "runc"] });
const withTool = needing({ ...needs, programs: [...programs, "gcc"] });

const uid = 54321;
const range = { first: 300000, count: 65536 };

const etc = mkdtempSync(join(tmpdir(), "sampan-users-"));
afterAll(() => rmSync(etc, { recursive: true, force: true }));
writeFileSync(
  join(etc, "passwd"),
  `${readFileSync("/etc/passwd", "utf8")}tester:x:${uid}:${uid}::/tmp:/bin/sh\n`,
);
for (const name of ["subuid", "subgid"])
  writeFileSync(join(etc, name), `tester:${range.first}:${range.count}\n`);

/** Put before a command, it runs as the user. */
const asUser = [
  "unshare",
  "--mount",
  "sh",
  "-c",
  `for f in passwd subuid subgid; do touch /etc/$f; mount --bind ${etc}/$f /etc/$f || exit; done
exec setpriv --reuid ${uid} --regid ${uid} --clear-groups "$@"`,
  "sh",
];

/** A bundle of the user's. */
class UserBox extends Box {
  constructor(args: readonly string[], more: (config: OciConfig) => void = () => {}) {
    super();
    this.config(args, more);
  }

  config(args: readonly string[], more: (config: OciConfig) => void = () => {}): void {
    this.write({
      args,
      config: (config) => {
        Object.assign(config, rootlessConfig(config, { uid, gid: uid }));
        more(config);
      },
    });
    Bun.spawnSync(["chown", "-hR", `${uid}:${uid}`, this.dir]);
  }

  override argv(args: readonly string[], options: RunOptions = {}): string[] {
    return super.argv(args, { through: asUser, ...options });
  }

  /** The same bundle by runc. */
  byRunc(...args: string[]): Outcome {
    const done = Bun.spawnSync([...asUser, "runc", "--root", this.path("runc"), ...args], {
      cwd: this.bundle,
      stdin: "ignore",
    });
    return { status: done.exitCode, stdout: done.stdout.toString(), stderr: done.stderr.toString() };
  }
}

const ranges = (config: OciConfig): void => {
  const own = (size: number) => [
    { containerID: 0, hostID: uid, size: 1 },
    { containerID: 1, hostID: range.first, size },
  ];
  config.linux = { ...config.linux, uidMappings: own(1000), gidMappings: own(1000) };
};

const show =
  "id; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; grep -E 'Cap|NoNew' /proc/self/status; hostname; pwd";

compared.test("a container with the user's own id is what runc makes of it", () => {
  using box = new UserBox(["sh", "-c", show]);
  const ours = box.foreground();
  expect(ours).toEqual({ status: 0, stdout: ours.stdout, stderr: "" });
  expect(ours).toEqual(box.byRunc("run", `${box.id}-runc`));
  expect(ours.stdout).toStartWith("uid=0(root) gid=0\n");
});

ranged.test("ranges of ids are mapped by newuidmap and newgidmap", () => {
  using box = new UserBox(["sh", "-c", `${show}; touch /tmp/made`], (config) => {
    ranges(config);
    config.process.user = { uid: 5, gid: 6, additionalGids: [7, 8] };
    config.process.cwd = "/tmp";
  });
  Bun.spawnSync(["chmod", "1777", `${box.rootfs}/tmp`]);
  const { status, stdout, stderr } = box.foreground();
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/uid=5 gid=6 groups=(6,)?7,8/);
  expect(stdout.replaceAll(/ +/g, " ")).toContain(` 0 ${uid} 1\n 1 ${range.first} 1000\n`);
  expect(stdout).toContain("allow\n");
  const owner = Bun.spawnSync(["stat", "-c", "%u:%g", `${box.rootfs}/tmp/made`]).stdout.toString();
  expect(owner).toBe(`${range.first + 4}:${range.first + 5}\n`);
});

ranged.test("ranges that the user does not have are refused with the program's words", () => {
  using box = new UserBox(["true"], (config) => {
    ranges(config);
    config.linux = { ...config.linux, uidMappings: [{ containerID: 0, hostID: 900000, size: 5 }] };
  });
  const { status, stderr } = box.foreground();
  expect(status).toBe(1);
  expect(logged(stderr)).toMatch(/linux\.uidMappings.*newuidmap.*not allowed/s);
});

test("all verbs work for the user", async () => {
  using box = new UserBox(["sleep", "1000"]);
  expect(box.create()).toEqual({ status: 0, stdout: "", stderr: "" });
  expect(box.state().status).toBe("created");
  box.ok(["start", box.id]);
  expect(box.state()).toMatchObject({ status: "running" });
  expect(box.ok(["exec", box.id, "id", "-u"])).toBe("0\n");
  expect(box.run(["exec", box.id, "sh", "-c", "exit 3"]).status).toBe(3);
  expect(box.ok(["list", "-q"]).trim()).toBe(box.id);
  expect(JSON.parse(box.ok(["list", "--format", "json"]))).toMatchObject([
    { id: box.id, status: "running", owner: "tester" },
  ]);
  box.ok(["kill", box.id, "KILL"]);
  await until(() => box.state().status === "stopped");
  box.ok(["delete", box.id]);
  expect(box.ok(["list", "-q"])).toBe("");
});

ranged.test("all verbs work with ranges, and exec takes any id of them", async () => {
  using box = new UserBox(["sleep", "1000"], ranges);
  expect(box.create()).toEqual({ status: 0, stdout: "", stderr: "" });
  box.ok(["start", box.id]);
  expect(box.ok(["exec", "--user", "9:10", "-g", "11", box.id, "id"])).toMatch(
    /uid=9 gid=10 groups=(10,)?11/,
  );
  box.ok(["kill", box.id, "KILL"]);
  await until(() => box.state().status === "stopped");
  box.ok(["delete", box.id]);
});

test("other groups than the user's are refused where setgroups is denied", () => {
  using box = new UserBox(["true"], (config) => {
    config.process.user = { ...config.process.user, additionalGids: [5] };
  });
  const { status, stderr } = box.foreground();
  expect(status).toBe(1);
  expect(logged(stderr)).toContain("additionalGids");
});

test("cgroups that the user may not make are passed over; a path or a limit that is asked for is refused", () => {
  using box = new UserBox(["true"]);
  expect(box.foreground()).toEqual({ status: 0, stdout: "", stderr: "" });
  expect(box.cgroups()).toEqual([]);
  const refused: [RegExp, (config: OciConfig) => void][] = [
    [/cgroup/, (config) => (config.linux = { ...config.linux, cgroupsPath: "/user-has-no-right" })],
    [/linux\.resources/, (config) => (config.linux = { ...config.linux, resources: { pids: { limit: 5 } } })],
  ];
  for (const [text, more] of refused) {
    box.config(["true"], more);
    const ours = box.foreground();
    expect({ status: ours.status, text: logged(ours.stderr) }).toEqual({
      status: 1,
      text: expect.stringMatching(text) as unknown as string,
    });
  }
});

test("what takes the host's rights is refused with its field", () => {
  using box = new UserBox(["true"]);
  const refused: [RegExp, (config: OciConfig) => void][] = [
    [
      /user/,
      (config) =>
        (config.linux = {
          ...config.linux,
          namespaces: ["mount", "pid", "uts"].map((type) => ({ type }) as never),
        }),
    ],
    [
      /mounts\[\d+\]/,
      (config) => config.mounts?.push({ destination: "/sys", type: "sysfs", source: "sysfs" }),
    ],
    [
      /rlimits/,
      (config) =>
        (config.process.rlimits = [
          { type: "RLIMIT_CORE", soft: 1, hard: 0xffff_ffff },
          { type: "RLIMIT_NOFILE", soft: 9e6, hard: 9e6 },
        ]),
    ],
    [/oomScoreAdj/, (config) => (config.process.oomScoreAdj = -1000)],
    [
      /mounts\[\d+\]/,
      (config) =>
        config.mounts?.push({
          destination: "/mnt",
          type: "bind",
          source: "/usr",
          options: ["bind", "idmap"],
          uidMappings: [{ containerID: 0, hostID: 5, size: 1 }],
          gidMappings: [{ containerID: 0, hostID: 5, size: 1 }],
        }),
    ],
    [
      /sysctl/,
      (config) => {
        namespace(config, "network");
        config.linux = { ...config.linux, sysctl: { "kernel.shm_rmid_forced": "9" } };
      },
    ],
  ];
  for (const [text, more] of refused) {
    box.config(["true"], more);
    const { status, stderr } = box.foreground();
    expect({ status, text: logged(stderr) }).toEqual({
      status: 1,
      text: expect.stringMatching(text) as unknown as string,
    });
    expect(box.ok(["list", "-q"])).toBe("");
  }
});

test("a device that the host has is bound, one that it has not is refused", () => {
  const device = (path: string) => (config: OciConfig) => {
    config.linux = { ...config.linux, devices: [{ path, type: "c", major: 1, minor: 11 }] };
  };
  using box = new UserBox(["stat", "-c", "%t:%T %F", "/dev/kmsg"], device("/dev/kmsg"));
  expect(box.foreground()).toEqual({ status: 0, stdout: "1:b character special file\n", stderr: "" });
  box.config(["true"], device("/dev/absent"));
  const { status, stderr } = box.foreground();
  expect(status).toBe(1);
  expect(logged(stderr)).toContain("linux.devices[0]");
});

withTool.test("a terminal goes to the user's console socket", async () => {
  using box = new UserBox(["sh", "-c", "tty; stat -c %u $(tty)"], (config) => {
    config.process.terminal = true;
    config.mounts =
      config.mounts?.map((mount) =>
        mount.type === "devpts"
          ? { ...mount, options: mount.options?.filter((option) => !option.startsWith("gid=")) ?? [] }
          : mount,
      ) ?? [];
  });
  putTool(box);
  using peer = await Peer.start("console", box.path("console.sock"));
  Bun.spawnSync(["chown", String(uid), box.path("console.sock")]);
  expect(box.create({ extra: ["--console-socket", box.path("console.sock")] })).toEqual({
    status: 0,
    stdout: "",
    stderr: "",
  });
  box.ok(["start", box.id]);
  expect((await peer.ended()).replaceAll("\r", "")).toEndWith("/dev/pts/0\n0\n");
});

compared.test("the document of `spec --rootless` runs, as runc's does", () => {
  using box = new UserBox(["true"]);
  rmSync(join(box.bundle, "config.json"));
  const made = Bun.spawnSync([...asUser, executable, "runtime", "spec", "--rootless"], { cwd: box.bundle });
  expect(made.exitCode).toBe(0);
  const file = join(box.bundle, "config.json");
  const config = JSON.parse(readFileSync(file, "utf8")) as OciConfig;
  expect(config.linux?.uidMappings).toEqual([{ containerID: 0, hostID: uid, size: 1 }]);
  config.process.terminal = false;
  config.process.args = ["sh", "-c", show];
  writeFileSync(file, JSON.stringify(config));
  const ours = box.foreground();
  expect(ours.stderr).toBe("");
  expect(ours).toEqual(box.byRunc("run", `${box.id}-runc`));
});
