/** What the flags of docker run do inside of a container, looked at from there. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "bun:test";
import { needing } from "../needs.ts";
import { Place, needs } from "./place.ts";
import type { Asked } from "./request.ts";

const { test } = needing(needs);
const withFuse = needing({ ...needs, files: [...needs.files, "/dev/fuse"] });
const sh = (script: string) => ["sh", "-c", script];

/** What a script says in a container that is asked for so. */
async function say(script: string, asked: Asked = {}): Promise<string> {
  using place = new Place();
  await place.fill();
  const { status, stdout, stderr } = await place.run({ ...asked, command: sh(script) });
  return status === 0 ? stdout : `${stdout}${stderr}exit ${status}\n`;
}

test("the names of a container, its hosts and its resolver", async () => {
  const host = {
    ExtraHosts: ["db:10.0.0.9", "six=[fd00::9]"],
    Dns: ["9.9.9.9"],
    DnsSearch: ["lan"],
    DnsOptions: ["ndots:3"],
  };
  const body = { Hostname: "boat", Domainname: "sea.example" };
  const script = "hostname; cat /proc/sys/kernel/domainname /etc/hostname /etc/hosts /etc/resolv.conf";
  const text = await say(script, { host, body });
  expect(text).toStartWith("boat\nsea.example\nboat\n127.0.0.1\tlocalhost\n");
  expect(text).toContain("10.0.0.9\tdb\nfd00::9\tsix\n127.0.1.1\tboat.sea.example boat\n");
  expect(text).toEndWith("nameserver 9.9.9.9\nsearch lan\noptions ndots:3\n");
});

test("--group-add, --user and the image's groups", async () => {
  expect(await say("id -G", { user: "user", host: { GroupAdd: ["extra", "4242"] } })).toBe(
    "1001 1002 4242\n",
  );
  expect(await say("id -G", { user: "7", host: { GroupAdd: ["users"] } })).toBe("0 1001\n");
  expect(say("true", { host: { GroupAdd: ["nobody-knows"] } })).rejects.toThrow(
    'has no group "nobody-knows"',
  );
});

test("tmpfs by --tmpfs and --mount, and the size of /dev/shm", async () => {
  const host = {
    Tmpfs: { "/one": "size=1m,uid=5,mode=700" },
    Mounts: [{ Type: "tmpfs", Target: "/two", TmpfsOptions: { SizeBytes: 2 ** 20, Mode: 0o755 } } as const],
    ShmSize: 3 << 20,
  };
  const script = "grep -E ' /(one|two|dev/shm) ' /proc/mounts; stat -c '%a %u' /one /two";
  const text = await say(script, { host });
  expect(text).toMatch(/tmpfs \/one tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k,mode=700,uid=5/);
  expect(text).toMatch(/tmpfs \/two tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k,mode=755/);
  expect(text).toMatch(/shm \/dev\/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=3072k/);
  expect(text).toEndWith("700 5\n755 0\n");
});

test("--mount of a folder that is not there is refused, unless it may be made", async () => {
  using place = new Place();
  await place.fill();
  const Source = join(place.dir, "later");
  const mount = { Type: "bind", Source, Target: "/in" } as const;
  const command = ["ls", "/in"];
  expect(place.run({ command, host: { Mounts: [mount] } })).rejects.toThrow(
    "bind source path does not exist",
  );
  const made = { ...mount, BindOptions: { CreateMountpoint: true } };
  expect(await place.run({ command, host: { Mounts: [made] } })).toMatchObject({ status: 0 });
});

