/** Volumes on this machine's kernel: tmpfs, owners, claims, sub-paths against a pod that fights back. */
import { expect } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { containerMounts } from "../../../src/fleet/edge/edged/volumes/container-mounts.ts";
import { mountsBelow } from "../../../src/fleet/edge/edged/volumes/mount-table.ts";
import type { Pod, PodSpec, Volume } from "../../../src/spec/kubernetes/pod.ts";
import { needing } from "../../needs.ts";
import { container, pod } from "./pods.ts";
import { volumesFixture } from "./sources.ts";

const { test } = needing({ root: true });
const never = new AbortController().signal;

function withVolumes(volumes: readonly Volume[], spec: Partial<PodSpec> = {}): Pod {
  const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/${name}` }));
  return pod({ volumes, containers: [container({ volumeMounts })], ...spec });
}

test("an emptyDir is for everyone, survives another mount, and goes with the pod", async () => {
  using fixture = volumesFixture();
  const asked = withVolumes([{ name: "data", emptyDir: {} }]);
  const { paths, readOnly } = await fixture.volumes.mount(asked, never);
  const path = paths.get("data") ?? "";
  expect(lstatSync(path).mode & 0o7777).toBe(0o777);
  expect(readOnly.size).toBe(0);
  writeFileSync(join(path, "kept"), "1");
  await fixture.open().mount(asked, never);
  expect(readFileSync(join(path, "kept"), "utf8")).toBe("1");
  await fixture.volumes.unmount("0d1e-1");
  expect(existsSync(join(path, "../.."))).toBe(false);
  await fixture.volumes.unmount("0d1e-1");
});

test("an emptyDir in memory has the size that it is given, at most what the pod may use", async () => {
  using fixture = volumesFixture();
  const memory = (sizeLimit?: string) => ({ medium: "Memory", ...(sizeLimit && { sizeLimit }) });
  const volumes = [
    { name: "small", emptyDir: memory("1Mi") },
    { name: "limited", emptyDir: memory() },
  ];
  const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/${name}` }));
  const containers = [container({ volumeMounts, resources: { limits: { memory: "8Mi" } } })];
  const { paths } = await fixture.volumes.mount(pod({ volumes, containers }), never);
  const size = (name: string) => {
    const { bsize, blocks } = statfsSync(paths.get(name) ?? "");
    return bsize * blocks;
  };
  expect([size("small"), size("limited")]).toEqual([1 << 20, 8 << 20]);
  expect(() => writeFileSync(join(paths.get("small") ?? "", "big"), new Uint8Array(2 << 20))).toThrow(
    "ENOSPC",
  );
  await fixture.open().mount(pod({ volumes, containers }), never);
  expect(mountsBelow(fixture.root)).toHaveLength(2);
  await fixture.volumes.unmount("0d1e-1");
  expect(mountsBelow(fixture.root)).toEqual([]);
});

test("what an emptyDir holds beyond its limit is told", async () => {
  using fixture = volumesFixture();
  const asked = withVolumes([
    { name: "full", emptyDir: { sizeLimit: "64Ki" } },
    { name: "free", emptyDir: { sizeLimit: "1Gi" } },
    { name: "any", emptyDir: {} },
  ]);
  const { paths } = await fixture.volumes.mount(asked, never);
  expect(await fixture.volumes.overLimit(asked)).toEqual([]);
  for (const path of paths.values()) writeFileSync(join(path, "x"), new Uint8Array(128 << 10));
  const [over, ...others] = await fixture.volumes.overLimit(asked);
  expect(over).toMatchObject({ volume: "full", limit: 64 << 10 });
  expect(over?.used).toBeGreaterThanOrEqual(128 << 10);
  expect(others).toEqual([]);
});

test("secrets and tokens lie in memory only, and are read-only to containers", async () => {
  using fixture = volumesFixture();
  fixture.objects.set("secret/s", { data: { p: "cHc=" } } as object);
  fixture.objects.set("configmap/c", { data: { a: "1" } } as object);
  const asked = withVolumes([
    { name: "secret", secret: { secretName: "s" } },
    { name: "config", configMap: { name: "c" } },
    { name: "token", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } },
  ]);
  const { paths, readOnly } = await fixture.volumes.mount(asked, never);
  const tmpfs = 0x0102_1994;
  const kinds = ["secret", "config", "token"].map((name) => statfsSync(paths.get(name) ?? "").type === tmpfs);
  expect(kinds[0] && kinds[2]).toBe(true);
  expect(mountsBelow(paths.get("config") ?? "")).toEqual([]);
  expect(readOnly).toEqual(new Set(["secret", "config", "token"]));
  expect(readFileSync(join(paths.get("secret") ?? "", "p"), "utf8")).toBe("pw");
});

