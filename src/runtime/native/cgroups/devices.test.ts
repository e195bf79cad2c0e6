import { describe, expect, test } from "bun:test";
import type { OciDeviceRule } from "../../../spec/oci/config.ts";
import { deviceProgram } from "./devices_bpf.ts";
import { type DeviceException, type DeviceSet, deviceSet, deviceText, parseDeviceList } from "./devices.ts";
import { deviceTransition } from "./devices_v1.ts";

const deny: OciDeviceRule = { allow: false, access: "rwm" };
const texts = (set: DeviceSet): string[] => set.exceptions.map(deviceText);

test("the default devices are behind every rule list", () => {
  const set = deviceSet([deny], []);
  expect(set.allowByDefault).toBe(false);
  expect(texts(set)).toEqual([
    "b *:* m",
    "c *:* m",
    "c 1:3 rwm",
    "c 1:5 rwm",
    "c 1:7 rwm",
    "c 1:8 rwm",
    "c 1:9 rwm",
    "c 5:0 rwm",
    "c 5:2 rwm",
    "c 10:200 rwm",
    "c 136:* rwm",
  ]);
  expect(texts(deviceSet([], []))).toEqual(texts(set));
});

test("a default device that config.json lists itself has only config.json's rules", () => {
  expect(texts(deviceSet([], [{ path: "/dev/null" }]))).not.toContain("c 1:3 rwm");
});

test("rules for one device add up and take away in their order", () => {
  const rules: OciDeviceRule[] = [
    { allow: true, type: "b", major: 8, minor: 0, access: "rw" },
    { allow: true, type: "b", major: 8, minor: 0, access: "m" },
    { allow: false, type: "b", major: 8, minor: 0, access: "w" },
  ];
  expect(texts(deviceSet(rules, []))).toContain("b 8:0 rm");
});

test("a rule for all devices forgets what was before it", () => {
  const rules: OciDeviceRule[] = [{ allow: true, type: "b", major: 8, minor: 0, access: "rwm" }, deny];
  expect(texts(deviceSet(rules, []))).not.toContain("b 8:0 rwm");
  expect(deviceSet([{ allow: true, type: "a", access: "r" }], [])).toEqual({
    allowByDefault: true,
    exceptions: [],
  });
});

test.each([
  [{ allow: true, type: "c", major: 1, minor: 3 }, "access"],
  [{ allow: true, type: "c", major: 1, minor: 3, access: "rx" }, "access"],
  [{ allow: true, type: "c", major: -2, access: "r" }, "major"],
  [{ allow: true, type: "c", minor: 4294967296, access: "r" }, "minor"],
] as [OciDeviceRule, string][])("%j is refused, naming the field", (rule, field) => {
  expect(() => deviceSet([rule], [])).toThrow(`linux.resources.devices[0].${field}`);
});

test("a rule that takes a part out of a wildcard is refused", () => {
  const rules: OciDeviceRule[] = [
    { allow: true, type: "c", major: 4, access: "rw" },
    { allow: false, type: "c", major: 4, minor: 1, access: "w" },
  ];
  expect(() => deviceSet(rules, [])).toThrow('"c 4:1 w": it takes a part out of the earlier rule "c 4:* rw"');
});

describe("v1", () => {
  const set = (...rules: [boolean, string][]): DeviceSet => {
    const [first, ...rest] = rules;
    const exceptions = rest.map(([, text]) => parseDeviceList(text).exceptions).flat();
    return { allowByDefault: first?.[0] ?? false, exceptions };
  };

  test("a new cgroup is emptied first", () => {
    expect(deviceTransition(undefined, set([false, ""], [true, "c 1:3 rwm"]))).toEqual([
      { file: "devices.deny", data: "a *:* rwm" },
      { file: "devices.allow", data: "c 1:3 rwm" },
    ]);
    expect(deviceTransition(undefined, set([true, ""], [false, "c 1:3 w"]))).toEqual([
      { file: "devices.allow", data: "a *:* rwm" },
      { file: "devices.deny", data: "c 1:3 w" },
    ]);
  });

  test("a cgroup with a list gets only what differs", () => {
    const from = parseDeviceList("c 1:3 rwm\nb 8:0 rw\nc 5:* r\n");
    const to = parseDeviceList("c 1:3 rwm\nb 8:0 rm\nc 7:1 w\n");
    expect(deviceTransition(from, to)).toEqual([
      { file: "devices.deny", data: "c 5:* r" },
      { file: "devices.deny", data: "b 8:0 w" },
      { file: "devices.allow", data: "c 7:1 w" },
      { file: "devices.allow", data: "b 8:0 m" },
    ]);
  });

  test("a cgroup that allows by default starts anew, because what it denies cannot be read", () => {
    expect(deviceTransition(parseDeviceList("a *:* rwm\n"), set([false, ""]))[0]?.file).toBe("devices.deny");
  });
});