test("a read-only bind is read-only in what is mounted below it too", async () => {
  using place = new Place();
  await place.fill();
  const host = join(place.dir, "host");
  mkdirSync(join(host, "below"), { recursive: true });
  Bun.spawnSync(["mount", "-t", "tmpfs", "below", join(host, "below")]);
  const mount = { Type: "bind", Source: host, Target: "/in", ReadOnly: true } as const;
  const command = ["touch", "/in/below/x"];
  expect(await place.run({ command, host: { Mounts: [mount] } })).toMatchObject({ status: 1 });
  const top = { ...mount, BindOptions: { ReadOnlyNonRecursive: true } };
  expect(await place.run({ command, host: { Mounts: [top] } })).toMatchObject({ status: 0 });
  const alone = { ...mount, BindOptions: { NonRecursive: true } };
  expect(await place.run({ command: ["ls", "/in/below"], host: { Mounts: [alone] } })).toMatchObject({
    stdout: "",
  });
});

test("a part of a volume is mounted, and a link that leads out of it is not followed", async () => {
  using place = new Place();
  await place.fill();
  await place.run({
    command: sh("mkdir -p /v/a/b; echo part > /v/a/b/file; ln -s /etc /v/out"),
    volumes: ["data:/v"],
  });
  const mount = (Subpath: string) => [
    { Type: "volume", Source: "data", Target: "/p", VolumeOptions: { Subpath } } as const,
  ];
  const command = ["cat", "/p/file"];
  expect(await place.run({ command, host: { Mounts: mount("a/b") } })).toMatchObject({ stdout: "part\n" });
  expect(await place.run({ command: ["cat", "/p"], host: { Mounts: mount("a/b/file") } })).toMatchObject({
    stdout: "part\n",
  });
  for (const part of ["out", "nothere"])
    expect(place.run({ command, host: { Mounts: mount(part) } })).rejects.toThrow("leads out of the volume");
  expect(place.mounts()).toEqual([]);
});

test("--volumes-from takes what another has, read-only if so asked", async () => {
  using place = new Place();
  await place.fill();
  const first = await place.create({ command: sh("echo 1 > /data/one"), volumes: ["data:/data", "/own"] });
  await place.start(first);
  const host = { VolumesFrom: [`${first.name}:ro`] };
  expect(await place.run({ command: sh("cat /data/one && touch /data/two"), host })).toMatchObject({
    status: 1,
    stdout: "1\n",
  });
  expect(place.create({ host: { VolumesFrom: ["nobody"] } })).rejects.toThrow("No such container");
});

