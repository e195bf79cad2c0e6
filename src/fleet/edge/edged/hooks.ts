/** postStart and preStop. https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/ */
import type { Action } from "../../../spec/kubernetes/pod.ts";
import { PodError, shown } from "./pod-error.ts";
import { act, type ActionParts, type ActionTarget } from "./probes/action.ts";

export interface HookTarget extends ActionTarget, ActionParts {
  readonly kind: "postStart" | "preStop";
}

const reasons = { postStart: "PostStartHookError", preStop: "PreStopHookError" } as const;

/** Done when the action is. Errors: PodError `PostStartHookError` or `PreStopHookError` with what went wrong; of one that was still at it when the signal aborted, too. */
export async function runHook(action: Action, target: HookTarget, signal: AbortSignal): Promise<void> {
  const { outcome, message } = await act(action, target, { parts: target, signal });
  if (outcome === "success" && !signal.aborted) return;
  const why = signal.aborted ? "it was not done in time" : message;
  throw new PodError(
    reasons[target.kind],
    `${target.kind} of container ${shown(target.container.name)} failed: ${why}`,
  );
}
