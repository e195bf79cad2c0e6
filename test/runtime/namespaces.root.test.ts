/** Namespaces: new ones, joined ones by path, with maps and offsets. */
import { expect } from "bun:test";
import { readlinkSync, writeFileSync } from "node:fs";
import type { OciConfig } from "../../src/spec/oci/config.ts";
import { needing } from "../needs.ts";
import { Box, logged, namespace, needs, withoutNamespace } from "./_container.ts";

const { test } = needing({ ...needs, programs: [...needs.programs, "unshare", "nsenter"] });

/** A process in new namespaces of the host, to be joined. */
class Holder implements Disposable {
  readonly #process: Bun.Subprocess<"ignore", "pipe", "inherit">;
  pid = 0;

  private constructor(flags: readonly string[]) {
    this.#process = Bun.spawn(["unshare", ...flags, "sh", "-c", "echo $$; exec sleep infinity"], {
      stdout: "pipe",
    });
  }

  static async make(...flags: string[]): Promise<Holder> {
    const holder = new Holder(flags);
    await holder.#process.stdout.getReader().read();
    holder.pid = flags.includes("--fork") ? childOf(holder.#process.pid) : holder.#process.pid;
    return holder;
  }

  path(name: string): string {
    return `/proc/${this.pid}/ns/${name}`;
  }

  link(name: string): string {
    return readlinkSync(this.path(name));
  }

  [Symbol.dispose](): void {
    if (this.pid > 0) process.kill(this.pid, 9);
    this.#process.kill(9);
  }
}

function childOf(pid: number): number {
  const done = Bun.spawnSync(["cat", `/proc/${pid}/task/${pid}/children`]);
  return Number(done.stdout.toString().trim());
}

const map = [{ containerID: 0, hostID: 200000, size: 1000 }];

/** A container with ids of its own; the root file system belongs to its root. */
function mapped(box: Box, args: readonly string[], more?: (config: OciConfig) => void): void {
  Bun.spawnSync(["chown", "-hR", "200000:200000", box.rootfs]);
  box.write({
    args,
    config: (config) => {
      namespace(config, "user");
      config.linux = { ...config.linux, uidMappings: map, gidMappings: map };
      more?.(config);
    },
  });
}

const links = ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"] as const;
const showLinks = ["sh", "-c", `for n in ${links.join(" ")}; do readlink /proc/self/ns/$n; done`];

test("each kind is new when it is listed, and the host's when it is not", () => {
  const host = links.map((name) => readlinkSync(`/proc/self/ns/${name}`));
  using box = new Box({
    args: showLinks,
    config: (config) => ["cgroup", "time"].forEach((type) => namespace(config, type)),
  });
  const seen = box.foreground().stdout.trim().split("\n");
  expect(links.filter((_, i) => seen[i] === host[i])).toEqual(["user"]);
  box.write({
    args: showLinks,
    config: (config) => {
      for (const type of ["cgroup", "time", "ipc", "network", "pid", "uts"]) withoutNamespace(config, type);
      delete config.hostname;
    },
  });
  const shared = box.foreground().stdout.trim().split("\n");
  expect(links.filter((_, i) => shared[i] !== host[i])).toEqual(["mnt"]);
});

test.each([
  ["network", "net", ["--net"]],
  ["ipc", "ipc", ["--ipc"]],
  ["uts", "uts", ["--uts"]],
  ["cgroup", "cgroup", ["--cgroup"]],
  ["time", "time", ["--time", "--fork", "--monotonic", "1000"]],
  ["pid", "pid", ["--pid", "--fork", "--kill-child"]],
])("a %s namespace is joined by its path", async (type, name, flags) => {
  using holder = await Holder.make(...flags);
  using box = new Box({
    args: ["readlink", `/proc/self/ns/${name}`],
    config: (config) => {
      namespace(config, type, holder.path(name));
      if (type === "uts") delete config.hostname;
    },
  });
  expect(box.foreground()).toEqual({ status: 0, stdout: `${holder.link(name)}\n`, stderr: "" });
  box.write({
    args: ["sleep", "1000"],
    config: (config) => {
      namespace(config, type, holder.path(name));
      if (type === "uts") delete config.hostname;
    },
  });
  expect(box.create().stderr).toBe("");
  box.ok(["start", box.id]);
  expect(box.ok(["exec", box.id, "readlink", `/proc/self/ns/${name}`])).toBe(`${holder.link(name)}\n`);
  box.ok(["kill", box.id, "KILL"]);
});

test("a user namespace is joined with its owner's rights, with new ones of the other kinds", async () => {
  using holder = await Holder.make("--user");
  for (const file of ["uid_map", "gid_map"]) writeFileSync(`/proc/${holder.pid}/${file}`, "0 200000 1000\n");
  using box = new Box();
  mapped(box, [], () => {});
  box.write({
    args: ["sh", "-c", "id -u; readlink /proc/self/ns/user; cat /proc/self/uid_map; stat -c %u /bin/busybox"],
    config: (config) => namespace(config, "user", holder.path("user")),
  });
  const { status, stdout, stderr } = box.foreground();
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout.replaceAll(/ +/g, " ")).toBe(`0\n${holder.link("user")}\n 0 200000 1000\n0\n`);
});

