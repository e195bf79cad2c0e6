/** What an edge asks for, and the answers of the cloud's controllers. */
import { list, nothing, nullable, object, open, optional, text, word, type Codec } from "../codec.ts";
import { isRecord, refused } from "../json.ts";
import { kind } from "./kind.ts";
import {
  anyObject,
  apiError,
  metadata,
  type ApiError,
  type Kube,
  type KubeObject,
  type Status,
} from "./kube.ts";

/** One object by its resource: configmap, secret, node, lease, volumes, certificatesigningrequest, `k8s/ca.crt`. */
export const query = kind<null>("query", {
  way: "up",
  on: { group: "meta", operation: "query" },
  content: nothing,
});

/** `{"Object":…,"Err":…}`: the answer to writes of nodes, leases, patches. */
export interface ObjectResponse {
  readonly Object: Partial<Kube> | null;
  readonly Err: ApiError | null;
}

/** With `Err` set the object may be `{}`. */
const written = open<Partial<Kube>>({
  apiVersion: optional(word),
  kind: optional(word),
  metadata: optional(metadata),
});

/** A Go error that is none of the API has no fields. */
const failure: Codec<ApiError> = {
  read: (value, at) =>
    isRecord(value) && Object.keys(value).length === 0 ? { ErrStatus: {} } : apiError.read(value, at),
  write: (value) => (Object.keys(value.ErrStatus).length === 0 ? {} : apiError.write(value)),
};

const response = object<ObjectResponse>({ Object: nullable(written), Err: nullable(failure) });

export type Reply<T = KubeObject> =
  | { readonly is: "ok" }
  | { readonly is: "object"; readonly object: T }
  /** From an edge's own store: objects, or objects as texts. */
  | { readonly is: "list"; readonly items: readonly (KubeObject | string)[] }
  | { readonly is: "response"; readonly response: ObjectResponse }
  /** Without a status when the error was none of the API. */
  | { readonly is: "error"; readonly status?: Status }
  /** The CA of Kubernetes in PEM. */
  | { readonly is: "text"; readonly text: string };

const items: Codec<readonly (KubeObject | string)[]> = list({
  read: (value, at) => (typeof value === "string" ? value : anyObject.read(value, at)),
  write: (value) => value,
});

/** Every form in which a question is answered; `of` is the object that was asked for. */
export function replyOf<T extends object>(of: Codec<T>): Codec<Reply<T>> {
  return {
    read: (value, at) => readReply(of, value, at),
    write: (value) => writeReply(of, value),
  };
}

function readReply<T>(of: Codec<T>, value: unknown, at: string): Reply<T> {
  if (value === "OK") return { is: "ok" };
  if (typeof value === "string") return { is: "text", text: text.read(value, at) };
  if (Array.isArray(value)) return { is: "list", items: items.read(value, at) };
  if (!isRecord(value)) throw refused(at, value, "an answer");
  if (Object.keys(value).length === 0) return { is: "error" };
  if (Object.hasOwn(value, "ErrStatus")) return { is: "error", status: apiError.read(value, at).ErrStatus };
  if (Object.hasOwn(value, "Object") || Object.hasOwn(value, "Err"))
    return { is: "response", response: response.read(value, at) };
  return { is: "object", object: of.read(value, at) };
}

function writeReply<T>(of: Codec<T>, reply: Reply<T>): unknown {
  switch (reply.is) {
    case "ok":
      return "OK";
    case "text":
      return reply.text;
    case "list":
      return items.write(reply.items);
    case "error":
      return reply.status === undefined ? {} : apiError.write({ ErrStatus: reply.status });
    case "response":
      return response.write(reply.response);
    case "object":
      return of.write(reply.object);
  }
}

export const reply = kind<Reply>("answer", {
  way: "down",
  on: { group: "resource", operation: "response", answer: true },
  content: replyOf(anyObject),
});

/** The authority of Kubernetes, in PEM; asked for by `k8s/ca.crt` since 1.18. */
export const authority = kind<string>("authority of Kubernetes", {
  way: "down",
  on: { group: "resource", operation: "response", resource: "k8s/ca.crt" },
  content: text,
});
