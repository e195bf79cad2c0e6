/**
 * The system call ABIs that one machine can run, each with its numbers and its peculiarities.
 * AUDIT_ARCH_*: linux/audit.h. Call numbers of socketcall(2) and ipc(2): linux/net.h, linux/ipc.h.
 */
import * as numbers from "./_numbers.ts";
import type { SeccompArchitecture } from "./profile.ts";

/** A system call that carries others: `number`'s first argument, masked, says which. */
export interface Multiplexer {
  number: number;
  /** ipc(2) keeps a version in the upper half of its first argument. */
  mask: number;
  calls: Readonly<Record<string, number>>;
}

export interface Abi {
  architecture: SeccompArchitecture;
  numbers: string;
  /** Added to every number of the table: the x32 bit. */
  base: number;
  /** Arguments are compared in full, or by their low 32 bits only. */
  wide: boolean;
  multiplexers: readonly Multiplexer[];
}

/** One value of seccomp_data.arch and the ABIs that share it, ascending by base. */
export interface Machine {
  audit: number;
  abis: readonly [Abi, ...Abi[]];
}

export const x32Bit = 0x40000000;

const socketcall = {
  number: 102,
  mask: 0xffffffff,
  calls: {
    socket: 1,
    bind: 2,
    connect: 3,
    listen: 4,
    accept: 5,
    getsockname: 6,
    getpeername: 7,
    socketpair: 8,
    send: 9,
    recv: 10,
    sendto: 11,
    recvfrom: 12,
    shutdown: 13,
    setsockopt: 14,
    getsockopt: 15,
    sendmsg: 16,
    recvmsg: 17,
    accept4: 18,
    recvmmsg: 19,
    sendmmsg: 20,
  },
} as const satisfies Multiplexer;

const ipc = {
  number: 117,
  mask: 0xffff,
  calls: {
    semop: 1,
    semget: 2,
    semctl: 3,
    semtimedop: 4,
    msgsnd: 11,
    msgrcv: 12,
    msgget: 13,
    msgctl: 14,
    shmat: 21,
    shmdt: 22,
    shmget: 23,
    shmctl: 24,
  },
} as const satisfies Multiplexer;

function abi(architecture: SeccompArchitecture, table: string, wide: boolean, base = 0): Abi {
  return { architecture, numbers: table, base, wide, multiplexers: [] };
}

/** By the processor of this machine: its own ABI first, then those that its kernel may also run. */
export const machines: Record<"x64" | "arm64", readonly [Machine, ...Machine[]]> = {
  x64: [
    {
      audit: 0xc000003e,
      abis: [
        abi("SCMP_ARCH_X86_64", numbers.x64, true),
        // libseccomp compares 32 bits for x32, whose C types are 32 bits wide.
        abi("SCMP_ARCH_X32", numbers.x32, false, x32Bit),
      ],
    },
    {
      audit: 0x40000003,
      abis: [{ ...abi("SCMP_ARCH_X86", numbers.i386, false), multiplexers: [socketcall, ipc] }],
    },
  ],
  arm64: [
    { audit: 0xc00000b7, abis: [abi("SCMP_ARCH_AARCH64", numbers.arm64, true)] },
    { audit: 0x40000028, abis: [abi("SCMP_ARCH_ARM", numbers.arm, false)] },
  ],
};
