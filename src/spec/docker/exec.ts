/** Shapes of Docker's Engine API 1.51 for programs that are started in a running container. */

/** POST /containers/{id}/exec. */
export interface ExecBody {
  readonly User?: string;
  readonly Privileged?: boolean;
  readonly Tty?: boolean;
  readonly ConsoleSize?: readonly [number, number] | null;
  readonly AttachStdin?: boolean;
  readonly AttachStdout?: boolean;
  readonly AttachStderr?: boolean;
  readonly DetachKeys?: string;
  readonly Env?: readonly string[] | null;
  readonly WorkingDir?: string;
  readonly Cmd: readonly string[];
}

/** GET /exec/{id}/json. */
export interface ExecInspect {
  readonly ID: string;
  readonly Running: boolean;
  readonly ExitCode: number | null;
  readonly Pid: number;
}
