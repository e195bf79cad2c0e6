import { expect, test } from "bun:test";
import { differences, type Facts } from "./_compare.ts";
import type { Host } from "./_host.ts";

const id = "a".repeat(64);
const other = "b".repeat(64);
const state = "/run/x";
const rootfs = `${state}/roots/${id}/rootfs`;

/** One container that runs, and all of it is there. */
const whole: Host = {
  state,
  monitors: [{ pid: 10, folder: `${state}/containers/${id}` }],
  cgroups: [{ id, populated: true, age: 1e6 }],
  mounts: [rootfs, "/data/volumes/used/_data", `${state}/netns/${id}`],
  folders: { containers: [id], roots: [id], runtime: [`native/${id}`] },
  sockets: [{ path: `${state}/command-10.sock`, pid: 10 }],
  lives: (pid) => pid === 10 || pid === 11,
};

const facts: Facts = {
  root: "/data",
  states: new Map([[id, "running"]]),
  pods: new Set(),
  pids: new Map([[id, 11]]),
  volumes: new Map([["used", true]]),
  deadLeases: [],
};

const told = (host: Partial<Host>, change: Partial<Facts> = {}) =>
  differences({ ...whole, ...host }, { ...facts, ...change }).map(
    ({ kind, name, owner, problem }) =>
      `${problem}: ${kind} ${name}${owner ? ` of ${owner.slice(0, 3)}` : ""}`,
  );

test("a container that runs with all that it is made of is nothing to tell", () => {
  expect(told({})).toEqual([]);
});

test("of a container that has ended everything that is there is left over, and its own", () => {
  const stopped = { states: new Map([[id, "exited" as const]]), volumes: new Map([["used", false]]) };
  expect(told({}, stopped)).toEqual([
    `left over: monitor 10 (${state}/containers/${id}) of aaa`,
    `left over: cgroup sampan-${id} of aaa`,
    `left over: folder ${state}/containers/${id} of aaa`,
    `left over: folder ${state}/roots/${id} of aaa`,
    `left over: folder ${state}/runtime/native/${id} of aaa`,
    `left over: mount ${rootfs} of aaa`,
    "left over: mount /data/volumes/used/_data of use",
  ]);
});

test("of one that runs what is not there is missing", () => {
  const bare = {
    monitors: [],
    cgroups: [],
    mounts: ["/data/volumes/used/_data"],
    lives: (pid: number) => pid === 10,
  };
  expect(told(bare)).toEqual([
    `missing: monitor ${state}/containers/${id} of aaa`,
    "missing: process 11 of aaa",
    `missing: cgroup sampan-${id} of aaa`,
    `missing: mount ${rootfs} of aaa`,
  ]);
});

test("a cgroup of a container that this engine does not know is told when it has been empty for long: it may be another engine's", () => {
  const with_ = (more: { populated: boolean; age: number }) =>
    told({ cgroups: [...whole.cgroups, { id: other, ...more }] });
  expect(with_({ populated: true, age: 1e6 })).toEqual([]);
  expect(with_({ populated: false, age: 100 })).toEqual([]);
  expect(with_({ populated: false, age: 1e6 })).toEqual([`left over: cgroup sampan-${other}`]);
});

test("folders, monitors, sockets and leases of nobody are left over", () => {
  expect(
    told(
      {
        monitors: [...whole.monitors, { pid: 12, folder: `${state}/containers/${other}` }],
        folders: { ...whole.folders, roots: [id, other] },
        sockets: [...whole.sockets, { path: `${state}/command-99.sock`, pid: 99 }],
      },
      { deadLeases: [{ id: "l1", purpose: "pull x" }] },
    ),
  ).toEqual([
    `left over: monitor 12 (${state}/containers/${other})`,
    `left over: folder ${state}/roots/${other}`,
    `left over: socket ${state}/command-99.sock`,
    "left over: lease l1 (pull x)",
  ]);
});

test("a monitor of an exec is its container's", () => {
  const exec = { pid: 13, folder: `${state}/containers/${id}/execs/1` };
  expect(told({ monitors: [...whole.monitors, exec] })).toEqual([]);
});
