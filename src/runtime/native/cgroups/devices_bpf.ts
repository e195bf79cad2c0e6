/**
 * Device rules on v2: an eBPF program of type BPF_PROG_TYPE_CGROUP_DEVICE (Linux 4.15), which the kernel asks at every open and mknod.
 * Its argument is struct bpf_cgroup_dev_ctx of include/uapi/linux/bpf.h; 1 as its result allows. Pure.
 */
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
}

/** Registers: 0 result and scratch, 1 the argument, 2 type, 3 access, 4 major, 5 minor. */
const prologue: readonly Instruction[] = [
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
 */
export function deviceProgram(set: DeviceSet): Uint8Array {
  const instructions = [...prologue];
  for (const type of ["c", "b"] as const) {
    const blocks = set.exceptions.filter((e) => e.type === type).map((e) => block(e, set.allowByDefault));
    const length = blocks.reduce((sum, b) => sum + b.length, 0);
    if (length === 0) continue;
    instructions.push({ code: opcode.jumpNotEqual32, to: 2, value: deviceTypes[type], offset: length });
    for (const one of blocks) instructions.push(...one);
  }
  instructions.push(...answer(set.allowByDefault));
  return encode(instructions);
}

/** If it is this device and this access: the answer that is not the default. Else on behind it. */
function block(exception: DeviceException, allowByDefault: boolean): Instruction[] {
  const { major, minor, access } = exception;
  const tests: Instruction[] = [];
  if (major !== undefined) tests.push({ code: opcode.jumpNotEqual32, to: 4, value: major });
  if (minor !== undefined) tests.push({ code: opcode.jumpNotEqual32, to: 5, value: minor });
  if (access !== 7) {
    tests.push(
      { code: opcode.mov32Register, to: 0, from: 3 },
      { code: opcode.and32, to: 0, value: allowByDefault ? access : 7 & ~access },
      { code: allowByDefault ? opcode.jumpEqual32 : opcode.jumpNotEqual32, to: 0, value: 0 },
    );
  }
  const body = [...tests, ...answer(!allowByDefault)];
  const isJump = (code: number): boolean => code === opcode.jumpEqual32 || code === opcode.jumpNotEqual32;
  return body.map((one, at) => (isJump(one.code) ? { ...one, offset: body.length - at - 1 } : one));
}

function answer(allow: boolean): Instruction[] {
  return [{ code: opcode.mov32, to: 0, value: allow ? 1 : 0 }, { code: opcode.exit }];
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
