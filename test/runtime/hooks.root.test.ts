/** Hooks of all six kinds: when and where they run, what they are given, and what a failing one does. */
import { expect } from "bun:test";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import type { OciConfig, OciHook, OciHooks, OciMount } from "../../src/spec/oci/config.ts";
import { needing } from "../needs.ts";
import { Box, logged, needs, until } from "./_container.ts";

const { test } = needing(needs);

const kinds = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const;
type Kind = (typeof kinds)[number];
/** Those that are looked up in the container's root file system, or have left the host's behind. */
const inside: readonly Kind[] = ["startContainer"];

const sh = (script: string, more: Partial<OciHook> = {}): OciHook => ({
  path: "/bin/sh",
  args: ["sh", "-c", script],
  ...more,
});

/** Below the box's own folder, hooks of every kind can write, and the test can read. */
const shared = (box: Box): OciMount => ({
  destination: box.dir,
  type: "bind",
  source: box.dir,
  options: ["bind"],
});

const path = { env: ["PATH=/usr/bin:/bin"] };

function withHooks(
  hooks: (box: Box) => OciHooks,
  args: readonly string[] = ["true"],
  more?: (config: OciConfig) => void,
): Box {
  const box = new Box();
  const config = (config: OciConfig): void => {
    config.hooks = hooks(box);
    config.mounts?.push(shared(box));
    more?.(config);
  };
  box.write({ args, config });
  return box;
}

const everyKind = (make: (kind: Kind) => OciHook[]): OciHooks =>
  Object.fromEntries(kinds.map((kind) => [kind, make(kind)]));

test("they run in the order of the specification, those of a kind in the order of the list", async () => {
  const both = (it: Box, kind: Kind) => ["a", "b"].map((name) => sh(`echo ${kind} ${name} >>${it.dir}/log`));
  using box = withHooks((it) => everyKind((kind) => both(it, kind)));
  box.write({
    args: ["sh", "-c", `while ! grep -q 'poststart b' ${box.dir}/log; do sleep 0.01; done`],
    config: (config) => {
      config.hooks = everyKind((kind) => both(box, kind));
      config.mounts?.push(shared(box));
    },
  });
  expect(box.create()).toEqual({ status: 0, stdout: "", stderr: "" });
  const lines = (): string[] => box.read("log").trim().split("\n");
  const early = kinds.slice(0, 3).flatMap((kind) => [`${kind} a`, `${kind} b`]);
  expect(lines()).toEqual(early);
  box.ok(["start", box.id]);
  // Those of startContainer run in the container, once it was let go.
  await until(() => lines().includes("startContainer b"));
  box.ok(["delete", "--force", box.id]);
  expect(lines().slice(0, 6)).toEqual(early);
  const rest = lines().slice(6);
  const order = (kind: string): string[] => rest.filter((line) => line.startsWith(`${kind} `));
  for (const kind of kinds.slice(3)) expect(order(kind)).toEqual([`${kind} a`, `${kind} b`]);
  expect(rest.slice(-2)).toEqual(["poststop a", "poststop b"]);
});

