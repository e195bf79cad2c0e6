import { chownSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "bun:test";
import { needing } from "../needs.ts";
import { needs, Place } from "./place.ts";

const { test } = needing(needs);
const sh = (script: string) => ["sh", "-c", script];

test("a container runs to its end, keeps its changes, and leaves no mount", async () => {
  using place = new Place();
  await place.fill({ Entrypoint: ["sh", "-c"], Cmd: ["echo default"], Env: ["A=1"] });
  const container = await place.create();
  expect(container).toMatchObject({
    state: "created",
    image: "busybox",
    command: ["sh", "-c", "echo default"],
  });
  expect(await place.start(container)).toEqual({ status: 0, stdout: "default\n", stderr: "" });
  expect(place.parts.containers.get(container.name)).toMatchObject({
    state: "exited",
    exitCode: 0,
    pid: undefined,
  });
  expect(place.mounts()).toEqual([]);
  const second = await place.create({ command: ["echo $A > /kept; exit 7"] });
  expect(await place.start(second)).toMatchObject({ status: 7 });
  expect(readFileSync(join(place.parts.snapshots.directory(second.id), "kept"), "utf8")).toBe("1\n");
});

test.each([
  [["nothere"], 127],
  [["/etc"], 126],
  [["/etc/passwd"], 126],
])("%p cannot be run, and that is %d", async (command, exitCode) => {
  using place = new Place();
  await place.fill();
  const container = await place.create({ command });
  expect(place.start(container)).rejects.toThrow("exec: ");
  expect(place.parts.containers.get(container.id)).toMatchObject({ exitCode });
  expect(place.mounts()).toEqual([]);
});

test("a runtime that nobody knows is refused, and nothing is left mounted", async () => {
  using place = new Place();
  await place.fill();
  expect(place.run({ command: ["true"], runtime: "nothere" })).rejects.toThrow('runtime "nothere"');
  expect(place.mounts()).toEqual([]);
});

test("--rm leaves nothing: no row, folder, snapshot or anonymous volume", async () => {
  using place = new Place();
  await place.fill({ Volumes: { "/data": {} } });
  const { snapshots, store, containers } = place.parts;
  expect(
    await place.run({ command: ["touch", "/data/x"], remove: true, volumes: ["kept:/kept"] }),
  ).toMatchObject({ status: 0 });
  expect(containers.list()).toEqual([]);
  expect(snapshots.list().map(({ kind }) => kind)).toEqual(["committed"]);
  expect(readdirSync(join(store.root, "containers"))).toEqual([]);
  expect(readdirSync(join(store.root, "volumes"))).toEqual(["kept"]);
});

test("user, groups, home, working directory, host name and environment are the image's and the request's", async () => {
  using place = new Place();
  await place.fill({ User: "user", WorkingDir: "/made/here", Env: ["A=image", "B=image"] });
  const script = "id -u; id -g; id -G; echo $HOME; pwd; hostname; echo $A $B; cat /etc/hostname";
  const { stdout } = await place.run({ command: sh(script), hostname: "boat", env: ["A=mine"] });
  expect(stdout).toBe("1000\n1001\n1001 1002\n/home/user\n/made/here\nboat\nmine image\nboat\n");
});

test("the network has only its loopback, and it is up", async () => {
  using place = new Place();
  await place.fill();
  const { stdout } = await place.run({ command: sh("ip -o link; cat /etc/hosts") });
  expect(stdout).toContain("LOOPBACK,UP");
  expect(stdout).toContain("localhost");
  expect(stdout.match(/^\d+: /gm)).toHaveLength(1);
});

test("binds, named volumes and what the image has in their place", async () => {
  using place = new Place();
  await place.fill({}, (root) => {
    mkdirSync(join(root, "data"));
    writeFileSync(join(root, "data/first"), "from the image");
    chownSync(join(root, "data/first"), 5, 6);
  });
  const host = join(place.dir, "host");
  mkdirSync(host);
  writeFileSync(join(host, "file"), "host");
  const volumes = [`${host}:/host:ro`, "named:/data"];
  const script =
    "cat /host/file; cat /data/first; stat -c %u:%g /data/first; echo 2 >> /data/second; touch /host/x";
  const first = await place.run({ command: sh(script), volumes });
  expect(first).toMatchObject({ status: 1, stdout: "hostfrom the image5:6\n" });
  expect(await place.run({ command: ["cat", "/data/second"], volumes })).toMatchObject({ stdout: "2\n" });
});

test("limits and a read-only root hold", async () => {
  using place = new Place();
  await place.fill();
  expect(await place.run({ command: ["touch", "/x"], readonly: true })).toMatchObject({ status: 1 });
  const container = await place.create({ command: ["true"], memory: 64 << 20, cpus: 0.5, pidsLimit: 10 });
  expect(await place.start(container)).toMatchObject({ status: 0 });
  expect(place.spec(container.id)).toMatchObject({
    linux: {
      resources: {
        memory: { limit: 64 << 20 },
        cpu: { quota: 50_000, period: 100_000 },
        pids: { limit: 10 },
      },
    },
  });
});

test("in a user namespace the files are root's, and on the host another's", async () => {
  using place = new Place();
  await place.fill();
  const container = await place.create({
    command: sh("stat -c %u:%g / /bin/busybox /data; touch /made /data/file; cat /proc/self/uid_map"),
    userns: "0:200000:65536",
    volumes: ["data:/data"],
  });
  const done = await place.start(container);
  expect(done.stderr).toBe("");
  expect(done.stdout).toMatch(/^0:0\n0:0\n0:0\n +0 +200000 +65536\n$/);
  expect(
    Bun.spawnSync([
      "stat",
      "-c",
      "%u",
      join(place.parts.snapshots.directory(container.id), "made"),
    ]).stdout.toString(),
  ).toBe("200000\n");
});

test.each([undefined, "runc"])(
  "the container has no descriptor but its three, with runtime %p",
  async (runtime) => {
    using place = new Place();
    await place.fill();
    // The fourth is that of the folder that ls reads.
    const command = sh("echo /proc/self/fd/*");
    const done = await place.run({ command, ...(runtime !== undefined && { runtime }) });
    expect(done.stdout.trim().split(" ").slice(0, 3)).toEqual(
      ["0", "1", "2"].map((fd) => `/proc/self/fd/${fd}`),
    );
    expect(done.stdout.trim().split(" ").length).toBeLessThanOrEqual(4);
  },
);

test("names are taken once, and ids may be shortened", async () => {
  using place = new Place();
  await place.fill();
  const one = await place.create({ command: ["true"], name: "one" });
  expect(place.create({ command: ["true"], name: "one" })).rejects.toThrow("is already in use by container");
  expect(place.parts.snapshots.list().filter(({ kind }) => kind === "active")).toHaveLength(1);
  expect(place.parts.containers.get(one.id.slice(0, 8)).name).toBe("one");
  expect(() => place.parts.containers.get("two")).toThrow("No such container");
});

test("another runtime with runc's command line can be named", async () => {
  using place = new Place();
  await place.fill();
  const container = await place.create({
    command: sh("echo $HOME; exit 3"),
    runtime: "runc",
  });
  const done = await place.start(container);
  expect(done).toMatchObject({ status: 3, stdout: "/root\n" });
  expect(place.run({ command: ["nothere"], runtime: "runc" })).rejects.toThrow("nothere");
});

test("capabilities, filter and masks are there for the process to see", async () => {
  using place = new Place();
  await place.fill();
  const script =
    "grep -E 'Cap(Eff|Inh)|Seccomp:' /proc/self/status; mount -t tmpfs x /tmp || echo no; wc -c < /proc/interrupts";
  const { stdout } = await place.run({ command: sh(script) });
  expect(stdout).toBe("CapInh:\t0000000000000000\nCapEff:\t00000000a80425fb\nSeccomp:\t2\nno\n0\n");
  const privileged = await place.run({ command: sh("mount -t tmpfs x /tmp && echo yes"), privileged: true });
  expect(privileged.stdout).toBe("yes\n");
});