withFuse.test("devices, a folder of devices, and what may be done with them", async () => {
  using place = new Place();
  await place.fill();
  const folder = mkdtempSync(join(tmpdir(), "sampan-nodes-"));
  try {
    Bun.spawnSync(["mknod", join(folder, "zero"), "c", "1", "5"]);
    mkdirSync(join(folder, "below"));
    Bun.spawnSync(["mknod", join(folder, "below/fuse"), "c", "10", "229"]);
    const Devices = [{ PathOnHost: folder, PathInContainer: "/dev/mine", CgroupPermissions: "r" }];
    const script =
      "head -c 2 /dev/mine/zero | wc -c; : < /dev/mine/below/fuse && echo read; : >> /dev/mine/below/fuse && echo wrote";
    const { stdout, stderr } = await place.run({ command: sh(script), host: { Devices } });
    expect(stdout).toBe("2\nread\n");
    expect(stderr).toContain("not permitted");
    const none = [{ PathOnHost: "/etc/passwd" }];
    expect(place.create({ command: ["true"], host: { Devices: none } })).rejects.toThrow(
      "it is no node of a device",
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

withFuse.test("--device-cgroup-rule lets a made node be used", async () => {
  const script = "busybox mknod /n c 10 229 && : < /n && echo read";
  expect(await say(script)).not.toContain("read\n");
  expect(await say(script, { host: { DeviceCgroupRules: ["c 10:229 r"] } })).toBe("read\n");
});

test("ulimits, the OOM score and sysctls", async () => {
  const host = {
    Ulimits: [{ Name: "nofile", Soft: 100, Hard: 200 }],
    OomScoreAdj: 500,
    Sysctls: { "net.ipv4.ip_forward": "1", "kernel.msgmax": "4000" },
  };
  const script =
    "grep 'open files' /proc/self/limits; cat /proc/self/oom_score_adj /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax";
  expect(await say(script, { host })).toMatch(/^Max open files +100 +200 +files *\n500\n1\n4000\n$/);
});

test("no-new-privileges, hidden paths and systempaths", async () => {
  const script =
    "grep NoNewPrivs /proc/self/status; head -c 1 /proc/timer_list | wc -c; touch /proc/sys/kernel/msgmax && echo writable";
  expect(await say(script, { host: { SecurityOpt: ["no-new-privileges"] } })).toStartWith(
    "NoNewPrivs:\t1\n0\n",
  );
  const open = await say(script, { host: { SecurityOpt: ["systempaths=unconfined"] } });
  expect(open).toStartWith("NoNewPrivs:\t0\n1\n");
  expect(open).toContain("writable");
});

test("shared with the host: PID, IPC and UTS namespaces", async () => {
  const script = "for n in pid ipc uts; do busybox readlink /proc/self/ns/$n; done";
  const all = ["pid", "ipc", "uts"].map((name) => `${readlinkSync(`/proc/self/ns/${name}`)}\n`).join("");
  expect(await say(script, { host: { PidMode: "host", IpcMode: "host", UTSMode: "host" } })).toBe(all);
  const none = await say(script);
  for (const name of all.trim().split("\n")) expect(none).not.toContain(name);
});

test("IPC: none has no /dev/shm, and a shareable one lies on the host while it runs", async () => {
  expect(await say("grep -c ' /dev/shm ' /proc/mounts; true", { host: { IpcMode: "none" } })).toBe("0\n");
  const shareable = await say("grep ' /dev/shm ' /proc/mounts", {
    host: { IpcMode: "shareable", ShmSize: 1 << 20 },
  });
  expect(shareable).toMatch(/^shm \/dev\/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k/);
});

test("a cgroup parent and limits", async () => {
  using place = new Place();
  await place.fill();
  const host = { CgroupParent: "/sampan-parent-of-a-test", Memory: 32 << 20, CpuShares: 512, PidsLimit: 20 };
  const { stdout } = await place.run({ command: ["cat", "/proc/self/cgroup"], host });
  // A parent is its maker's: it may hold others.
  for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\n")) {
    const parent = `${line.split(" ")[4]}/sampan-parent-of-a-test`;
    if (/ - cgroup2? /.test(line) && existsSync(parent)) rmdirSync(parent);
  }
  expect(stdout).toMatch(/\/sampan-parent-of-a-test\/sampan-[0-9a-f]{64}\n/);
});

test("an annotation of the caller is in the bundle, a label of the image is not", async () => {
  using place = new Place();
  await place.fill({ Labels: { "io.example.device": "/dev/sda" } });
  const container = await place.create({ command: ["true"], host: { Annotations: { "org.example": "1" } } });
  await place.start(container);
  expect(place.spec(container.id)).toMatchObject({ annotations: { "org.example": "1" } });
  expect(JSON.stringify(place.spec(container.id))).not.toContain("/dev/sda");
});

test("what is mounted in a shared bind is seen on the host, and a bind of what is not shared is refused", async () => {
  using place = new Place();
  await place.fill();
  const host = join(place.dir, "host");
  mkdirSync(host);
  Bun.spawnSync(["mount", "-t", "tmpfs", "shared", host]);
  const command = sh("mkdir /in/below && busybox mount -t tmpfs x /in/below && echo 1 > /in/below/file");
  const asked = (how: string) => ({ command, volumes: [`${host}:/in:${how}`], privileged: true });
  expect(place.run(asked("rshared"))).rejects.toThrow("it is not a shared mount");
  expect(place.run(asked("rslave"))).rejects.toThrow("it is not a shared or slave mount");
  Bun.spawnSync(["mount", "--make-shared", host]);
  expect(await place.run(asked("rshared"))).toMatchObject({ status: 0 });
  expect(readFileSync(join(host, "below/file"), "utf8")).toBe("1\n");
});
