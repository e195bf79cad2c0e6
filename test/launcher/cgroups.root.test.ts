/** The end of control groups: whoever is in them is killed, then they are removed with all below. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { op } from "../../src/runtime/native/plan/operations.ts";
import { needing } from "../needs.ts";
import { builds, failure, scratch, succeed } from "./_run.ts";

const ENOENT = 2;
const EBUSY = 16;
const ENOTDIR = 20;

const roots = [
  "/sys/fs/cgroup/pids",
  "/sys/fs/cgroup/freezer",
  "/sys/fs/cgroup/unified",
  "/sys/fs/cgroup",
].filter((root) => existsSync(`${root}/cgroup.procs`));
const made: string[] = [];
afterAll(() => {
  for (const path of made.toReversed()) if (existsSync(path)) rmdirSync(path);
});

function group(path: string): string {
  mkdirSync(path);
  made.push(path);
  return path;
}

/** A process in a control group. */
function member(path: string): Bun.Subprocess {
  const child = Bun.spawn(["sleep", "1000"], { stdio: ["ignore", "ignore", "ignore"] });
  writeFileSync(`${path}/cgroup.procs`, String(child.pid));
  return child;
}

describe.each(builds)("%s", (build) => {
  const { test: here } = needing({ files: roots.length > 0 ? [] : ["/sys/fs/cgroup/cgroup.procs"] });
  const name = `sampan-launcher-${process.pid}-${builds.indexOf(build)}`;

  for (const root of roots)
    here(`kill_cgroup ends all processes of a control group below ${root}, and only those`, async () => {
      const path = group(`${root}/${name}`);
      const other = group(`${root}/${name}-other`);
      const children = [member(path), member(path), member(path)];
      const stranger = member(other);
      try {
        await succeed(
          { parent: [op("kill_cgroup", { path }, "test"), op("remove_cgroup", { path }, "test")] },
          { build },
        );
        for (const child of children) {
          await child.exited;
          expect(child.signalCode).toBe("SIGKILL");
        }
        expect(existsSync(path)).toBe(false);
        expect(stranger.killed).toBe(false);
        expect(readFileSync(`${other}/cgroup.procs`, "utf8").trim().split("\n")).toContain(
          String(stranger.pid),
        );
      } finally {
        for (const child of [...children, stranger]) child.kill(9);
        await Promise.all([...children, stranger].map((child) => child.exited));
        await succeed(
          {
            parent: [
              op("kill_cgroup", { path: other }, "test"),
              op("remove_cgroup", { path: other }, "test"),
            ],
          },
          { build },
        );
      }
    });

  for (const root of roots.slice(0, 1)) {
    here("kill_cgroup also ends the processes of the control groups below", async () => {
      const path = group(`${root}/${name}-tree`);
      const below = group(group(`${path}/a`) + "/b");
      const child = member(below);
      await succeed(
        { parent: [op("kill_cgroup", { path }, "test"), op("remove_cgroup", { path }, "test")] },
        { build },
      );
      await child.exited;
      expect(child.signalCode).toBe("SIGKILL");
      expect(existsSync(path)).toBe(false);
    });

    here("remove_cgroup removes a tree, and is content with one that is not there", async () => {
      const path = group(`${root}/${name}-tree2`);
      for (const below of ["a", "a/b", "a/c", "d"]) group(`${path}/${below}`);
      const remove = op("remove_cgroup", { path }, "test");
      await succeed({ parent: [remove, remove] }, { build });
      expect(existsSync(path)).toBe(false);
    });

    here("remove_cgroup waits until the processes have gone", async () => {
      const path = group(`${root}/${name}-late`);
      const child = member(path);
      const done = succeed({ parent: [op("remove_cgroup", { path }, "test")] }, { build });
      child.kill(9);
      await child.exited;
      await done;
      expect(existsSync(path)).toBe(false);
    });

    here("remove_cgroup gives up on a control group that stays in use", async () => {
      const path = group(`${root}/${name}-busy`);
      const child = member(path);
      try {
        expect((await failure({ parent: [op("remove_cgroup", { path }, "test")] }, { build })).errno).toBe(
          EBUSY,
        );
      } finally {
        await succeed(
          { parent: [op("kill_cgroup", { path }, "test"), op("remove_cgroup", { path }, "test")] },
          { build },
        );
        await child.exited;
      }
    });
  }

  test("kill_cgroup of one that is not there is a failure, remove_cgroup of what is none too", async () => {
    using folder = scratch();
    await Bun.write(`${folder.path}/file`, "");
    expect(
      (await failure({ parent: [op("kill_cgroup", { path: `${folder.path}/none` }, "test")] }, { build }))
        .errno,
    ).toBe(ENOENT);
    expect(
      (await failure({ parent: [op("remove_cgroup", { path: `${folder.path}/file` }, "test")] }, { build }))
        .errno,
    ).toBe(ENOTDIR);
  });
});
