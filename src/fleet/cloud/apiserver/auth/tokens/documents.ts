/** How others find the key that tokens are signed with: OpenID Connect Discovery 1.0. https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery */
import type { TokenSigner } from "./signer.ts";

/** By path. `address`: `10.0.0.1:6443`, where the server is reached. */
export function tokenDocuments(tokens: TokenSigner, address: () => string) {
  return {
    "/.well-known/openid-configuration": {
      type: "application/json",
      body: () => tokens.discovery(`https://${address()}`),
    },
    "/openid/v1/jwks": { type: "application/jwk-set+json", body: () => tokens.jwks },
  };
}
