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
