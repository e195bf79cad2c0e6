/** Whose token is this? Asked by servers that take service accounts' tokens. https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/ */
import { KubeError } from "../../../../../spec/kubernetes/kube.ts";
import type { TokenAuthenticator } from "../authenticator.ts";
import type { Review } from "./access.ts";

export function tokenReview(authenticator: Pick<TokenAuthenticator, "token">): Review {
  return async (object) => {
    const { token = "", audiences = [] } = (object["spec"] ?? {}) as {
      token?: string;
      audiences?: readonly string[];
    };
    if (token === "")
      throw new KubeError("BadRequest", "token is required for TokenReview in authentication");
    try {
      const asked = audiences.length > 0 ? audiences : undefined;
      const { user, audiences: meant } = await authenticator.token(token, asked);
      const { name: username, uid, groups, extra } = user;
      const known = { username, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
      return { ...object, status: { authenticated: true, user: known, audiences: meant } };
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      return {
        ...object,
        status: { user: {}, error: "the token is not valid, or for none of the audiences" },
      };
    }
  };
}
