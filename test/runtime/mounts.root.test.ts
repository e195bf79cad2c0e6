/** Mounts as the container sees them: id-mapped ones, recursive options, tmpcopyup, propagation, cgroups. */
import { expect } from "bun:test";
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import type { OciConfig, OciMount } from "../../src/spec/oci/config.ts";
import { needing } from "../needs.ts";
import { Box, logged, namespace, needs } from "./_container.ts";

const { test } = needing({ ...needs, programs: [...needs.programs, "mount", "umount", "unshare"] });

const withMounts =
  (...mounts: OciMount[]) =>
  (config: OciConfig): void => {
    config.mounts?.push(...mounts);
  };

/** A folder with a file of uid 1000 and one of uid 0, and a mount below it where the runtime runs (`through`). */
function tree(box: Box): { source: string; through: string[] } {
  const source = box.path("tree");
  mkdirSync(`${source}/sub`, { recursive: true });
  writeFileSync(`${source}/mine`, "1000\n");
  writeFileSync(`${source}/root`, "0\n");
  chownSync(`${source}/mine`, 1000, 1000);
  const script = `mount -t tmpfs tmpfs ${source}/sub && touch ${source}/sub/inner && chown 1000:1000 ${source}/sub/inner && exec "$@"`;
  return { source, through: ["unshare", "--mount", "sh", "-c", script, "sh"] };
}

const ids = [{ containerID: 1000, hostID: 5000, size: 1 }];
const owners = "stat -c '%u:%g %n' /mnt/mine /mnt/root /mnt/sub/inner 2>/dev/null";

test("an id-mapped bind shows its own owners, recursively only when asked", () => {
  using box = new Box();
  const { source, through } = tree(box);
  const bind = (...options: string[]): OciMount => ({
    destination: "/mnt",
    type: "bind",
    source,
    options: ["rbind", ...options],
    uidMappings: ids,
    gidMappings: ids,
  });
  box.write({ script: owners, config: withMounts(bind("idmap")) });
  const shown = box.foreground({ through });
  expect(shown.stderr).toBe("");
  expect(shown.stdout).toBe("5000:5000 /mnt/mine\n65534:65534 /mnt/root\n1000:1000 /mnt/sub/inner\n");
  box.write({ script: owners, config: withMounts(bind("ridmap")) });
  const recursive = box.foreground({ through });
  expect(recursive.stdout).toBe("5000:5000 /mnt/mine\n65534:65534 /mnt/root\n5000:5000 /mnt/sub/inner\n");
  box.write({ script: owners, config: withMounts(bind()) });
  expect(box.foreground({ through }).stdout).toBe(shown.stdout);
});

test("an id-mapped bind without maps of its own takes the container's", () => {
  using box = new Box();
  const { source, through } = tree(box);
  Bun.spawnSync(["chown", "-hR", "200000:200000", box.rootfs]);
  const map = [{ containerID: 0, hostID: 200000, size: 65536 }];
  box.write({
    script: owners,
    config: (config) => {
      namespace(config, "user");
      config.linux = { ...config.linux, uidMappings: map, gidMappings: map };
      config.mounts?.push({ destination: "/mnt", type: "bind", source, options: ["bind", "idmap"] });
    },
  });
  const { stdout, stderr } = box.foreground({ through });
  expect(stderr).toBe("");
  expect(stdout).toStartWith("1000:1000 /mnt/mine\n0:0 /mnt/root\n");
});

test("an id map on what is no bind, or without maps to take, is refused with its field", () => {
  using box = new Box();
  const refused: OciMount[] = [
    { destination: "/mnt", type: "tmpfs", source: "tmpfs", uidMappings: ids, gidMappings: ids },
    { destination: "/mnt", type: "bind", source: "/usr", options: ["bind", "idmap"] },
    { destination: "/mnt", type: "bind", source: "/usr", options: ["bind"], uidMappings: ids },
    {
      destination: "/mnt",
      type: "bind",
      source: "/proc",
      options: ["bind", "idmap"],
      uidMappings: ids,
      gidMappings: ids,
    },
  ];
  for (const mount of refused) {
    box.write({ config: withMounts(mount) });
    const { status, stderr } = box.foreground();
    expect({ mount, status }).toEqual({ mount, status: 1 });
    expect(logged(stderr)).toMatch(/mounts\[\d+\]/);
  }
});

test.each([
  ["ro", "touch /mnt/x", "touch /mnt/sub/x", ["fails", "works"]],
  ["rro", "touch /mnt/x", "touch /mnt/sub/x", ["fails", "fails"]],
  ["noexec", "/mnt/run", "/mnt/sub/run", ["fails", "works"]],
  ["rnoexec", "/mnt/run", "/mnt/sub/run", ["fails", "fails"]],
])("the option %s holds for the mount, and with r for all below", (option, top, below, expected) => {
  using box = new Box();
  const { source, through } = tree(box);
  writeFileSync(`${source}/run`, "#!/bin/true\n");
  chmodSync(`${source}/run`, 0o755);
  const [script = ""] = through.splice(
    4,
    1,
    (through[4] ?? "").replace("exec ", `cp ${source}/run ${source}/sub/run && exec `),
  );
  expect(script).toContain("mount -t tmpfs");
  const tried = (command: string): string => `(${command}) 2>/dev/null && echo works || echo fails`;
  box.write({
    script: `${tried(top)}; ${tried(below)}`,
    config: withMounts({ destination: "/mnt", type: "bind", source, options: ["rbind", option] }),
  });
  const { stdout, stderr } = box.foreground({ through });
  expect({ stdout, stderr }).toEqual({ stdout: `${expected.join("\n")}\n`, stderr: "" });
});