test("they read the state on standard input, and have the environment that is listed and no descriptor else", async () => {
  const look = (box: Box, kind: Kind): string =>
    `f=${box.dir}/${kind}; cat >$f.state; env >$f.env; pwd >$f.cwd; echo /proc/self/fd/* >$f.fds`;
  using box = withHooks(
    (it) => everyKind((kind) => [sh(look(it, kind), { env: ["PATH=/usr/bin:/bin", `KIND=${kind}`] })]),
    ["sleep", "1000"],
    (config) => {
      config.annotations = { "org.example": 'a "quoted" one' };
    },
  );
  box.create({ env: { SECRET: "of the caller" } });
  const { pid } = box.state();
  box.ok(["start", box.id], { env: { SECRET: "of the caller" } });
  await until(() => existsSync(box.path("startContainer.fds")));
  box.ok(["delete", "--force", box.id], { env: { SECRET: "of the caller" } });
  const seen = (kind: Kind) => ({
    state: JSON.parse(box.read(`${kind}.state`)) as Record<string, unknown>,
    env: box.read(`${kind}.env`).trim().split("\n").toSorted(),
    cwd: box.read(`${kind}.cwd`).trim(),
    fds: box.read(`${kind}.fds`).trim().replaceAll("/proc/self/fd/", ""),
  });
  const common = {
    ociVersion: "1.3.0",
    id: box.id,
    bundle: box.bundle,
    annotations: { "org.example": 'a "quoted" one' },
  };
  const expected: Record<Kind, object> = {
    prestart: { ...common, status: "creating", pid },
    createRuntime: { ...common, status: "creating", pid },
    // In the container's pid namespace.
    createContainer: { ...common, status: "creating", pid: 1 },
    startContainer: { ...common, status: "created", pid: 1 },
    poststart: { ...common, status: "running", pid },
    poststop: { ...common, status: "stopped" },
  };
  for (const kind of kinds) {
    const { state, env, fds } = seen(kind);
    expect({ kind, state }).toEqual({ kind, state: expected[kind] as Record<string, unknown> });
    expect(env.filter((line) => !/^(PWD|SHLVL|_|OLDPWD)=/.test(line))).toEqual([
      `KIND=${kind}`,
      "PATH=/usr/bin:/bin",
    ]);
    expect({ kind, fds }).toEqual({ kind, fds: expect.stringMatching(/^0 1 2( 3)?$/) as unknown as string });
  }
  expect(seen("startContainer").cwd).toBe("/");
});

test("they run in the namespaces that the specification names", async () => {
  const look = (box: Box, kind: Kind): string =>
    `for n in mnt net pid uts; do readlink /proc/self/ns/$n; done >${box.dir}/${kind}.ns; ls / >${box.dir}/${kind}.root`;
  using box = withHooks((it) => everyKind((kind) => [sh(look(it, kind), path)]), ["sleep", "1000"]);
  box.create();
  const { pid } = box.state();
  const namespaces = (of: number | "self"): string =>
    Bun.spawnSync([
      "sh",
      "-c",
      `for n in mnt net pid uts; do readlink /proc/${of}/ns/$n; done`,
    ]).stdout.toString();
  const container = namespaces(pid);
  const host = namespaces(process.pid);
  box.ok(["start", box.id]);
  await until(() => existsSync(box.path("startContainer.root")));
  box.ok(["delete", "--force", box.id]);
  for (const kind of kinds) {
    const own = kind === "createContainer" || kind === "startContainer";
    expect({ kind, ns: box.read(`${kind}.ns`) }).toEqual({ kind, ns: own ? container : host });
    // createContainer is in the container's namespaces, with the host's root still.
    const containerRoot = inside.includes(kind);
    expect({ kind, usr: box.read(`${kind}.root`).includes("usr\n") }).toEqual({ kind, usr: !containerRoot });
  }
});

test("createContainer sees the mounts of the container, below the root that it will have", () => {
  using box = withHooks((it) => ({
    createContainer: [sh(`cat /proc/self/mountinfo >${it.dir}/mounts`, path)],
  }));
  expect(box.foreground().status).toBe(0);
  const points = box
    .read("mounts")
    .split("\n")
    .map((line) => line.split(" ")[4]);
  expect(points).toEqual(expect.arrayContaining([`${box.rootfs}/dev/pts`, `${box.rootfs}/proc`, "/"]));
});

test("hooks of the host begin in the bundle's folder", () => {
  using box = withHooks((it) => everyKind((kind) => [sh(`pwd >${it.dir}/${kind}`, path)]));
  expect(box.foreground({ cwd: "/" }).status).toBe(0);
  expect(box.create({ cwd: "/" }).status).toBe(0);
  box.ok(["start", box.id], { cwd: "/usr" });
  box.ok(["delete", "--force", box.id], { cwd: "/usr" });
  for (const kind of ["prestart", "createRuntime"]) expect(box.read(kind).trim()).toBe(box.bundle);
});

const early = ["prestart", "createRuntime", "createContainer"] as const;

