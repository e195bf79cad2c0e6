/** How an edge is answered: an object by itself, `{"Object","Err"}`, or the word OK; and what a failure looks like in each. */
import { SampanError, type Code } from "../../../base/errors.ts";
import { KubeError, reasons, type KubeObject, type Reason } from "../../../spec/kubernetes/kube.ts";
import { respond, type Envelope } from "../../link/envelope.ts";
import type { ApiError, KubeObject as LinkObject, Status } from "../../link/kinds/kube.ts";
import { reply } from "../../link/kinds/queries.ts";

export type Form = "object" | "response" | "ok";

const reasonOf: Partial<Record<Code, Reason>> = {
  invalid_argument: "BadRequest",
  not_found: "NotFound",
  permission_denied: "Forbidden",
  resource_exhausted: "TooManyRequests",
  unimplemented: "NotImplemented",
  deadline_exceeded: "Timeout",
  cancelled: "Timeout",
  unavailable: "ServiceUnavailable",
};

/** Anything that was thrown as metav1.Status in the form of Go's structure: without kind. What is no SampanError is told to the log only. */
export function statusOf(error: unknown): Status {
  const known = error instanceof KubeError ? error : kubeErrorOf(error);
  const { kind: _, apiVersion: __, ...status } = known.status;
  return status;
}

function kubeErrorOf(error: unknown): KubeError {
  const { code, message } = SampanError.from(error);
  const reason = reasonOf[code] ?? "InternalError";
  return new KubeError(reason, reason === "InternalError" ? "the cloud could not do it" : message);
}

/** Whether it is worth a line in the log: what went wrong here, not what an edge was refused. */
export function isOwnFault(error: unknown): boolean {
  return reasons[error instanceof KubeError ? error.reason : kubeErrorOf(error).reason].code >= 500;
}

export function apiError(error: unknown): ApiError {
  return { ErrStatus: statusOf(error) };
}

/** Without the managed fields, which are most of an object and which no edge reads. */
function bare(object: KubeObject): LinkObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata } as LinkObject;
}

const route = { source: "edgecontroller", group: "resource" } as const;

interface Answer {
  readonly form: Form;
  readonly now: number;
}

export function answerObject(to: Envelope, object: KubeObject | undefined, { form, now }: Answer): Envelope {
  if (form === "ok" || object === undefined) return respond(to, route, reply.build({ is: "ok" }), { now });
  const sent = bare(object);
  const content: unknown = reply.build(
    form === "object"
      ? { is: "object", object: sent }
      : { is: "response", response: { Object: sent, Err: null } },
  );
  // The version stands in the header of what edges keep, not of what was just made.
  const { resourceVersion } = object.metadata;
  const versioned = to.route.operation === "query" || to.route.operation === "patch";
  return respond(to, route, content, { now, ...(versioned && resourceVersion ? { resourceVersion } : {}) });
}

export function answerError(to: Envelope, error: unknown, { form, now }: Answer): Envelope {
  const status = statusOf(error);
  const content = reply.build(
    form === "response"
      ? { is: "response", response: { Object: null, Err: { ErrStatus: status } } }
      : { is: "error", status },
  );
  return respond(to, route, content, { now });
}
