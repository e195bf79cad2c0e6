/** Who asks, and whether they may. https://kubernetes.io/docs/reference/access-authn-authz/ */
import type { KubeError } from "../../../../spec/kubernetes/kube.ts";

export interface UserInfo {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export const anonymous: UserInfo = { name: "system:anonymous", groups: ["system:unauthenticated"] };
/** What runs inside of this process. */
export const loopback: UserInfo = {
  name: "system:apiserver",
  groups: ["system:masters", "system:authenticated"],
};

export interface Credentials {
  /** The subject of a client certificate that our CA signed and that is valid now. */
  readonly certificate?: {
    readonly commonName: string;
    readonly organizations: readonly string[];
    /** Its end, in milliseconds since 1970: a connection may live longer. */
    readonly until?: number;
  };
  readonly bearer?: string;
}

export interface Authenticator {
  /** Undefined: no credentials (anonymous). Throws KubeError `Unauthorized` for wrong ones. */
  authenticate(credentials: Credentials): Promise<UserInfo | undefined>;
}

export interface Attributes {
  readonly user: UserInfo;
  /** get, list, watch, create, update, patch, delete, deletecollection, or the HTTP method in lower case for a path that is no resource. */
  readonly verb: string;
  /** Of a resource; else undefined and `path` is given. */
  readonly resource?: {
    readonly group: string;
    readonly version: string;
    readonly resource: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
    /** Of list, watch and deletecollection, as the query has it: a node may list the pods that are bound to it and no others. */
    readonly fieldSelector?: string;
  };
  readonly path?: string;
}

export interface Decision {
  readonly allowed: boolean;
  readonly reason: string;
}

export interface Authorizer {
  authorize(attributes: Attributes): Decision;
  /** The rules of a user within a namespace: SelfSubjectRulesReview. */
  rulesFor(
    user: UserInfo,
    namespace: string,
  ): {
    readonly resourceRules: readonly object[];
    readonly nonResourceRules: readonly object[];
  };
}

/** The refusal of RBAC, in metav1's words. */
export type Refusal = KubeError;