test.each(early)("a %s hook that fails fails create, with its output, and nothing is left", (kind) => {
  using box = withHooks((it) => ({
    [kind]: [sh("true"), sh("echo said; echo complained >&2; exit 3"), sh(`touch ${it.dir}/later`)],
    poststop: [sh(`touch ${it.dir}/stopped`)],
  }));
  const { status, stderr } = box.create();
  expect(status).toBe(1);
  expect(logged(stderr)).toContain(`error running ${kind} hook #1: exit status 3, stdout and stderr: said`);
  expect(stderr).toContain("complained");
  expect(existsSync(box.path("later"))).toBe(false);
  expect(readdirSync(box.root)).toEqual([]);
  expect(box.cgroups()).toEqual([]);
});

test("a startContainer hook that fails ends the container", async () => {
  using box = withHooks(() => ({ startContainer: [sh("exit 3")] }), ["sleep", "1000"]);
  box.create();
  box.run(["start", box.id]);
  await until(() => box.state().status === "stopped");
  box.ok(["delete", box.id]);
  const { status } = box.foreground();
  expect(status).not.toBe(0);
  expect(readdirSync(box.root)).toEqual([]);
});

test("a poststart hook that fails fails start", () => {
  using box = withHooks(() => ({ poststart: [sh("echo no; exit 3")] }), ["sleep", "1000"]);
  box.create();
  const started = box.run(["start", box.id]);
  expect(started.status).toBe(1);
  expect(logged(started.stderr)).toContain(
    "error running poststart hook #0: exit status 3, stdout and stderr: no",
  );
  box.ok(["delete", "--force", box.id]);
  const run = box.foreground();
  expect(run.status).toBe(1);
  expect(readdirSync(box.root)).toEqual([]);
});

test("a poststop hook that fails is a warning, and those after it run", () => {
  using box = withHooks((it) => ({ poststop: [sh("echo no; exit 3"), sh(`touch ${it.dir}/after`)] }));
  expect(box.foreground({ extra: ["--keep"] }).status).toBe(0);
  const { status, stderr } = box.run(["delete", box.id]);
  expect(status).toBe(0);
  expect(stderr).toContain("level=warning");
  expect(logged(stderr)).toContain("poststop hook #0: error running poststop hook #0: exit status 3");
  expect(existsSync(box.path("after"))).toBe(true);
  expect(readdirSync(box.root)).toEqual([]);
});

test("poststop hooks run at the end of a foreground run too, and do not change its status", () => {
  using box = withHooks(
    (it) => ({ poststop: [sh("exit 3"), sh(`cat >${it.dir}/state`)] }),
    ["sh", "-c", "exit 8"],
  );
  expect(box.foreground().status).toBe(8);
  expect(JSON.parse(box.read("state"))).toEqual({
    ociVersion: "1.3.0",
    id: box.id,
    status: "stopped",
    bundle: box.bundle,
  });
  expect(readdirSync(box.root)).toEqual([]);
});

test("a hook that takes longer than its timeout is killed, and has failed", () => {
  using box = withHooks((it) => ({
    createRuntime: [sh(`echo $$ >${it.dir}/pid; exec sleep 1000`, { timeout: 1 })],
  }));
  const { status, stderr } = box.create();
  expect(status).toBe(1);
  expect(logged(stderr)).toContain("error running createRuntime hook #0: it did not end within its timeout");
  expect(existsSync(`/proc/${box.read("pid").trim()}`)).toBe(false);
  expect(box.cgroups()).toEqual([]);
});

test("a hook that is missing or cannot be executed is an error that names it", () => {
  using box = withHooks(() => ({ createRuntime: [{ path: "/absent/hook" }] }));
  expect(logged(box.create().stderr)).toMatch(/createRuntime hook #0: .*\/absent\/hook/);
  writeFileSync(box.path("plain"), "#!/bin/sh\n", { mode: 0o644 });
  box.write({ config: (config) => (config.hooks = { createRuntime: [{ path: box.path("plain") }] }) });
  expect(logged(box.create().stderr)).toMatch(/createRuntime hook #0: .*plain/);
  expect(readdirSync(box.root)).toEqual([]);
});

test("a hook need not read its state, and what it writes is no part of the container's output", () => {
  using box = withHooks(
    (it) => ({ createRuntime: [sh(`exec 0<&-; seq 100000; touch ${it.dir}/done`)] }),
    ["echo", "mine"],
  );
  expect(box.foreground()).toEqual({ status: 0, stdout: "mine\n", stderr: "" });
  expect(readFileSync(box.path("done"), "utf8")).toBe("");
});
