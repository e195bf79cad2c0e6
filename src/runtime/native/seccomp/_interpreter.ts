/** Runs a seccomp filter as the kernel would, for tests: the part of classic BPF that seccomp allows and we emit. */

/** struct seccomp_data of linux/seccomp.h. */
export interface SeccompData {
  nr: number;
  arch: number;
  ip?: bigint;
  args: readonly bigint[];
}

export interface Instruction {
  code: number;
  jt: number;
  jf: number;
  k: number;
}

export function decode(filter: Uint8Array): Instruction[] {
  const view = new DataView(filter.buffer, filter.byteOffset, filter.byteLength);
  return Array.from({ length: filter.byteLength / 8 }, (_, index) => ({
    code: view.getUint16(8 * index, true),
    jt: view.getUint8(8 * index + 2),
    jf: view.getUint8(8 * index + 3),
    k: view.getUint32(8 * index + 4, true),
  }));
}

/** The words that the filter can load: nr, arch, instruction pointer, arguments. */
export function words(data: SeccompData): Uint32Array {
  const out = new Uint32Array(16);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.nr >>> 0, true);
  view.setUint32(4, data.arch >>> 0, true);
  view.setBigUint64(8, data.ip ?? 0n, true);
  data.args.forEach((value, index) => view.setBigUint64(16 + 8 * index, value, true));
  return out;
}

/** The returned action, and how many instructions were executed. */
export function run(program: readonly Instruction[], data: SeccompData): { action: number; steps: number } {
  const memory = words(data);
  let a = 0;
  let steps = 0;
  for (let pc = 0; ; pc++) {
    const instruction = program[pc];
    if (instruction === undefined) throw new Error(`the program runs past its end at ${pc}`);
    const { code, jt, jf, k } = instruction;
    steps++;
    switch (code) {
      case 0x20: // ld [k]
        a = memory[k / 4]!;
        break;
      case 0x54: // and
        a = (a & k) >>> 0;
        break;
      case 0x05: // ja
        pc += k;
        break;
      case 0x15: // jeq
        pc += a === k ? jt : jf;
        break;
      case 0x25: // jgt
        pc += a > k ? jt : jf;
        break;
      case 0x35: // jge
        pc += a >= k ? jt : jf;
        break;
      case 0x45: // jset
        pc += (a & k) !== 0 ? jt : jf;
        break;
      case 0x06: // ret
        return { action: k, steps };
      default:
        throw new Error(`instruction ${pc} has code 0x${code.toString(16)}`);
    }
  }
}

/** What the kernel checks when it loads a filter: length, jumps inside the program, loads aligned and inside, an end. */
export function faults(program: readonly Instruction[]): string[] {
  const found: string[] = [];
  if (program.length === 0 || program.length > 4096) found.push(`${program.length} instructions`);
  if (program.at(-1)?.code !== 0x06) found.push("the last instruction is not ret");
  for (const [pc, { code, jt, jf, k }] of program.entries()) {
    if (code === 0x20 && (k % 4 !== 0 || k >= 64)) found.push(`${pc} loads from ${k}`);
    const targets = code === 0x05 ? [k] : (code & 0x07) === 0x05 ? [jt, jf] : [0];
    const past = (code & 0x07) === 0x06 ? [] : targets.filter((offset) => pc + 1 + offset >= program.length);
    if (past.length > 0) found.push(`${pc} goes past the end`);
  }
  return found;
}