test("refresh puts new contents in place and says when a token is to be renewed", async () => {
  using fixture = volumesFixture();
  fixture.objects.set("configmap/c", { data: { a: "1" } } as object);
  const asked = withVolumes([
    { name: "config", configMap: { name: "c" } },
    {
      name: "token",
      projected: { sources: [{ serviceAccountToken: { path: "token", expirationSeconds: 7200 } }] },
    },
  ]);
  expect(await fixture.volumes.refresh(asked, never)).toBeUndefined();
  const { paths } = await fixture.volumes.mount(asked, never);
  fixture.objects.set("configmap/c", { data: { a: "2" } } as object);
  expect(await fixture.volumes.refresh(asked, never)).toBe(0.8 * 7_200_000);
  expect(readFileSync(join(paths.get("config") ?? "", "a"), "utf8")).toBe("2");
  expect(readFileSync(join(paths.get("token") ?? "", "token"), "utf8")).toBe("token-2");
});

test("what is there goes on serving when the cloud cannot be asked", async () => {
  using fixture = volumesFixture();
  fixture.objects.set("configmap/c", { data: { a: "1" } } as object);
  const asked = withVolumes([{ name: "config", configMap: { name: "c", optional: true } }]);
  const { paths } = await fixture.volumes.mount(asked, never);
  fixture.objects.set("configmap/c", "unavailable");
  await fixture.open().mount(asked, never);
  expect(readFileSync(join(paths.get("config") ?? "", "a"), "utf8")).toBe("1");
  const other = { ...asked, metadata: { ...asked.metadata, uid: "2" } };
  await fixture.volumes.mount(other, never);
  const needed = withVolumes([{ name: "config", configMap: { name: "c" } }]);
  const failure = await fixture.volumes
    .mount({ ...needed, metadata: { name: "n", uid: "3" } }, never)
    .catch((error: unknown) => error);
  expect(failure).toMatchObject({ reason: "FailedMount", code: "unavailable" });
  expect(String(failure)).toContain('volume "config"');
});

test("fsGroup owns what the pod's own volumes hold, and reads what is secret to others", async () => {
  using fixture = volumesFixture();
  fixture.objects.set("secret/s", { data: { "d/p": "cHc=" } } as object);
  const items = [{ key: "d/p", path: "d/p" }];
  const volumes = [
    { name: "data", emptyDir: {} },
    { name: "secret", secret: { secretName: "s", defaultMode: 0o400, items } },
  ];
  const { paths } = await fixture.volumes.mount(
    withVolumes(volumes, { securityContext: { fsGroup: 1234 } }),
    never,
  );
  const [data, secret] = [
    statSync(paths.get("data") ?? ""),
    statSync(join(paths.get("secret") ?? "", "d/p")),
  ];
  expect([data.gid, data.mode & 0o7777]).toEqual([1234, 0o2777]);
  expect([secret.gid, secret.mode & 0o7777]).toEqual([1234, 0o440]);
  expect(statSync(join(paths.get("secret") ?? "", "d")).mode & 0o7777).toBe(0o2755);
});

const host = (name: string, path: string, type?: string): Volume => ({
  name,
  hostPath: { path, ...(type !== undefined && { type }) },
});

