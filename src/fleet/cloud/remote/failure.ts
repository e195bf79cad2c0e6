/** Every failure of a remote API as the KubeError that the API in this process would have given. */
import { KubeError, type Reason, reasons, type StatusDetails } from "../../../spec/kubernetes/kube.ts";

type Fields = Readonly<Record<string, unknown>>;

/** From metav1.Status where the body is one, otherwise from the HTTP status alone. */
export function failureOf(code: number, body: string): KubeError {
  const status = parsed(body);
  if (!status) return new KubeError(reasonOf(code), body.trim().slice(0, 1000) || `the API answers ${code}`);
  return statusFailure(status, code);
}

/** Of an ERROR event too. */
export function statusFailure(status: Fields, fallback: number): KubeError {
  const given = status["reason"];
  const code = typeof status["code"] === "number" ? status["code"] : fallback;
  const reason =
    typeof given === "string" && Object.hasOwn(reasons, given) ? (given as Reason) : reasonOf(code);
  const message = typeof status["message"] === "string" ? status["message"] : `the API answers ${code}`;
  const { details, metadata } = status as { details?: StatusDetails; metadata?: { continue?: unknown } };
  const token = metadata?.continue;
  return new KubeError(
    reason,
    message,
    details,
    typeof token === "string" && token !== "" ? { continue: token } : undefined,
  );
}

function parsed(body: string): Fields | undefined {
  try {
    const value = JSON.parse(body) as unknown;
    const isStatus = typeof value === "object" && value !== null && (value as Fields)["kind"] === "Status";
    return isStatus ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

function reasonOf(code: number): Reason {
  const found = (Object.keys(reasons) as Reason[]).find((reason) => reasons[reason].code === code);
  if (found) return found;
  return code >= 500 ? "InternalError" : "BadRequest";
}