test("a recursive option can be taken back further down: rrw below ro", () => {
  using box = new Box();
  const { source, through } = tree(box);
  box.write({
    script: "touch /mnt/sub/x && echo works",
    config: withMounts({ destination: "/mnt", type: "bind", source, options: ["rbind", "rro", "rrw"] }),
  });
  expect(box.foreground({ through })).toMatchObject({ stdout: "works\n", status: 0 });
});

test("tmpcopyup begins with what the image has there: files, modes, owners, links", () => {
  using box = new Box({
    script:
      "cd /var/copied; stat -c '%n %a %u %F' . deep deep/file link; cat deep/file; touch new; mount | grep -c ' /var/copied type tmpfs'",
    config: withMounts({
      destination: "/var/copied",
      type: "tmpfs",
      source: "tmpfs",
      options: ["tmpcopyup", "size=1m"],
    }),
  });
  const folder = `${box.rootfs}/var/copied`;
  mkdirSync(`${folder}/deep`, { recursive: true });
  writeFileSync(`${folder}/deep/file`, "copied\n");
  chmodSync(`${folder}/deep/file`, 0o604);
  chownSync(`${folder}/deep/file`, 12, 13);
  symlinkSync("deep/file", `${folder}/link`);
  const { stdout, stderr } = box.foreground();
  expect(stderr).toBe("");
  expect(stdout).toContain(
    "deep 755 0 directory\ndeep/file 604 12 regular file\nlink 777 0 symbolic link\ncopied\n1\n",
  );
  expect(Bun.spawnSync(["ls", folder]).stdout.toString()).toBe("deep\nlink\n");
});

/** The optional fields of mountinfo for a place, without the numbers of the peer groups. */
const propagationOf = (place: string): string =>
  `grep ' ${place} ' /proc/self/mountinfo | sed 's/:[0-9]*//g; s/ - .*//' | cut -d' ' -f7-`;

test.each([
  ["private", ""],
  ["slave", ""],
  ["shared", "shared"],
  ["unbindable", "unbindable"],
  ["rshared", "shared"],
])("a mount that is asked to be %s is", (option, expected) => {
  using box = new Box();
  const { source, through } = tree(box);
  Bun.spawnSync(["ln", "-s", "busybox", `${box.rootfs}/bin/sed`]);
  box.write({
    script: propagationOf("/mnt"),
    config: withMounts({ destination: "/mnt", type: "bind", source, options: ["rbind", option] }),
  });
  expect(box.foreground({ through }).stdout.trim()).toBe(expected);
});

test.each([
  [undefined, ""],
  ["private", ""],
  ["slave", ""],
  ["shared", "shared"],
  ["unbindable", "unbindable"],
] as const)("linux.rootfsPropagation %p makes the root so", (value, expected) => {
  using box = new Box({
    script: propagationOf("/"),
    config: (config) => {
      if (value) config.linux = { ...config.linux, rootfsPropagation: value };
    },
  });
  Bun.spawnSync(["ln", "-s", "busybox", `${box.rootfs}/bin/sed`]);
  // A mount of its own: no path on one that is unbindable can become the root.
  const through = [
    "unshare",
    "--mount",
    "sh",
    "-c",
    `mount --bind ${box.rootfs} ${box.rootfs} && exec "$@"`,
    "sh",
  ];
  const { stdout, stderr, status } = box.foreground({ through });
  expect({ status, stderr, stdout: stdout.trim() }).toEqual({ status: 0, stderr: "", stdout: expected });
});

test("a cgroup mount shows the container's own groups, read-only when asked", () => {
  using box = new Box({
    script:
      "ls /sys/fs/cgroup/devices/tasks /sys/fs/cgroup/cgroup.procs 2>/dev/null; cat /sys/fs/cgroup/devices/tasks | wc -l; mkdir /sys/fs/cgroup/devices/x 2>&1",
    config: (config) => {
      namespace(config, "cgroup");
      config.mounts?.push({
        destination: "/sys/fs/cgroup",
        type: "cgroup",
        source: "cgroup",
        options: ["ro", "nosuid", "noexec", "nodev"],
      });
    },
  });
  const { stdout } = box.foreground();
  expect(stdout).toContain("Read-only file system");
  expect(stdout).toMatch(/tasks|cgroup\.procs/);
});

test("a root file system on a tmpfs works with --no-pivot and without", () => {
  using box = new Box({ args: ["cat", "/etc/passwd"] });
  const script = `cp -a ${box.rootfs} ${box.dir}/copy && mount -t tmpfs tmpfs ${box.rootfs} && cp -a ${box.dir}/copy/. ${box.rootfs}/ && exec "$@"`;
  const through = ["unshare", "--mount", "sh", "-c", script, "sh"];
  for (const extra of [[], ["--no-pivot"]]) {
    const { status, stdout } = box.foreground({ through, extra });
    expect({ extra, status, stdout }).toEqual({ extra, status: 0, stdout: "root:x:0:0::/root:/bin/sh\n" });
    Bun.spawnSync(["rm", "-rf", `${box.dir}/copy`]);
  }
});