test("places of the host are looked at by their type, and made where the type says so", async () => {
  using fixture = volumesFixture();
  const { root } = fixture;
  const socket = createServer().listen(join(root, "socket"));
  await once(socket, "listening");
  writeFileSync(join(root, "file"), "1");
  const places: [string, string][] = [
    ["", join(root, "any/made")],
    ["DirectoryOrCreate", join(root, "made/deep")],
    ["Directory", root],
    ["FileOrCreate", join(root, "new-file")],
    ["File", join(root, "file")],
    ["Socket", join(root, "socket")],
    ["CharDevice", "/dev/null"],
  ];
  const volumes = places.map(([type, path], index) => host(`v${index}`, path, type));
  const { paths } = await fixture.volumes.mount(withVolumes(volumes), never);
  expect([...paths.values()]).toEqual(places.map(([, path]) => path));
  expect(statSync(join(root, "made/deep")).mode & 0o777).toBe(0o755);
  expect(statSync(join(root, "new-file")).isFile()).toBe(true);
  await fixture.volumes.unmount("0d1e-1");
  expect(readFileSync(join(root, "file"), "utf8")).toBe("1");
  for (const [type, path, why] of [
    ["Directory", join(root, "file"), "is not a folder"],
    ["File", join(root, "none"), "nothing is at"],
    ["FileOrCreate", join(root, "none/below"), "ENOENT"],
    ["Socket", join(root, "file"), "is not a socket"],
    ["BlockDevice", "/dev/null", "is not a block device"],
    ["Other", root, "type"],
    ["", "/a/../etc", "without"],
    ["", "relative", "not an absolute path"],
  ] as const)
    expect(fixture.volumes.mount(withVolumes([host("v", path, type)]), never), path).rejects.toThrow(why);
  socket.close();
  await once(socket, "close");
});

function claimFixture(fixture: ReturnType<typeof volumesFixture>, spec: object) {
  fixture.objects.set("persistentvolumeclaim/c", {
    spec: { volumeName: "pv" },
    status: { phase: "Bound" },
  } as object);
  const claimRef = { namespace: "shop", name: "c" };
  fixture.objects.set("persistentvolume/pv", { spec: { claimRef, ...spec } } as object);
  return withVolumes([{ name: "claim", persistentVolumeClaim: { claimName: "c" } }], {
    securityContext: { fsGroup: 77 },
  });
}

test("a claim is its volume's local folder, whose files become the group's without any link being followed", async () => {
  using fixture = volumesFixture();
  const [local, outside] = [join(fixture.root, "local"), join(fixture.root, "outside")];
  mkdirSync(join(local, "sub"), { recursive: true });
  writeFileSync(join(local, "sub/file"), "1", { mode: 0o600 });
  writeFileSync(outside, "1", { mode: 0o600 });
  symlinkSync(outside, join(local, "link"));
  const { paths } = await fixture.volumes.mount(claimFixture(fixture, { local: { path: local } }), never);
  expect(paths.get("claim")).toBe(local);
  const seen = ["", "sub", "sub/file"].map((name) => statSync(join(local, name)));
  expect(seen.map(({ gid, mode }) => [gid, mode & 0o7777])).toEqual([
    [77, 0o2775],
    [77, 0o2775],
    [77, 0o660],
  ]);
  const other = statSync(outside);
  expect([other.gid, other.mode & 0o777]).toEqual([0, 0o600]);
  await fixture.volumes.unmount("0d1e-1");
  expect(existsSync(join(local, "sub/file"))).toBe(true);
});

test("OnRootMismatch leaves a volume alone whose top is right", async () => {
  using fixture = volumesFixture();
  const local = join(fixture.root, "local");
  mkdirSync(local);
  chownSync(local, 0, 77);
  chmodSync(local, 0o2775);
  writeFileSync(join(local, "file"), "1", { mode: 0o600 });
  chownSync(join(local, "file"), 0, 0);
  const asked = claimFixture(fixture, { local: { path: local } });
  const securityContext = { fsGroup: 77, fsGroupChangePolicy: "OnRootMismatch" };
  await fixture.volumes.mount({ ...asked, spec: { ...asked.spec, securityContext } }, never);
  expect(statSync(join(local, "file")).gid).toBe(0);
});

test("a claim that is not bound, bound elsewhere, not for this node, or of a driver is refused", async () => {
  using fixture = volumesFixture();
  const wrong: [object, string][] = [
    [{ csi: { driver: "x" } }, 'source "csi", which is not supported'],
    [{ local: { path: fixture.root }, claimRef: { namespace: "other", name: "c" } }, "is not bound to claim"],
    [
      {
        local: { path: fixture.root },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: ["x"] }] },
            ],
          },
        },
      },
      "not for this node",
    ],
    [{ local: { path: fixture.root }, volumeMode: "Block" }, "is not a block device"],
  ];
  for (const [spec, why] of wrong) {
    const asked = claimFixture(fixture, spec);
    expect(fixture.volumes.mount(asked, never), why).rejects.toThrow(why);
  }
  fixture.objects.set("persistentvolumeclaim/c", { spec: {}, status: { phase: "Pending" } } as object);
  const asked = withVolumes([{ name: "claim", persistentVolumeClaim: { claimName: "c" } }]);
  expect(fixture.volumes.mount(asked, never)).rejects.toThrow("is not bound to a volume");
});

