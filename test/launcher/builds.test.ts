/** What every build of the launcher does alike: on both architectures, with and without libc, with and without sanitizers. */
import { afterEach, beforeEach, expect } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { op } from "../../src/runtime/native/plan/operations.ts";
import { needing } from "../needs.ts";
import { builds, launch } from "./_launch.ts";

const ready = { kind: 1, stage: 0, index: 0, errno: 0, detail: "" };
const failed = { kind: 2, stage: 0, detail: "" };
const [EPERM, ENOENT, EEXIST, ENOTDIR, EINVAL] = [1, 2, 17, 20, 22];

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sampan-launcher-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const mkdir = (name: string, mode = 0o755) => op("mkdir", { path: join(folder, name), mode }, "test");

for (const build of builds) {
  const needs = { files: [build.file], programs: build.command.slice(0, -1) };
  const { test } = needing(needs);
  const { test: openat2 } = build.openat2
    ? needing(needs)
    : needing({ programs: ["an emulator with openat2"] });

  test(`${build.name}: the operations are executed in order, and the end is reported`, async () => {
    const { status, report } = await launch(build, [mkdir("a"), mkdir("a/b"), mkdir("a/b/c", 0o700)]);
    expect(report).toEqual(ready);
    expect(status).toBe(0);
    expect(statSync(join(folder, "a/b/c")).mode & 0o777).toBe(0o700);
  });

  test(`${build.name}: the first failure is reported with its place and its errno, and ends the stage`, async () => {
    const { status, report } = await launch(build, [mkdir("a"), mkdir("x/y"), mkdir("b")]);
    expect(report).toEqual({ ...failed, index: 1, errno: ENOENT });
    expect(status).toBe(1);
    expect(existsSync(join(folder, "a"))).toBe(true);
    expect(existsSync(join(folder, "b"))).toBe(false);
  });

  test(`${build.name}: a tolerated failure skips as many operations as it says`, async () => {
    const plan = [
      mkdir("a"),
      { ...mkdir("a"), tolerate: { errnos: [ENOENT, EEXIST], skip: 2 } },
      mkdir("skipped"),
      mkdir("skipped too"),
      mkdir("b"),
    ];
    expect((await launch(build, plan)).report).toEqual(ready);
    expect(existsSync(join(folder, "skipped"))).toBe(false);
    expect(existsSync(join(folder, "skipped too"))).toBe(false);
    expect(existsSync(join(folder, "b"))).toBe(true);
  });

  test(`${build.name}: an errno that is not tolerated is a failure`, async () => {
    const plan = [mkdir("a"), { ...mkdir("a"), tolerate: { errnos: [ENOENT, ENOTDIR] } }];
    expect((await launch(build, plan)).report).toEqual({ ...failed, index: 1, errno: EEXIST });
  });

  test(`${build.name}: any errno can be tolerated`, async () => {
    const plan = [{ ...mkdir("x/y"), tolerate: { errnos: "any" } as const }, mkdir("b")];
    expect((await launch(build, plan)).report).toEqual(ready);
  });

  test(`${build.name}: exec gives the program its arguments and its environment, and nothing else`, async () => {
    const argv = ["sh", "-c", 'echo "$0 $1"; env; ls /proc/self/fd | wc -l', "two words", "", "more"];
    const plan = [
      op("close_range", { first: 3 }, "test"),
      op("find_exec", { name: "/bin/sh", path: "" }, "test"),
      op("exec", { argv, env: ["A=1", "B=two words"] }, "test"),
    ];
    const { status, output, errors } = await launch(build, plan);
    expect(errors).toBe("");
    expect(output.split("\n").toSorted()).toEqual([
      "",
      "4",
      "A=1",
      "B=two words",
      "PWD=" + process.cwd(),
      "two words ",
    ]);
    expect(status).toBe(0);
  });

  openat2(
    `${build.name}: files are written and links are made, below a folder that is held open`,
    async () => {
      const directory = 0o200000;
      const plan = [
        op("open", { path: folder, flags: directory, out: 20 }, "test"),
        op("write", { dir: 20, path: "file", data: "text\n", flags: 0o101, mode: 0o600 }, "test"),
        op("symlink", { dir: 20, target: "file", path: "link" }, "test"),
        op("close", { slot: 20 }, "test"),
      ];
      expect((await launch(build, plan)).report).toEqual(ready);
      expect(readFileSync(join(folder, "link"), "utf8")).toBe("text\n");
      expect(readlinkSync(join(folder, "link"))).toBe("file");
    },
  );
}

const shown = needing({ files: ["build/launcher"] });
const [host] = builds;

const damages: readonly [what: string, why: RegExp, damage: (plan: Uint8Array) => Uint8Array][] = [
  ["is cut off", /not for this launcher/, (plan) => plan.subarray(0, plan.length - 1)],
  ["is shorter than a header", /too short/, (plan) => plan.subarray(0, 16)],
  ["has another magic", /not for this launcher/, (plan) => plan.fill(0, 0, 1)],
  ["was made of another table", /not for this launcher/, (plan) => plan.fill(0xff, 4, 8)],
  ["counts more records than it has", /damaged/, (plan) => plan.fill(0xff, 28, 32)],
  ["has its records outside of itself", /damaged/, (plan) => plan.fill(0xff, 24, 28)],
];

for (const [what, why, damage] of damages)
  shown.test(`a plan that ${what} is refused before anything is done`, async () => {
    if (!host) throw new Error("no build");
    const { status, errors, report } = await launch(host, [mkdir("a")], { damage });
    expect(status).toBe(125);
    expect(errors).toMatch(why);
    expect(report).toBeUndefined();
    expect(existsSync(join(folder, "a"))).toBe(false);
  });

const faulty = needing({ files: ["build/launcher-faults"] });

faulty.test(
  "the fault-injection build fails where the plan says, instead of executing the operation",
  async () => {
    const [, faults] = builds;
    if (!faults) throw new Error("no build");
    const fault = { stage: "parent", index: 1, errno: EPERM } as const;
    const { report } = await launch(faults, [mkdir("a"), mkdir("b")], { fault });
    expect(report).toEqual({ ...failed, index: 1, errno: EPERM });
    expect(existsSync(join(folder, "b"))).toBe(false);
  },
);

shown.test("the launcher that is shipped knows no faults", async () => {
  if (!host) throw new Error("no build");
  const { report } = await launch(host, [mkdir("a")], {
    fault: { stage: "parent", index: 0, errno: EINVAL },
  });
  expect(report).toEqual(ready);
});
