/** How a kubelet at the other end of a tunnel begins to answer, and what its refusals are to a client of the API. */
import type { Duplex } from "node:stream";
import { SampanError } from "../../../base/errors.ts";
import { KubeError, type Reason } from "../../../spec/kubernetes/kube.ts";
import { type Head, readBody, readHead } from "../../../wire/channels/head.ts";
import type { Way } from "./way.ts";

export interface Target {
  /** `/containerLogs/default/p/c` */
  readonly path: string;
  readonly query: string;
}

/** Milliseconds for a kubelet to begin an answer. Logs that are followed begin with their head. */
const patience = 30_000;

export async function reached(tunnel: Way, opening: Promise<Duplex>): Promise<Duplex> {
  try {
    return await opening;
  } catch (error) {
    throw new KubeError(
      "ServiceUnavailable",
      `cannot reach node ${JSON.stringify(tunnel.node)}: ${SampanError.from(error).message}`,
    );
  }
}

export async function withDeadline(channel: Duplex, signal: AbortSignal, { node }: Way): Promise<Head> {
  const limit = AbortSignal.timeout(patience);
  try {
    return await readHead(channel, AbortSignal.any([signal, limit]));
  } catch (error) {
    if (limit.aborted) throw new KubeError("Timeout", `node ${JSON.stringify(node)} does not answer`);
    throw error;
  }
}

const reasons: Readonly<Record<number, Reason>> = {
  400: "BadRequest",
  401: "InternalError",
  403: "Forbidden",
  404: "NotFound",
  503: "ServiceUnavailable",
};

/** What a kubelet has said instead, as an answer of the API. */
export async function refusal(
  channel: Duplex,
  head: Head,
  signal: AbortSignal,
  kind?: string,
): Promise<KubeError> {
  const words = (await readBody(channel, head, { signal })).trim().slice(0, 4096);
  const hint =
    kind === "portforward" && [403, 404, 405].includes(head.status)
      ? "; this edge does not serve port-forward"
      : "";
  return new KubeError(
    reasons[head.status] ?? "InternalError",
    `${words || `the kubelet of the node answers ${head.status}`}${hint}`,
  );
}

export function asKube(error: unknown): KubeError {
  if (error instanceof KubeError) return error;
  const inner = SampanError.from(error);
  const reason = { invalid_argument: "BadRequest", not_found: "NotFound", unavailable: "ServiceUnavailable" }[
    inner.code as string
  ] as Reason | undefined;
  return new KubeError(reason ?? "InternalError", inner.message, undefined, { cause: error });
}