const part = (path: string, index = 0) => ({ container: "main", volume: "data", path, index });
const plain = withVolumes([{ name: "data", emptyDir: {} }]);

test("a sub-path is made, pinned whatever its path means later, and released", async () => {
  using fixture = volumesFixture();
  const { paths } = await fixture.volumes.mount(plain, never);
  const data = paths.get("data") ?? "";
  const pinned = await fixture.volumes.subPath(plain, part("a/b"));
  expect(statSync(pinned).mode & 0o7777).toBe(0o777);
  writeFileSync(join(data, "a/b/file"), "1");
  expect(readdirSync(pinned)).toEqual(["file"]);
  renameSync(join(data, "a"), join(data, "gone"));
  symlinkSync("/etc", join(data, "a"));
  expect(readdirSync(pinned)).toEqual(["file"]);
  writeFileSync(join(data, "one"), "2");
  const file = await fixture.volumes.subPath(plain, part("one", 1));
  expect(readFileSync(file, "utf8")).toBe("2");
  expect(await fixture.volumes.subPath(plain, part("gone/b"))).toBe(pinned);
  await fixture.volumes.releaseSubPaths(plain, "main");
  expect(mountsBelow(fixture.root)).toEqual([]);
  expect(existsSync(pinned)).toBe(false);
  expect(readFileSync(join(data, "gone/b/file"), "utf8")).toBe("1");
});

test("a sub-path does not leave its volume", async () => {
  using fixture = volumesFixture();
  const { paths } = await fixture.volumes.mount(plain, never);
  const data = paths.get("data") ?? "";
  symlinkSync("/etc", join(data, "absolute"));
  symlinkSync("../../../..", join(data, "up"));
  mkdirSync(join(data, "in"));
  symlinkSync("in", join(data, "inner"));
  for (const path of ["absolute", "absolute/passwd", "up", "up/etc", "absolute/new"])
    expect(fixture.volumes.subPath(plain, part(path)), path).rejects.toThrow("leads out of the volume");
  for (const path of ["../x", "/etc", "a/../../x"])
    expect(fixture.volumes.subPath(plain, part(path)), path).rejects.toThrow("cannot use subPath");
  expect(existsSync("/etc/new")).toBe(false);
  await fixture.volumes.subPath(plain, part("inner"));
});

test("a pod that changes a folder into a link again and again gets nothing but its own volume", async () => {
  using fixture = volumesFixture();
  const { paths } = await fixture.volumes.mount(plain, never);
  const data = paths.get("data") ?? "";
  const secret = join(fixture.root, "secret");
  mkdirSync(join(secret, "inner"), { recursive: true });
  writeFileSync(join(secret, "inner/key"), "of the host");
  mkdirSync(join(data, "mine/inner"), { recursive: true });
  // A process of its own, so that it runs between our system calls.
  const script = `
    const fs = require("node:fs");
    process.chdir(process.argv[1]);
    const quietly = (act) => { try { act(); } catch {} };
    fs.writeSync(1, "ready");
    for (;;) {
      quietly(() => fs.rmSync("kept", { recursive: true }));
      quietly(() => fs.renameSync("mine", "kept"));
      quietly(() => fs.symlinkSync(process.argv[2], "mine"));
      quietly(() => fs.unlinkSync("mine"));
      quietly(() => fs.renameSync("kept", "mine"));
    }`;
  const attacker = Bun.spawn([process.execPath, "-e", script, data, secret], {
    stdout: "pipe",
    env: { BUN_BE_BUN: "1" },
  });
  try {
    const reader = attacker.stdout.getReader();
    await reader.read();
    let held = 0;
    for (let n = 0; n < 400 || held === 0; n++) {
      const pinned = await fixture.volumes.subPath(plain, part("mine/inner")).catch(() => undefined);
      if (pinned === undefined) continue;
      held++;
      expect(existsSync(join(pinned, "key"))).toBe(false);
    }
    expect(readdirSync(join(secret, "inner"))).toEqual(["key"]);
    expect(attacker.exitCode).toBeNull();
  } finally {
    attacker.kill("SIGKILL");
    await attacker.exited;
  }
});

