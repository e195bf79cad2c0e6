/** Tokens of service accounts for pods. */
import { line, list, natural, needed, nullable, open, optional, text, time, word } from "../codec.ts";
import { kind } from "./kind.ts";
import { metadata, type Metadata } from "./kube.ts";
import { replyOf, type Reply } from "./queries.ts";

export interface BoundObject {
  readonly kind?: string;
  readonly apiVersion?: string;
  readonly name?: string;
  readonly uid?: string;
}

export interface TokenSpec {
  /** null: the API's own audience. */
  readonly audiences: readonly string[] | null;
  /** Seconds. */
  readonly expirationSeconds?: number;
  readonly boundObjectRef: BoundObject | null;
}

export interface TokenStatus {
  readonly token: string;
  readonly expirationTimestamp: string | null;
}

export interface TokenRequest {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: Metadata;
  readonly spec: TokenSpec;
  readonly status?: TokenStatus;
}

const bound = open<BoundObject>({
  kind: optional(word),
  apiVersion: optional(word),
  name: optional(line({ most: 253 })),
  uid: optional(word),
});

const spec = open<TokenSpec>({
  audiences: nullable(list(line({ most: 1024 }), 100)),
  expirationSeconds: optional(natural),
  boundObjectRef: nullable(bound),
});

const status = open<TokenStatus>({ token: needed(text), expirationTimestamp: nullable(time) });

const tokenRequest = open<TokenRequest>({
  apiVersion: optional(word),
  kind: optional(word),
  metadata: optional(metadata),
  spec: needed(spec),
  status: optional(status),
});

/** authentication.k8s.io/v1 TokenRequest, for the service account that the resource names. */
export const tokenQuery = kind<TokenRequest>("request of a token", {
  way: "up",
  on: { group: "meta", operation: "query", type: "serviceaccounttoken" },
  content: tokenRequest,
});

/** The same with `status.token`, or an error. Never to be logged. */
export const tokenReply = kind<Reply<TokenRequest>>("token", {
  way: "down",
  on: { group: "resource", operation: "response", type: "serviceaccounttoken", answer: true },
  content: replyOf(tokenRequest),
});
