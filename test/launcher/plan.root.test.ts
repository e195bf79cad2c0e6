import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { encodePlan, headerSize, recordSize } from "../../src/runtime/native/plan/encode.ts";
import { op, type Operation } from "../../src/runtime/native/plan/operations.ts";
import { builds, failure, launch, scratch, succeed } from "./_run.ts";

const ENOENT = 2;
const EEXIST = 17;
const missing = (tolerate?: Operation["tolerate"]) =>
  op("chdir", { path: "/no/such/folder" }, "test", tolerate);

function bytesOf(parent: readonly Operation[]): { bytes: Uint8Array; view: DataView } {
  const bytes = encodePlan({ parent, middle: [], init: [] }).slice();
  return { bytes, view: new DataView(bytes.buffer) };
}

describe.each(builds)("%s: a plan", (build) => {
  test("without operations is ready at once", async () => {
    const { status, reports, stdout, stderr } = await launch({}, { build });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
    expect(reports).toEqual([
      { kind: "ready", stage: "parent", index: 0, errno: 0, pid: 0, middle: 0, detail: "" },
    ]);
  });

  test("ends at the first failure, which is reported with its place", async () => {
    using folder = scratch();
    const made = op("mkdir", { path: `${folder.path}/made` }, "test");
    const never = op("mkdir", { path: `${folder.path}/never` }, "test");
    const report = await failure({ parent: [made, missing(), never] }, { build });
    expect(report).toEqual({
      kind: "failed",
      stage: "parent",
      index: 1,
      errno: ENOENT,
      pid: 0,
      middle: 0,
      detail: "",
    });
    expect(existsSync(`${folder.path}/made`)).toBe(true);
    expect(existsSync(`${folder.path}/never`)).toBe(false);
  });

  test("goes on after an errno that is tolerated, and only after that", async () => {
    await succeed({ parent: [missing({ errnos: [EEXIST, ENOENT] })] }, { build });
    await succeed({ parent: [missing({ errnos: "any" })] }, { build });
    expect((await failure({ parent: [missing({ errnos: [EEXIST] })] }, { build })).errno).toBe(ENOENT);
  });

  test("leaves out as many operations after a tolerated failure as the record says, and none after success", async () => {
    using folder = scratch();
    const make = (name: string) => op("mkdir", { path: `${folder.path}/${name}` }, "test");
    const fine = op("chdir", { path: "/" }, "test", { errnos: "any", skip: 1 });
    const parent = [missing({ errnos: "any", skip: 2 }), make("a"), make("b"), make("c"), fine, make("d")];
    await succeed({ parent }, { build });
    expect(["a", "b", "c", "d"].map((name) => existsSync(`${folder.path}/${name}`))).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });

  test("may leave out its own end", async () => {
    await succeed({ parent: [missing({ errnos: "any", skip: 9 }), missing()] }, { build });
  });

  const damages: [string, (plan: { bytes: Uint8Array; view: DataView }) => Uint8Array, string][] = [
    ["no bytes", ({ bytes }) => bytes.subarray(0, 0), "too short"],
    ["less than a header", ({ bytes }) => bytes.subarray(0, headerSize - 1), "too short"],
    ["a cut end", ({ bytes }) => bytes.subarray(0, bytes.length - 1), "not for this launcher"],
    ["bytes behind its end", ({ bytes }) => new Uint8Array([...bytes, 0]), "not for this launcher"],
    [
      "another magic number",
      ({ bytes, view }) => (view.setUint32(0, 0x314e5054, true), bytes),
      "not for this",
    ],
    ["another table's fingerprint", ({ bytes, view }) => (view.setUint32(4, 1, true), bytes), "not for this"],
    ["a stage behind the end", ({ bytes, view }) => (view.setUint32(24, 0xfffffff0, true), bytes), "damaged"],
    ["more operations than bytes", ({ bytes, view }) => (view.setUint32(28, 3, true), bytes), "damaged"],
    ["a count that overflows", ({ bytes, view }) => (view.setUint32(44, 0xffffffff, true), bytes), "damaged"],
    ["operations inside the header", ({ bytes, view }) => (view.setUint32(24, 8, true), bytes), "damaged"],
    [
      "operations between records",
      ({ bytes, view }) => (view.setUint32(24, headerSize + 4, true), bytes),
      "damaged",
    ],
    [
      "a text behind the end",
      ({ bytes, view }) => (view.setUint32(headerSize + 64, bytes.length, true), bytes),
      "damaged",
    ],
    [
      "a text that reaches behind the end",
      ({ bytes, view }) => (view.setUint32(headerSize + 68, bytes.length, true), bytes),
      "damaged",
    ],
  ];
  test.each(damages)("with %s is refused before anything is done", async (_, damage, words) => {
    using folder = scratch();
    const parent = [op("mkdir", { path: `${folder.path}/made` }, "test")];
    const { status, reports, stderr } = await launch({}, { build, bytes: damage(bytesOf(parent)) });
    expect({ status, reports }).toEqual({ status: 125, reports: [] });
    expect(stderr).toStartWith("sampan-launcher: ");
    expect(stderr).toContain(words);
    expect(existsSync(`${folder.path}/made`)).toBe(false);
  });

  test("with an operation that does not exist fails there", async () => {
    const { bytes, view } = bytesOf([op("umask", {}, "test"), op("umask", {}, "test")]);
    view.setUint16(headerSize + recordSize, 999, true);
    expect(await failure({}, { build, bytes })).toMatchObject({ index: 1, errno: 38 });
  });

  test.each([
    [[]],
    [["3"]],
    [["x", "4"]],
    [["99999999999999999999999", "4"]],
    [["", "4"]],
    [["3", "4", "5"]],
  ])("is wanted: arguments %j are refused", (args) => {
    const { exitCode, stderr } = Bun.spawnSync([`build/${build}`, ...args]);
    expect(exitCode).toBe(125);
    expect(stderr.toString()).toStartWith("sampan-launcher: ");
  });

  test("is executed without a report when nobody wants one", async () => {
    using folder = scratch();
    await Bun.write(`${folder.path}/plan`, encodePlan({ parent: [missing()], middle: [], init: [] }));
    const { exitCode } = Bun.spawnSync(["sh", "-c", `exec build/${build} 3 none 3<${folder.path}/plan`]);
    expect(exitCode).toBe(1);
  });
});
