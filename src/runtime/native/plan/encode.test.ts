import { describe, expect, test } from "bun:test";
import { decodePlan, encodePlan, headerSize, recordSize } from "./encode.ts";
import { op, operationNames, operations, type Operation, type Plan } from "./operations.ts";

const empty: Plan = { parent: [], middle: [], init: [] };

/** One operation of each kind, with every argument set to something that its default is not. */
function everyOperation(): Operation[] {
  return operationNames.map((name, number) => {
    const { ints, texts } = operations[name];
    const args: Record<string, number | string | readonly string[]> = {};
    Object.keys(ints).forEach((key, i) => (args[key] = number * 100 + i + 7));
    Object.entries(texts).forEach(
      ([key, kind], i) => (args[key] = kind === "" ? `text ${name} ${i}` : ["a", "", `é${i}`]),
    );
    return { name, args, why: `field of ${name}` };
  });
}

describe("encodePlan", () => {
  test("keeps every argument of every operation, in order", () => {
    const list = everyOperation();
    const plan = { parent: list, middle: list.slice(0, 3), init: list.toReversed() };
    expect(decodePlan(encodePlan(plan))).toEqual(plan);
  });

  test("gives absent arguments the table's defaults", () => {
    const [operation] = decodePlan(
      encodePlan({ ...empty, parent: [op("open", { path: "/x" }, "why")] }),
    ).parent;
    expect(operation?.args).toEqual({ dir: -1, flags: 0, resolve: 0, out: -1, mode: 0, path: "/x" });
  });

  test.each([
    0,
    1,
    -1,
    2 ** 31,
    -(2 ** 31),
    2 ** 32,
    2 ** 53 - 1,
    -(2 ** 53) + 1,
    2n ** 63n - 1n,
    -(2n ** 63n),
  ])("keeps %p exact", (value) => {
    const plan = { ...empty, init: [op("capset", { effective: value }, "why")] };
    const read = decodePlan(encodePlan(plan)).init[0]?.args["effective"];
    expect(BigInt(read as number | bigint)).toBe(BigInt(value));
  });

  test("writes bytes as they are, aligned for the kernel", () => {
    const filter = Uint8Array.from({ length: 17 }, (_, i) => 255 - i);
    const bytes = encodePlan({ ...empty, init: [op("seccomp", { filter }, "linux.seccomp")] });
    const view = new DataView(bytes.buffer);
    const offset = view.getUint32(headerSize + 64, true);
    expect(offset % 8).toBe(0);
    expect(view.getUint32(headerSize + 68, true)).toBe(17);
    expect(bytes.subarray(offset, offset + 17)).toEqual(filter);
  });

  test("ends a vector with two zeros, of which one is room for HOME", () => {
    const bytes = encodePlan({
      ...empty,
      init: [op("exec", { argv: ["a"], env: ["B=1", "C=2"] }, "process.args")],
    });
    const view = new DataView(bytes.buffer);
    const at = view.getUint32(headerSize + 64 + 8, true);
    expect(view.getUint32(headerSize + 68 + 8, true)).toBe(2);
    expect(view.getBigUint64(at + 16, true)).toBe(0n);
    expect(view.getBigUint64(at + 24, true)).toBe(0n);
  });

  test("grows for texts of any size", () => {
    const long = "ü".repeat(300_000);
    const plan = {
      ...empty,
      parent: [op("write", { path: "/a", data: long }, "why"), op("exec", { argv: [long, "x"] }, "why")],
    };
    const read = decodePlan(encodePlan(plan)).parent;
    expect(read[0]?.args["data"]).toBe(long);
    expect(read[1]?.args["argv"]).toEqual([long, "x"]);
  });

  test("keeps what an operation tolerates", () => {
    const list = [
      op("mkdir", { path: "/a" }, "why", { errnos: [17, 2], skip: 3 }),
      op("unlink", { path: "/b" }, "why", { errnos: "any" }),
    ];
    const read = decodePlan(encodePlan({ ...empty, parent: list })).parent;
    expect(read.map(({ tolerate }) => tolerate)).toEqual([
      { errnos: [17, 2], skip: 3 },
      { errnos: "any", skip: 0 },
    ]);
  });

  test("refuses more tolerated errnos than a record holds", () => {
    const list = [op("mkdir", { path: "/a" }, "why", { errnos: [1, 2, 3, 4, 5] })];
    expect(() => encodePlan({ ...empty, parent: list })).toThrow(
      'cannot encode operation "mkdir": 5 tolerated errnos, at most 4',
    );
  });

  test("says its size and where each stage begins", () => {
    const bytes = encodePlan({
      parent: [op("setsid", {}, "a")],
      middle: [],
      init: [op("setsid", {}, "b"), op("setsid", {}, "c")],
    });
    const view = new DataView(bytes.buffer);
    expect(view.getUint32(8, true)).toBe(bytes.length);
    expect([24, 28, 32, 36, 40, 44].map((at) => view.getUint32(at, true))).toEqual([
      headerSize,
      1,
      headerSize + recordSize,
      0,
      headerSize + recordSize,
      2,
    ]);
  });
});

describe("decodePlan", () => {
  test.each([
    ["nothing", new Uint8Array()],
    ["too little", new Uint8Array(32)],
    ["another magic", encodePlan(empty).map((byte, i) => (i === 0 ? byte + 1 : byte))],
    ["another table", encodePlan(empty).map((byte, i) => (i === 4 ? byte + 1 : byte))],
  ])("refuses %s", (_, bytes) => {
    expect(() => decodePlan(bytes)).toThrow(
      "cannot read the plan: it was written by another version of Sampan",
    );
  });
});