test("a mount namespace that is joined has its own mounts", async () => {
  using holder = await Holder.make("--mount");
  using box = new Box({
    script: "readlink /proc/self/ns/mnt",
    config: (config) => namespace(config, "mount", holder.path("mnt")),
  });
  expect(box.foreground()).toMatchObject({ status: 0, stdout: `${holder.link("mnt")}\n` });
});

test("a path that is missing, or of another kind, is refused with its field", async () => {
  using holder = await Holder.make("--ipc");
  const refused: [string, string, RegExp][] = [
    ["network", "/proc/0/ns/net", /linux\.namespaces.*network/],
    ["network", holder.path("ipc"), /linux\.namespaces.*network.*invalid argument/],
    ["pid", "/etc/passwd", /linux\.namespaces.*pid/],
    ["user", "/proc/self/ns/user", /linux\.namespaces.*user/],
  ];
  for (const [type, path, text] of refused) {
    using box = new Box({ config: (config) => namespace(config, type, path) });
    const { status, stderr } = box.foreground();
    expect(logged(stderr)).toMatch(text);
    expect(status).toBe(1);
    expect(box.cgroups()).toEqual([]);
  }
});

test("time offsets are those of the container and of exec", () => {
  const offsets = (config: OciConfig): void => {
    namespace(config, "time");
    config.linux = {
      ...config.linux,
      timeOffsets: { monotonic: { secs: 86400, nanosecs: 5 }, boottime: { secs: 1_000_000 } },
    };
  };
  using box = new Box({ args: ["cat", "/proc/self/timens_offsets"], config: offsets });
  const { stdout } = box.foreground();
  expect(stdout.replaceAll(/ +/g, " ")).toBe("monotonic 86400 5\nboottime 1000000 0\n");
  box.write({ args: ["sleep", "1000"], config: offsets });
  box.create();
  box.ok(["start", box.id]);
  const uptime = Number(box.ok(["exec", box.id, "cat", "/proc/uptime"]).split(" ")[0]);
  expect(uptime).toBeGreaterThan(1_000_000);
});

test("ids are mapped: root inside is the mapped id outside, and owns what it makes", () => {
  using box = new Box();
  mapped(box, [
    "sh",
    "-c",
    "id -u; cat /proc/self/uid_map /proc/self/gid_map; touch /tmp/made; mount -t tmpfs none /mnt 2>&1 || echo refused",
  ]);
  const { status, stdout, stderr } = box.foreground();
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout.replaceAll(/ +/g, " ")).toStartWith("0\n 0 200000 1000\n 0 200000 1000\n");
  expect(Bun.spawnSync(["stat", "-c", "%u:%g", `${box.rootfs}/tmp/made`]).stdout.toString()).toBe(
    "200000:200000\n",
  );
});

test("exec into a container with ids of its own is in its user namespace", () => {
  using box = new Box();
  mapped(box, ["sleep", "1000"]);
  expect(box.create().stderr).toBe("");
  box.ok(["start", box.id]);
  const inner = box.ok([
    "exec",
    "--user",
    "7:8",
    box.id,
    "sh",
    "-c",
    "id -u; id -g; readlink /proc/self/ns/user",
  ]);
  expect(inner).toBe(`7\n8\n${readlinkSync(`/proc/${box.state().pid}/ns/user`)}\n`);
});

test("a cgroup namespace begins at the container's cgroup", () => {
  using box = new Box({
    args: ["cat", "/proc/self/cgroup"],
    config: (config) => namespace(config, "cgroup"),
  });
  const paths = box
    .foreground()
    .stdout.trim()
    .split("\n")
    .map((line) => line.split(":")[2]);
  expect(new Set(paths)).toEqual(new Set(["/"]));
});

test("host and domain name are set in a new uts namespace, and refused without one", () => {
  using box = new Box({
    script: "hostname; cat /proc/sys/kernel/domainname",
    config: (config) => {
      config.hostname = "named";
      config.domainname = "example.org";
    },
  });
  expect(box.foreground().stdout).toBe("named\nexample.org\n");
  box.write({ config: (config) => withoutNamespace(config, "uts") });
  expect(logged(box.foreground().stderr)).toContain("hostname");
});

test("exec enters all of the container's namespaces, and its root", () => {
  using box = new Box({
    args: ["sleep", "1000"],
    config: (config) => ["cgroup", "time"].forEach((type) => namespace(config, type)),
  });
  box.create();
  box.ok(["start", box.id]);
  const { pid } = box.state();
  const container = links.map((name) => readlinkSync(`/proc/${pid}/ns/${name}`));
  expect(
    box
      .ok(["exec", box.id, ...showLinks])
      .trim()
      .split("\n"),
  ).toEqual(container);
  expect(box.ok(["exec", box.id, "stat", "-c", "%d:%i", "/"])).toBe(
    Bun.spawnSync(["stat", "-c", "%d:%i", box.rootfs]).stdout.toString(),
  );
});
