/** The life of a container by its verbs: which are allowed in which state, what they say, and what they leave. */
import { expect } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { needing } from "../needs.ts";
import { Box, isRunning, logged, needs, until, withoutNamespace } from "./_container.ts";

const { test } = needing(needs);

const refused = (box: Box, ...args: string[]): string => {
  const { status, stderr } = box.run(args);
  expect({ args, failed: status !== 0 }).toEqual({ args, failed: true });
  return logged(stderr);
};

test("the state has the fields of the specification and of runc", () => {
  using box = new Box({
    args: ["sleep", "1000"],
    config: (config) => (config.annotations = { "org.example": "value" }),
  });
  expect(box.create()).toEqual({ status: 0, stdout: "", stderr: "" });
  const state = box.state();
  expect(state).toEqual({
    ociVersion: "1.3.0",
    id: box.id,
    pid: state.pid,
    status: "created",
    bundle: box.bundle,
    rootfs: box.rootfs,
    created: state["created"],
    annotations: { "org.example": "value" },
    owner: "",
  });
  expect(isRunning(state.pid)).toBe(true);
  expect(Date.now() - Date.parse(String(state["created"]))).toBeLessThan(60_000);
});

test("created: nothing of the program has run; exec, kill and delete are allowed", async () => {
  using box = new Box({ script: "echo ran; exec sleep 1000" });
  box.create();
  expect(box.ok(["exec", box.id, "echo", "early"])).toBe("early\n");
  expect(box.output()).toBe("");
  box.ok(["delete", box.id]);
  expect(box.cgroups()).toEqual([]);
  box.create();
  box.ok(["kill", box.id, "KILL"]);
  await until(() => box.state().status === "stopped");
  expect(refused(box, "start", box.id)).toContain("cannot start a container that has stopped");
  box.ok(["delete", box.id]);
  expect(box.output()).toBe("");
});

test("running: a second start and a plain delete are refused", async () => {
  using box = new Box({ script: "echo ran; exec sleep 1000" });
  box.create();
  box.ok(["start", box.id]);
  await until(() => box.output() === "ran\n");
  expect(refused(box, "start", box.id)).toContain("cannot start an already running container");
  expect(refused(box, "delete", box.id)).toMatch(/running.*not stopped|not stopped.*running/);
  expect(box.state().status).toBe("running");
  box.ok(["delete", "--force", box.id]);
  expect(readdirSync(box.root)).toEqual([]);
  expect(box.cgroups()).toEqual([]);
});

test("stopped: state says so, and delete works once", async () => {
  using box = new Box({ script: "exit 3" });
  box.create();
  box.ok(["start", box.id]);
  await until(() => box.state().status === "stopped");
  expect(box.state().pid).toBe(0);
  box.ok(["delete", box.id]);
  expect(refused(box, "delete", box.id)).toContain("does not exist");
  box.ok(["delete", "--force", box.id]);
});

test.each(["state", "start", "kill", "delete", "pause", "resume", "ps"])(
  "%s of a container that is not there fails",
  (verb) => {
    using box = new Box();
    expect(refused(box, verb, "absent")).toContain("does not exist");
  },
);

test("kill takes names and numbers, with TERM as the default", async () => {
  using box = new Box({
    script:
      "trap 'echo usr1' USR1; trap 'echo hup' HUP; trap 'echo term; exit 0' TERM; echo armed; while :; do sleep 0.01; done",
  });
  box.create();
  box.ok(["start", box.id]);
  const said = async (word: string): Promise<true> => until(() => box.output().includes(`${word}\n`));
  await said("armed");
  box.ok(["kill", box.id, "SIGUSR1"]);
  await said("usr1");
  box.ok(["kill", box.id, "hup"]);
  await said("hup");
  expect(refused(box, "kill", box.id, "NOSUCH")).toMatch(/signal/);
  expect(refused(box, "kill", box.id, "4711")).toMatch(/signal|invalid/i);
  box.ok(["kill", box.id]);
  await said("term");
});

test("without a pid namespace of its own, KILL and --all reach every process", async () => {
  using box = new Box({
    script: "sleep 1000 & echo $! >/tmp/other; exec sleep 1000",
    config: (config) => withoutNamespace(config, "pid"),
  });
  box.create();
  box.ok(["start", box.id]);
  await until(() => existsSync(`${box.rootfs}/tmp/other`));
  await until(() => box.run(["exec", box.id, "cat", "/tmp/other"]).stdout.trim() !== "");
  const other = Number(box.ok(["exec", box.id, "cat", "/tmp/other"]));
  expect(isRunning(other)).toBe(true);
  box.ok(["kill", "--all", box.id, "TERM"]);
  await until(() => !isRunning(other));
  await until(() => box.state().status === "stopped");
});

test("a bundle that is wrong is refused with field and value, and nothing is left", () => {
  using box = new Box();
  const broken: [RegExp, () => void][] = [
    [/config\.json/, () => writeFileSync(`${box.bundle}/config.json`, "{")],
    [/root\.path.*absent/, () => box.write({ config: (config) => (config.root.path = "absent") })],
    [/executable file not found/, () => box.write({ args: ["no-such-program"] })],
    [/absent: no such file/, () => box.write({ args: ["/bin/absent"] })],
    [/permission denied/, () => box.write({ args: ["/etc/passwd"] })],
    [/cwd/, () => box.write({ config: (config) => (config.process.cwd = "relative") })],
    [
      /mounts\[\d+\]\.source|mounts\[\d+\]/,
      () =>
        box.write({
          config: (config) =>
            config.mounts?.push({
              destination: "/x",
              type: "bind",
              source: "/absent/source",
              options: ["bind"],
            }),
        }),
    ],
    [
      /nofs.*mounts\[6\]/,
      () =>
        box.write({
          config: (config) => config.mounts?.push({ destination: "/x", type: "nofs", source: "x" }),
        }),
    ],
    [/ociVersion/, () => box.write({ config: (config) => (config.ociVersion = "9.0.0") })],
  ];
  for (const [text, make] of broken) {
    make();
    const { status, stderr } = box.create();
    expect({ status, text: logged(stderr) }).toEqual({
      status: 1,
      text: expect.stringMatching(text) as unknown as string,
    });
    expect(existsSync(`${box.root}/${box.id}`)).toBe(false);
    expect(box.cgroups()).toEqual([]);
  }
});

test("a container does not change the host: mounts, host name and the root of its bundle's parent", () => {
  const mounts = (): string =>
    Bun.spawnSync(["cat", "/proc/self/mountinfo"])
      .stdout.toString()
      .split("\n")
      .filter((line) => line.includes("sampan-runtime-"))
      .join("\n");
  using box = new Box({
    script: "mount -t tmpfs tmpfs /tmp; hostname other",
    config: (config) =>
      (config.process.capabilities = {
        ...config.process.capabilities,
        effective: ["CAP_SYS_ADMIN"],
        permitted: ["CAP_SYS_ADMIN"],
        bounding: ["CAP_SYS_ADMIN"],
      }),
  });
  const before = { mounts: mounts(), name: Bun.spawnSync(["hostname"]).stdout.toString() };
  box.foreground();
  expect({ mounts: mounts(), name: Bun.spawnSync(["hostname"]).stdout.toString() }).toEqual(before);
});
