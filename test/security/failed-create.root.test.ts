/**
 * What a refused or interrupted container leaves behind is what the next one stumbles over, or what an attacker uses (a mount of the host's that stays
 * in the bundle, a process that waits for ever). Here each of these bundles fails at another stage, and afterwards there is no mount, no process, no
 * control group and no state of it. That the look at the machine sees such things is shown by the container that runs.
 */
import { existsSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { expect } from "bun:test";
import type { OciConfig } from "../../src/spec/oci/config.ts";
import { needing } from "../needs.ts";
import { Bundle, needs } from "./_bundle.ts";
import { mountsBelow } from "./_place.ts";

const { test } = needing(needs);

/** Everything on the machine that has the bundle's name in it. */
function traces(bundle: Bundle, id: string): string[] {
  const state = `${bundle.place}/state/${id}`;
  const groups = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => `${line.split(" ")[4]}/${id}`)
    .filter((path) => existsSync(path));
  const processes = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => pid !== String(process.pid) && mentions(pid, bundle.rootfs));
  return [...(existsSync(state) ? [state] : []), ...groups, ...processes, ...mountsBelow(bundle.place)];
}

/** Whether a process has the folder as its root, or as a mount of its own. */
function mentions(pid: string, folder: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/mountinfo`, "utf8").includes(`${folder.slice(4)} `);
  } catch {
    return false;
  }
}

const hook = (script: string) => ({ path: "/bin/sh", args: ["sh", "-c", script] });
type Change = (config: OciConfig, bundle: Bundle) => Partial<OciConfig>;

const failing: readonly (readonly [string, Change])[] = [
  ["a program that is not there", (c) => ({ process: { ...c.process, args: ["/nowhere"] } })],
  ["a working directory that is a file", (c) => ({ process: { ...c.process, cwd: "/bin/busybox" } })],
  [
    "a mount of an unknown type",
    (c) => ({ mounts: [...(c.mounts ?? []), { destination: "/x", type: "nosuchfs", source: "x" }] }),
  ],
  [
    "a bind of nothing",
    (c) => ({ mounts: [...(c.mounts ?? []), { destination: "/x", source: "/nowhere", options: ["bind"] }] }),
  ],
  [
    "a mount inside of /proc",
    (c) => ({ mounts: [...(c.mounts ?? []), { destination: "/proc/x", type: "tmpfs" }] }),
  ],
  [
    "a mount option that the file system has not",
    (c) => ({
      mounts: [
        ...(c.mounts ?? []),
        { destination: "/x", type: "tmpfs", source: "x", options: ["nosuchoption"] },
      ],
    }),
  ],
  ["a sysctl that is not there", (c) => ({ linux: { ...c.linux, sysctl: { "net.no_such_thing": "1" } } })],
  [
    "a device that is in the way of a link",
    (c, b) => (
      symlinkSync("/x", `${b.rootfs}/box`),
      { linux: { ...c.linux, devices: [{ path: "/box", type: "c" as const, major: 1, minor: 3 }] } }
    ),
  ],
  [
    "a namespace that is not there",
    (c) => ({
      linux: {
        ...c.linux,
        namespaces: [{ type: "network" as const, path: "/nowhere" }, { type: "mount" as const }],
      },
    }),
  ],
  ["a prestart hook that fails", () => ({ hooks: { prestart: [hook("exit 1")] } })],
  ["a createRuntime hook that fails", () => ({ hooks: { createRuntime: [hook("kill -9 $$")] } })],
  [
    "a createContainer hook that is too slow",
    () => ({ hooks: { createContainer: [{ ...hook("sleep 1000"), timeout: 1 }] } }),
  ],
  ["a limit that is refused", (c) => ({ linux: { ...c.linux, resources: { cpu: { cpus: "4095" } } } })],
  [
    "an id map that is too long",
    (c) => {
      const map = Array.from({ length: 400 }, (_, i) => ({ containerID: i, hostID: i, size: 1 }));
      return {
        linux: {
          ...c.linux,
          uidMappings: map,
          gidMappings: map,
          namespaces: [...(c.linux?.namespaces ?? []), { type: "user" as const }],
        },
      };
    },
  ],
];

test.each([...failing])("nothing is left of a container with %s", async (_, change) => {
  using bundle = new Bundle();
  bundle.write({ ...bundle.config, ...change(bundle.config, bundle) });
  for (const verb of [["create"], ["run"], ["run", "-d"]]) {
    const id = bundle.newId();
    const { status, stdout, stderr } = await bundle.call([...verb, id]);
    expect({ verb, failed: status !== 0, stdout }).toEqual({ verb, failed: true, stdout: "" });
    expect(stderr).not.toBe("");
    expect(traces(bundle, id)).toEqual([]);
  }
});

test("nothing is left of a container whose runtime is killed, once it was deleted by force", async () => {
  using bundle = new Bundle();
  const pid = `${bundle.place}/pid`;
  bundle.write({ ...bundle.config, hooks: { createRuntime: [hook(`echo $PPID >${pid}; exec sleep 1000`)] } });
  const id = bundle.newId();
  const killed = bundle.call(["create", id], {
    wrapper: ["sh", "-c", `echo $$ >${bundle.place}/runtime; exec "$@"`, "sh"],
  });
  while (!existsSync(pid) || readFileSync(pid, "utf8") === "") await Bun.sleep(2);
  process.kill(Number(readFileSync(`${bundle.place}/runtime`, "utf8")), "SIGKILL");
  process.kill(Number(readFileSync(pid, "utf8")), "SIGKILL");
  await killed;
  expect(await bundle.call(["delete", "--force", id])).toMatchObject({ status: 0 });
  while (traces(bundle, id).length > 0) await Bun.sleep(5);
});

test("a container that runs is seen by the look at the machine, and gone after its deletion", async () => {
  using bundle = new Bundle();
  const id = await bundle.start(["sleep", "1000"]);
  writeFileSync(`${bundle.rootfs}/kept`, "");
  expect(traces(bundle, id).length).toBeGreaterThan(2);
  expect(await bundle.call(["delete", "--force", id])).toMatchObject({ status: 0 });
  expect(traces(bundle, id)).toEqual([]);
});
