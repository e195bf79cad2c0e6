/**
 * Writes a classic BPF program from its end to its beginning, so that every target of a jump is known when the jump
 * is written, and a conditional jump that reaches further than its 8 bits gets a stepping stone at once.
 */
import { SampanError } from "../../../base/errors.ts";

/** BPF_MAXINSNS of linux/bpf_common.h. */
export const maxInstructions = 4096;

/** linux/bpf_common.h. A is the accumulator, K the constant of the instruction. */
export const opcode = {
  /** A = the 32-bit word of seccomp_data at offset K */
  load: 0x20,
  /** A &= K */
  and: 0x54,
  jump: 0x05,
  ifEqual: 0x15,
  ifGreater: 0x25,
  ifGreaterOrEqual: 0x35,
  answer: 0x06,
} as const;

/** Where to go on: an address (not negative), or an action to answer with, kept as -1 - action. */
export type Target = number;

export function answer(action: number): Target {
  return -1 - action;
}

const reach = 255;

export class Assembler {
  /** struct sock_filter: u16 code, u8 jt, u8 jf, u32 k. Two little-endian words each. */
  private readonly words = new Uint32Array(2 * maxInstructions);
  private readonly answers = new Map<number, number>();
  private start = maxInstructions;

  /** A conditional jump on A. Needs no instruction where both ways lead to one place. */
  branch(code: number, value: number, yes: Target, no: Target): Target {
    if (yes === no) return yes;
    const far = this.near(yes, 1);
    const close = this.near(no, 0);
    return this.push(code | ((far - this.start) << 16) | ((close - this.start) << 24), value);
  }

  /** A = word at `offset`, then A &= mask, then `next`. */
  load(offset: number, next: Target, mask = 0xffffffff): Target {
    this.follow(next);
    if (mask !== 0xffffffff) this.push(opcode.and, mask);
    return this.push(opcode.load, offset);
  }

  /** Makes the next instruction `target`. */
  follow(target: Target): Target {
    if (target === this.start) return target;
    if (target >= 0) return this.push(opcode.jump, target - this.start);
    const action = -1 - target;
    if (this.answers.get(action) === this.start) return this.start;
    return this.return(action);
  }

  bytes(): Uint8Array {
    return new Uint8Array(this.words.slice(2 * this.start).buffer);
  }

  /** The address of `target`, or of a copy of it that is within reach even after `reserve` more instructions. */
  private near(target: Target, reserve: number): number {
    const address = target >= 0 ? target : this.answers.get(-1 - target);
    if (address !== undefined && address - this.start <= reach - reserve) return address;
    return target >= 0 ? this.push(opcode.jump, target - this.start) : this.return(-1 - target);
  }

  private return(action: number): number {
    const address = this.push(opcode.answer, action);
    this.answers.set(action, address);
    return address;
  }

  private push(code: number, value: number): number {
    if (this.start === 0) {
      throw new SampanError(
        "resource_exhausted",
        `cannot compile linux.seccomp: the filter is longer than the kernel's ${maxInstructions} instructions`,
      );
    }
    this.start--;
    this.words[2 * this.start] = code;
    this.words[2 * this.start + 1] = value;
    return this.start;
  }
}
