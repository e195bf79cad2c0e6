/** The contract by which the tunnel, MetaServer and the local kubelet API reach into pods of this node: what Edged lets them do. */
import type { Duplex } from "node:stream";

export interface PodRef {
  readonly namespace: string;
  readonly pod: string;
  /** When given, the pod must be this one. */
  readonly uid?: string;
}

export interface ContainerRef extends PodRef {
  readonly container: string;
}

/** Of PodLogOptions. */
export interface LogOptions {
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly timestamps?: boolean;
  readonly tailLines?: number;
  readonly limitBytes?: number;
  /** Milliseconds since 1970. */
  readonly since?: number;
  readonly signal: AbortSignal;
}

export interface ProcessOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  /** Not with a terminal. */
  readonly stderr: boolean;
  readonly tty: boolean;
  readonly signal: AbortSignal;
}

/** A process's streams while it runs. Back-pressure goes through: who does not read holds the process. */
export interface ProcessStreams {
  /** Ends the process's input. */
  write(data: Uint8Array): Promise<void>;
  endInput(): void;
  readonly output: AsyncIterable<{ readonly stream: "stdout" | "stderr"; readonly data: Uint8Array }>;
  resize(size: { readonly width: number; readonly height: number }): Promise<void>;
  /** Its exit status, when all output has been read; of attach, when the container ended or was left. */
  readonly exit: Promise<number>;
  /** Leaves it; an exec is killed. */
  close(): void;
}

export interface Usage {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Nanoseconds of processor time since it began. */
  readonly cpu: number;
  /** Bytes: usage without inactive file pages. */
  readonly memory: number;
}

export interface PodUsage {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly started: number;
  readonly containers: readonly { readonly name: string; readonly started: number; readonly usage: Usage }[];
  readonly network?: { readonly rxBytes: number; readonly txBytes: number };
}

export interface Summary {
  readonly node: { readonly name: string; readonly started: number; readonly usage: Usage };
  readonly pods: readonly PodUsage[];
}

/** Errors: `not_found` that names the pod or container, `failed_precondition` when it does not run, `invalid_argument`. */
export interface PodAccess {
  logs(of: ContainerRef, options: LogOptions): AsyncIterable<Uint8Array>;
  exec(of: ContainerRef, command: readonly string[], options: ProcessOptions): Promise<ProcessStreams>;
  attach(of: ContainerRef, options: ProcessOptions): Promise<ProcessStreams>;
  /** A connection to a port on the pod's own loopback or address, made inside its network namespace. */
  portForward(of: PodRef, port: number, signal: AbortSignal): Promise<Duplex>;
  summary(): Promise<Summary>;
}
