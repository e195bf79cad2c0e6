import type { ContainerStatus } from "./values.ts";

/** runtime.md, "State": what `state` prints and what hooks read on standard input. */
export interface OciState {
  ociVersion: string;
  id: string;
  status: ContainerStatus;
  /** In the runtime's pid namespace; left out when there is no process. */
  pid?: number;
  /** Absolute. */
  bundle: string;
  annotations?: Record<string, string>;
}

/**
 * config-linux.md, "The Container Process State": what a seccomp listener receives with the descriptors; the place of a
 * name in `fds` is the place of its descriptor in SCM_RIGHTS.
 */
export interface OciContainerProcessState {
  ociVersion: string;
  fds: string[];
  pid: number;
  metadata?: string;
  state: OciState;
}

/** The name in `fds` of the seccomp notification descriptor. */
export const seccompFdName = "seccompFd";
