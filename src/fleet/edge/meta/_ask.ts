/** Questions to the cloud for one object. */
import { SampanError } from "../../../base/errors.ts";
import { message } from "../../link/envelope.ts";
import { reply, type Reply } from "../../link/kinds/queries.ts";
import type { Status } from "../../link/kinds/kube.ts";
import { formatResource } from "../../link/resources.ts";
import type { CloudLink } from "../hub/hub.ts";
import type { MetaKey } from "./meta.ts";
import { isOfCluster } from "./types.ts";

export interface Question {
  readonly key: MetaKey;
  readonly content: unknown;
  readonly signal: AbortSignal;
  readonly now: number;
}

/** Milliseconds: what a pod waits for at most. */
export const patience = 5_000;

/** The cloud's own answer. Errors: `unavailable` when there is none, whatever the reason. */
export async function ask(link: CloudLink, { key, content, signal, now }: Question): Promise<Reply> {
  // Edges of KubeEdge ask for nodes and volumes in the namespace `default`.
  const resource = formatResource(isOfCluster(key.type) ? { ...key, namespace: "default" } : key);
  const question = message({ source: "edged", group: "meta", operation: "query", resource }, content, {
    now,
  });
  try {
    const answer = await link.ask(question, { signal, deadline: patience });
    return reply.parse(answer.content);
  } catch (error) {
    const { code, message: words } = SampanError.from(error);
    if (code === "cancelled") throw error;
    throw new SampanError("unavailable", words, { cause: error });
  }
}

/** The object of an answer. Errors: `not_found`, `permission_denied`, `unavailable`. */
export function objectOf(key: MetaKey, answer: Reply): object {
  if (answer.is === "object") return answer.object;
  if (answer.is === "response" && answer.response.Err === null && answer.response.Object !== null)
    return answer.response.Object;
  const status = answer.is === "error" ? answer.status : errorOf(answer);
  const code =
    status?.code === 404 ? "not_found" : status?.code === 403 ? "permission_denied" : "unavailable";
  throw new SampanError(
    code,
    `cannot get ${key.type} "${key.name}": ${status?.message ?? "the cloud has no answer"}`,
  );
}

function errorOf(answer: Reply): Status | undefined {
  return answer.is === "response" ? answer.response.Err?.ErrStatus : undefined;
}
