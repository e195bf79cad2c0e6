/**
 * Device rules on v2: an eBPF program of type BPF_PROG_TYPE_CGROUP_DEVICE (Linux 4.15), which the kernel asks at every open and mknod.
 * Its argument is struct bpf_cgroup_dev_ctx of include/uapi/linux/bpf.h; 1 as its result allows. Pure.
 */
import { SampanError } from "../../../base/errors.ts";
import type { DeviceException, DeviceSet } from "./devices.ts";

/** include/uapi/linux/bpf.h. */
export const bpf = { progTypeCgroupDevice: 15, attachCgroupDevice: 6, allowMulti: 2 } as const;
const deviceTypes = { b: 1, c: 2 } as const;

/** Opcodes: class, operation and kind of operand together. The jumps are those on 32 bits (Linux 5.1). */
const opcode = {
  load32: 0x61,
  mov32Register: 0xbc,
  mov32: 0xb4,
  and32: 0x54,
  shiftRight32: 0x74,
  jump: 0x05,
  jumpEqual32: 0x16,
  jumpNotEqual32: 0x56,
  exit: 0x95,
} as const;

interface Instruction {
  readonly code: number;
  readonly to?: number;
  readonly from?: number;
  readonly offset?: number;
  readonly value?: number;
  /** A label further down. */
  readonly target?: string;
}

/** A string marks the place that jumps to it go to. */
type Line = Instruction | string;

/** Registers: 0 result and scratch, 1 the argument, 2 type, 3 access, 4 major, 5 minor. */
const prologue: readonly Line[] = [
  { code: opcode.load32, to: 2, from: 1, offset: 0 },
  { code: opcode.mov32Register, to: 3, from: 2 },
  { code: opcode.and32, to: 2, value: 0xffff },
  { code: opcode.shiftRight32, to: 3, value: 16 },
  { code: opcode.load32, to: 4, from: 1, offset: 4 },
  { code: opcode.load32, to: 5, from: 1, offset: 8 },
];

/**
 * The program, little-endian, 8 bytes an instruction. It decides as the v1 controller does: where all is denied by default, one
 * exception has to cover the whole access; where all is allowed by default, an exception that touches a part of it denies it.
 *
 * It is a tree: type, then major number, then minor number, and from each level on to the wildcards behind it. So few comparisons are made,
 * and the verifier, which follows every way, sees each instruction a small number of times: in a plain list it would give up at
 * some thousand rules. Errors: `resource_exhausted` when there are more than a jump can pass over, about five thousand of one major.
 */
export function deviceProgram(set: DeviceSet): Uint8Array {
  const lines: Line[] = [...prologue];
  for (const type of ["c", "b"] as const) {
    const exceptions = set.exceptions.filter((exception) => exception.type === type);
    if (exceptions.length > 0) lines.push(...typeLines(type, exceptions, set.allowByDefault));
  }
  lines.push(...answer(set.allowByDefault));
  return encode(resolve(lines));
}

function typeLines(type: "b" | "c", exceptions: readonly DeviceException[], allowByDefault: boolean): Line[] {
  const [end, wildcards, all] = [`${type} end`, `${type} *`, `${type} *:*`];
  const lines: Line[] = [{ code: opcode.jumpNotEqual32, to: 2, value: deviceTypes[type], target: end }];
  const majors = new Set(exceptions.map(({ major }) => major).filter((major) => major !== undefined));
  for (const major of majors) {
    const own = exceptions.filter((exception) => exception.major === major);
    const [next, rest] = [`${type} ${major} next`, `${type} ${major}:*`];
    lines.push({ code: opcode.jumpNotEqual32, to: 4, value: major, target: next });
    lines.push(...minorLines(own, rest, allowByDefault), rest, ...wholeLines(own, wildcards, allowByDefault));
    lines.push({ code: opcode.jump, target: wildcards }, next);
  }
  const every = exceptions.filter(({ major }) => major === undefined);
  lines.push(
    wildcards,
    ...minorLines(every, all, allowByDefault),
    all,
    ...wholeLines(every, end, allowByDefault),
  );
  return [...lines, end];
}

/** Those with a minor number; where it is the one, but not the access, on to `rest`. */
function minorLines(exceptions: readonly DeviceException[], rest: string, allowByDefault: boolean): Line[] {
  return exceptions.flatMap(({ type, major, minor, access }) => {
    if (minor === undefined) return [];
    const next = `${type} ${major}:${minor} next`;
    const test = { code: opcode.jumpNotEqual32, to: 5, value: minor, target: next };
    return [test, ...accessLines(access, rest, allowByDefault), ...answer(!allowByDefault), next];
  });
}

/** The one for all minor numbers, if there is one. */
function wholeLines(exceptions: readonly DeviceException[], rest: string, allowByDefault: boolean): Line[] {
  const whole = exceptions.find(({ minor }) => minor === undefined);
  if (whole === undefined) return [];
  return [...accessLines(whole.access, rest, allowByDefault), ...answer(!allowByDefault)];
}

function accessLines(access: number, otherwise: string, allowByDefault: boolean): Line[] {
  if (access === 7) return [];
  return [
    { code: opcode.mov32Register, to: 0, from: 3 },
    { code: opcode.and32, to: 0, value: allowByDefault ? access : 7 & ~access },
    { code: allowByDefault ? opcode.jumpEqual32 : opcode.jumpNotEqual32, to: 0, value: 0, target: otherwise },
  ];
}

function answer(allow: boolean): Instruction[] {
  return [{ code: opcode.mov32, to: 0, value: allow ? 1 : 0 }, { code: opcode.exit }];
}

/** Labels become offsets. A jump to the next instruction is left as it is. What no way leads to is left out: the verifier refuses it. */
function resolve(lines: readonly Line[]): Instruction[] {
  const places = new Map<string, number>();
  const instructions: Instruction[] = [];
  const jumpedTo = new Set<string | undefined>();
  let dead = false;
  for (const line of lines) {
    if (typeof line === "string") {
      places.set(line, instructions.length);
      dead &&= !jumpedTo.has(line);
    } else if (!dead) {
      instructions.push(line);
      jumpedTo.add(line.target);
      dead = line.code === opcode.exit || line.code === opcode.jump;
    }
  }
  return instructions.map((instruction, at) => {
    if (instruction.target === undefined) return instruction;
    const offset = (places.get(instruction.target) ?? 0) - at - 1;
    if (offset <= 0x7fff) return { ...instruction, offset };
    throw new SampanError(
      "resource_exhausted",
      `cannot use linux.resources.devices: ${instructions.length} instructions would be needed, a jump passes over 32767`,
    );
  });
}

function encode(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * 8);
  const view = new DataView(bytes.buffer);
  instructions.forEach(({ code, to = 0, from = 0, offset = 0, value = 0 }, index) => {
    view.setUint8(index * 8, code);
    view.setUint8(index * 8 + 1, (from << 4) | to);
    view.setInt16(index * 8 + 2, offset, true);
    view.setUint32(index * 8 + 4, value, true);
  });
  return bytes;
}
