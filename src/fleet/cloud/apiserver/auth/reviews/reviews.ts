/** All kinds that are asked and not kept, by plural name; who I am the kinds answer themselves. */
import type { Authorizer } from "../auth.ts";
import type { TokenAuthenticator } from "../authenticator.ts";
import { accessReviews, type Review } from "./access.ts";
import { tokenReview } from "./token.ts";

export interface ReviewsOptions {
  readonly authorizer: Authorizer;
  readonly authenticator: Pick<TokenAuthenticator, "token">;
}

export function reviews({ authorizer, authenticator }: ReviewsOptions): Readonly<Record<string, Review>> {
  return { ...accessReviews(authorizer), tokenreviews: tokenReview(authenticator) };
}