/** security/device_cgroup.c: exceptions cover the whole access where all is denied, and touch it where all is allowed. */
function decide(set: DeviceSet, type: "b" | "c", major: number, minor: number, access: number): boolean {
  const here = (e: DeviceException): boolean =>
    e.type === type && (e.major ?? major) === major && (e.minor ?? minor) === minor;
  const hit = set.exceptions.some(
    (e) => here(e) && (set.allowByDefault ? (e.access & access) !== 0 : (access & ~e.access) === 0),
  );
  return hit !== set.allowByDefault;
}

/** Runs a program as the kernel would; fails on what its verifier refuses: unknown opcodes, jumps back or out, unset registers. */
function run(code: Uint8Array, context: readonly [number, number, number]): number {
  const view = new DataView(code.buffer);
  const registers: (number | undefined)[] = [];
  for (let at = 0; at * 8 < code.length; at++) {
    const byte = view.getUint8(at * 8 + 1);
    const [to, from] = [byte & 15, byte >> 4];
    const offset = view.getInt16(at * 8 + 2, true);
    const value = view.getUint32(at * 8 + 4, true);
    const get = (register: number): number => {
      const content = registers[register];
      if (content === undefined) throw new Error(`register ${register} is read before it is set, at ${at}`);
      return content;
    };
    const jump = (): void => {
      if (offset < 0 || (at + 1 + offset) * 8 >= code.length)
        throw new Error(`jump out of the program at ${at}`);
      at += offset;
    };
    const opcode = view.getUint8(at * 8);
    if (opcode === 0x61) registers[to] = context[(offset / 4) as 0];
    else if (opcode === 0xbc) registers[to] = get(from);
    else if (opcode === 0xb4) registers[to] = value;
    else if (opcode === 0x54) registers[to] = (get(to) & value) >>> 0;
    else if (opcode === 0x74) registers[to] = get(to) >>> value;
    else if (opcode === 0x16 && get(to) !== value) continue;
    else if (opcode === 0x56 && get(to) === value) continue;
    else if (opcode === 0x16 || opcode === 0x56) jump();
    else if (opcode === 0x05) jump();
    else if (opcode === 0x95) return get(0);
    else throw new Error(`unknown opcode ${opcode.toString(16)} at ${at}`);
  }
  throw new Error("the program ends without an exit");
}

/** Instructions that no way leads to, which the verifier refuses. */
function unreachable(code: Uint8Array): number[] {
  const view = new DataView(code.buffer);
  const reached = new Set([0]);
  for (const at of reached) {
    const opcode = view.getUint8(at * 8);
    const isJump = [0x05, 0x16, 0x56].includes(opcode);
    if (isJump) reached.add(at + 1 + view.getInt16(at * 8 + 2, true));
    if (opcode !== 0x05 && opcode !== 0x95) reached.add(at + 1);
  }
  return Array.from({ length: code.length / 8 }, (_, at) => at).filter((at) => !reached.has(at));
}

/** Numbers that repeat, from a seed. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % below;
  };
}

function randomRules(random: (below: number) => number): OciDeviceRule[] {
  return Array.from({ length: random(12) }, () => ({
    allow: random(2) === 0,
    type: (["a", "b", "c", "c"] as const)[random(4)] ?? "c",
    access: ["r", "w", "m", "rw", "rm", "wm", "rwm"][random(7)] ?? "r",
    ...(random(3) === 0 ? {} : { major: [1, 5, 8, 0xffffffff][random(4)] ?? 1 }),
    ...(random(3) === 0 ? {} : { minor: [0, 3, 0x80000000][random(3)] ?? 0 }),
  }));
}

test("the v2 program decides as the v1 controller, for random rule lists", () => {
  const random = generator(20261121);
  let compared = 0;
  for (let round = 0; round < 400; round++) {
    const rules = randomRules(random);
    let set: DeviceSet;
    try {
      set = deviceSet(rules, []);
    } catch {
      continue;
    }
    const code = deviceProgram(set);
    expect(unreachable(code)).toEqual([]);
    for (const type of ["b", "c"] as const) {
      for (const major of [0, 1, 5, 8, 136, 0xffffffff]) {
        for (const minor of [0, 3, 7, 0x80000000]) {
          for (let access = 1; access < 8; access++) {
            const word = (type === "b" ? 1 : 2) | (access << 16);
            const wanted = decide(set, type, major, minor, access) ? 1 : 0;
            if (run(code, [word, major, minor]) !== wanted) {
              throw new Error(
                `${type} ${major}:${minor} ${access} of ${JSON.stringify(rules)}: ${wanted} was wanted`,
              );
            }
            compared++;
          }
        }
      }
    }
  }
  expect(compared).toBeGreaterThan(50_000);
});

test("the program of a set without exceptions is the default alone", () => {
  expect(run(deviceProgram({ allowByDefault: true, exceptions: [] }), [0x20002, 1, 3])).toBe(1);
  expect(run(deviceProgram({ allowByDefault: false, exceptions: [] }), [0x20002, 1, 3])).toBe(0);
});

test("more rules than a jump can pass over are refused", () => {
  const rules = Array.from({ length: 9000 }, (_, minor) => ({
    allow: true,
    type: "c" as const,
    major: 9,
    minor,
    access: "r",
  }));
  expect(() => deviceProgram(deviceSet(rules, []))).toThrow("cannot use linux.resources.devices");
});