test("what a crash has left is swept: mounts, pins and folders of pods that are no more, and nothing of the host", async () => {
  using fixture = volumesFixture();
  const precious = join(fixture.root, "precious");
  mkdirSync(precious);
  writeFileSync(join(precious, "file"), "1");
  const volumes = [
    host("data", precious),
    { name: "memory", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
  ];
  const asked = withVolumes(volumes);
  await fixture.volumes.mount(asked, never);
  await fixture.volumes.subPath(asked, part("."));
  const other = { ...asked, metadata: { ...asked.metadata, uid: "kept" } };
  await fixture.volumes.mount(other, never);
  await fixture.open().sweep(new Set(["kept"]));
  expect(fixture.log).toEqual([]);
  expect(readdirSync(join(fixture.root, "edged/pods"))).toEqual(["kept"]);
  expect(mountsBelow(fixture.root)).toHaveLength(1);
  expect(readFileSync(join(precious, "file"), "utf8")).toBe("1");
});

test("a container's mounts come from its pod's volumes, sub-paths with variables in them", async () => {
  using fixture = volumesFixture();
  fixture.objects.set("configmap/c", { data: { a: "1" } } as object);
  const volumes = [
    { name: "data", emptyDir: {} },
    { name: "config", configMap: { name: "c" } },
  ];
  const own = container({
    volumeMounts: [
      { name: "data", mountPath: "/data", subPathExpr: "$(POD)/logs" },
      { name: "config", mountPath: "/config/a", subPath: "a" },
      { name: "data", mountPath: "/all", readOnly: true, mountPropagation: "HostToContainer" },
    ],
  });
  const asked = pod({ volumes, containers: [own] });
  const mounted = await fixture.volumes.mount(asked, never);
  const parts = { pod: asked, container: own, volumes: fixture.volumes, mounted, environment: ["POD=web-1"] };
  const { mounts, devices } = await containerMounts(parts);
  expect(mounts.map(({ target, readOnly, propagation }) => [target, readOnly, propagation])).toEqual([
    ["/data", false, undefined],
    ["/config/a", true, undefined],
    ["/all", true, "HostToContainer"],
  ]);
  expect(devices).toEqual([]);
  expect(existsSync(join(mounted.paths.get("data") ?? "", "web-1/logs"))).toBe(true);
  expect(readFileSync(mounts[1]?.source ?? "", "utf8")).toBe("1");
  expect(containerMounts({ ...parts, environment: [] })).rejects.toThrow('there is no variable "POD"');
  expect(containerMounts({ ...parts, environment: ["POD=../.."] })).rejects.toThrow("cannot use subPath");
  const device = container({ volumeDevices: [{ name: "data", devicePath: "/dev/x" }] });
  expect(containerMounts({ ...parts, container: device })).rejects.toThrow(
    "wanted a volume whose volumeMode is Block",
  );
});

test("the pods of a node are kept apart by their uids, and a uid that is a path is refused", async () => {
  using fixture = volumesFixture();
  for (const uid of ["", "..", "a/b"]) {
    expect(fixture.volumes.mount({ ...plain, metadata: { name: "x", uid } }, never)).rejects.toThrow(
      "is no name of a folder",
    );
    expect(fixture.volumes.unmount(uid)).rejects.toThrow("is no name of a folder");
  }
});

test("the edge's data may lie behind a link", async () => {
  using fixture = volumesFixture();
  const [real, link] = [join(fixture.root, "real"), join(fixture.root, "link")];
  mkdirSync(real);
  symlinkSync(real, link);
  const volumes = fixture.open(link);
  const asked = withVolumes([{ name: "memory", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } }]);
  await volumes.mount(asked, never);
  await volumes.mount(asked, never);
  expect(mountsBelow(fixture.root)).toHaveLength(1);
  await volumes.unmount("0d1e-1");
  expect(mountsBelow(fixture.root)).toEqual([]);
});
