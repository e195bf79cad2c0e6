/** Why a pod or container cannot be on this node, in the words that users of kubectl know: they stand in `state.waiting.reason`, in a pod's `status.reason` and in events. */
import { SampanError, type Code } from "../../../base/errors.ts";

/** With our code for each. */
export const podReasons = {
  ErrImagePull: "unavailable",
  ErrImageNeverPull: "failed_precondition",
  InvalidImageName: "invalid_argument",
  ImageInspectError: "internal",
  CreateContainerConfigError: "failed_precondition",
  CreateContainerError: "failed_precondition",
  RunContainerError: "failed_precondition",
  FailedMount: "failed_precondition",
  FailedCreatePodSandBox: "failed_precondition",
  PostStartHookError: "aborted",
  PreStopHookError: "aborted",
  /** From here on the whole pod is refused for good: its phase is Failed. */
  SysctlForbidden: "permission_denied",
  UnsupportedField: "unimplemented",
  Evicted: "resource_exhausted",
  NodeAffinity: "failed_precondition",
  NodePorts: "failed_precondition",
  TaintToleration: "failed_precondition",
  OutOfcpu: "resource_exhausted",
  OutOfmemory: "resource_exhausted",
  "OutOfephemeral-storage": "resource_exhausted",
} as const satisfies Readonly<Record<string, Code>>;

export type PodReason = keyof typeof podReasons;

const final: readonly PodReason[] = [
  "SysctlForbidden",
  "UnsupportedField",
  "Evicted",
  "NodeAffinity",
  "NodePorts",
  "TaintToleration",
  "OutOfcpu",
  "OutOfmemory",
  "OutOfephemeral-storage",
];

export class PodError extends SampanError {
  readonly reason: PodReason;

  constructor(reason: PodReason, message: string, options?: { cause?: unknown; code?: Code }) {
    super(options?.code ?? podReasons[reason], message, options);
    this.reason = reason;
  }

  /** Trying again does not help: the pod itself would have to be another. */
  get isFinal(): boolean {
    return final.includes(this.reason);
  }

  /** What was thrown, under a reason; one that has a reason keeps it. */
  static of(reason: PodReason, error: unknown): PodError {
    if (error instanceof PodError) return error;
    const { code, message } = SampanError.from(error);
    return new PodError(reason, message, { cause: error, code });
  }
}

/** For messages: one line, of bounded length, whatever a stranger wrote. */
export function shown(text: unknown): string {
  return JSON.stringify(String(text).slice(0, 150));
}
