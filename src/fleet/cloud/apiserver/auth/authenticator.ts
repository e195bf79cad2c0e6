/** Who asks: by a client's certificate that the connection showed, else by a bearer token. https://kubernetes.io/docs/reference/access-authn-authz/authentication/ */
import type { Authenticator, Credentials, UserInfo } from "./auth.ts";
import type { Authority } from "./authority.ts";
import { type Find, userOf } from "./tokens/claims.ts";
import { unauthorized } from "./tokens/signer.ts";

export interface AuthenticatorOptions {
  readonly authority: Pick<Authority, "tokens">;
  readonly find: Find;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export interface TokenAuthenticator extends Authenticator {
  /** The user of a token that is for one of the audiences, and for which of them; KubeError `Unauthorized`. */
  token(
    token: string,
    audiences?: readonly string[],
  ): Promise<{ readonly user: UserInfo; readonly audiences: readonly string[] }>;
}

export function openAuthenticator({
  authority: { tokens },
  find,
  now = Date.now,
}: AuthenticatorOptions): TokenAuthenticator {
  const token: TokenAuthenticator["token"] = async (text, audiences = [tokens.issuer]) => {
    const payload = await tokens.verify(text, audiences);
    const meant = [payload.aud ?? []].flat().filter((each) => audiences.includes(each));
    return { user: userOf(payload, find, now()), audiences: meant };
  };
  return {
    token,
    authenticate: async ({ certificate, bearer }: Credentials) => {
      if (certificate) return userOfCertificate(certificate, now());
      if (bearer === undefined) return undefined;
      return (await token(bearer)).user;
    },
  };
}

/** The name is the subject's common name, its groups are the organizations (RBAC's `User` and `Group`). */
function userOfCertificate(
  { commonName, organizations, until }: NonNullable<Credentials["certificate"]>,
  now: number,
): UserInfo {
  // A connection may be older than the end of the certificate that opened it.
  if (commonName === "" || (until !== undefined && until < now)) throw unauthorized();
  return { name: commonName, groups: [...new Set([...organizations, "system:authenticated"])] };
}
