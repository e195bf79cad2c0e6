/** Questions about what somebody may do. https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/ */
import { KubeError, type KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import type { Resource } from "../../resource.ts";
import type { Attributes, Authorizer, UserInfo } from "../auth.ts";
import { nodeOf } from "../node/names.ts";

/** The answer to a review; the object's types were checked. */
export type Review = NonNullable<Resource["review"]>;

interface ResourceAttributes {
  readonly verb?: string;
  readonly group?: string;
  readonly version?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly fieldSelector?: {
    readonly rawSelector?: string;
    readonly requirements?: readonly {
      readonly key?: string;
      readonly operator?: string;
      readonly values?: readonly string[];
    }[];
  };
}

interface Spec {
  readonly resourceAttributes?: ResourceAttributes;
  readonly nonResourceAttributes?: { readonly path?: string; readonly verb?: string };
  readonly user?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** By plural name. */
export function accessReviews(authorizer: Authorizer): Readonly<Record<string, Review>> {
  const answer = (object: KubeObject, user: UserInfo): KubeObject => {
    const { allowed, reason } = authorizer.authorize(attributesOf(object, user));
    return { ...object, status: { allowed, ...(reason === "" ? {} : { reason }) } };
  };
  return {
    selfsubjectaccessreviews: async (object, { user }) => answer(object, user),
    subjectaccessreviews: async (object) => answer(object, userOf(object)),
    localsubjectaccessreviews: async (object) => {
      const asked = specOf(object).resourceAttributes?.namespace ?? "";
      if (object.metadata.namespace !== asked)
        throw badRequest("spec.resourceAttributes.namespace must match namespace");
      return answer(object, userOf(object));
    },
    selfsubjectrulesreviews: async (object, { user }) => rulesReview(authorizer, object, user),
  };
}

function specOf(object: KubeObject): Spec {
  return (object["spec"] ?? {}) as Spec;
}

function attributesOf(object: KubeObject, user: UserInfo): Attributes {
  const { resourceAttributes: of, nonResourceAttributes: path } = specOf(object);
  if ((of === undefined) === (path === undefined)) {
    const message = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
    throw invalidSpec(object, "spec.resourceAttributes", message);
  }
  if (path) return { user, verb: path.verb ?? "", path: path.path ?? "" };
  const { verb = "", group = "", version = "", resource = "", subresource, namespace, name } = of ?? {};
  const fieldSelector = selectorOf(of?.fieldSelector);
  return {
    user,
    verb,
    resource: {
      group,
      version,
      resource,
      ...(subresource ? { subresource } : {}),
      ...(namespace ? { namespace } : {}),
      ...(name ? { name } : {}),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    },
  };
}

/** What cannot be said as `key=value` selects less than it says: left out, nothing more is allowed by it. */
function selectorOf(selector: ResourceAttributes["fieldSelector"]): string | undefined {
  if (selector?.rawSelector !== undefined) return selector.rawSelector;
  return selector?.requirements
    ?.flatMap(({ key = "", operator, values = [] }) =>
      operator === "In" && values.length === 1 ? [`${key}=${values[0]}`] : [],
    )
    .join(",");
}

function userOf(object: KubeObject): UserInfo {
  const { user = "", uid, groups = [], extra } = specOf(object);
  if (user === "" && groups.length === 0)
    throw invalidSpec(object, "spec.user", "at least one of user or group must be specified");
  return { name: user, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
}

function rulesReview(authorizer: Authorizer, object: KubeObject, user: UserInfo): KubeObject {
  const { namespace = "" } = (object["spec"] ?? {}) as { namespace?: string };
  if (namespace === "") throw badRequest("no namespace on request");
  // What a node may depends on its pods, which no list of rules says.
  const isNode = nodeOf(user) !== undefined;
  const error = "node authorizer does not support user rule resolution";
  return {
    ...object,
    status: {
      ...authorizer.rulesFor(user, namespace),
      incomplete: isNode,
      ...(isNode ? { evaluationError: error } : {}),
    },
  };
}

function badRequest(message: string): KubeError {
  return new KubeError("BadRequest", message);
}

function invalidSpec(object: KubeObject, field: string, why: string): KubeError {
  const message = `Invalid value: ${why}`;
  return new KubeError("Invalid", `${object.kind}.authorization.k8s.io "" is invalid: ${field}: ${message}`, {
    group: "authorization.k8s.io",
    kind: object.kind,
    causes: [{ reason: "FieldValueInvalid", message, field }],
  });
}
