/**
 * The port through which pods' log, exec, attach and portforward are answered: the tunnel to the edges fills it. Without it the server says `ServiceUnavailable` and names what is missing.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { UserInfo } from "./auth/auth.ts";

export interface PodStreamRequest {
  readonly kind: "log" | "exec" | "attach" | "portforward";
  readonly pod: KubeObject;
  readonly query: URLSearchParams;
  readonly user: UserInfo;
  readonly signal: AbortSignal;
}

export interface PodStreams {
  /** A plain answer (log). */
  answer(request: PodStreamRequest, response: ServerResponse): Promise<void>;
  /** An upgraded connection (exec, attach, portforward: WebSocket and SPDY/3.1). */
  upgrade(request: PodStreamRequest, incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void>;
}
