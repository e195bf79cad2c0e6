/** CertificateSigningRequests as objects. */
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";

export const csrGroup = "certificates.k8s.io";

export interface Condition {
  readonly type: string;
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastUpdateTime?: string;
  readonly lastTransitionTime?: string;
}

export interface RequestSpec {
  readonly request?: string;
  readonly signerName?: string;
  readonly usages?: readonly string[];
  readonly expirationSeconds?: number;
  readonly username?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export interface RequestStatus {
  readonly certificate?: string;
  readonly conditions?: readonly Condition[];
}

export function specOf(object: KubeObject): RequestSpec {
  return (object["spec"] ?? {}) as RequestSpec;
}

export function statusOf(object: KubeObject): RequestStatus {
  return (object["status"] ?? {}) as RequestStatus;
}

export function hasCondition(object: KubeObject, type: string): boolean {
  return (statusOf(object).conditions ?? []).some((condition) => condition.type === type);
}
