/** One request and its answer, as the parts of the server hand it on. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { UserInfo } from "../auth/auth.ts";
import type { Authenticator, Authorizer } from "../auth/auth.ts";
import type { Registry, RequestContext } from "../registry.ts";
import type { Resources } from "../resource.ts";
import type { PodStreams } from "../streams.ts";
import type { BodyBudget } from "./body.ts";
import type { OpenApi } from "./openapi.ts";
import type { Limits } from "./limits.ts";
import type { Metrics } from "./metrics.ts";
import type { RequestInfo } from "./request-info.ts";

/** What is behind the HTTP face. */
export interface Parts {
  readonly registry: Registry;
  readonly resources: Resources;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly streams?: PodStreams;
  readonly openApi: OpenApi;
  readonly version: VersionInfo;
  /** What must be well for /readyz; each throws or rejects when it is not. */
  readonly checks: Readonly<Record<string, () => void | Promise<void>>>;
  /** Figures for /metrics: name → value. */
  readonly figures: () => Readonly<Record<string, number>>;
  /** Further documents by their path, of those who know them: the keys of tokens. */
  readonly documents?: Readonly<Record<string, { readonly type: string; readonly body: () => object }>>;
  /** `https://10.0.0.1:6443`, told in /api. */
  readonly address: () => string;
  /** In milliseconds since 1970. */
  readonly now: () => number;
  readonly log: (line: string) => void;
}

/** The body of /version. */
export interface VersionInfo {
  readonly major: string;
  readonly minor: string;
  readonly gitVersion: string;
  readonly gitCommit: string;
  readonly gitTreeState: string;
  readonly buildDate: string;
  readonly goVersion: string;
  readonly compiler: string;
  readonly platform: string;
}

/** What the server keeps over its requests. */
export interface Shared {
  readonly parts: Parts;
  readonly limits: Limits;
  readonly metrics: Metrics;
  readonly bodies: BodyBudget;
  /** Large answers that clients have not taken yet, in bytes. */
  readonly answers: BodyBudget;
  /** Events of watches that clients have not taken yet, in bytes. */
  readonly events: BodyBudget;
  /** Aborts when the server is told to stop. */
  readonly stopping: AbortSignal;
  /** A client that takes nothing of an answer for so long is given up, in milliseconds. */
  readonly stuckAfter: number;
}

export interface Exchange extends Shared {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly info: RequestInfo;
  readonly user: UserInfo;
  readonly context: RequestContext;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
}
