/** What is to be done with an object that the cloud sent, by what is stored. Pure. */
import { invalid } from "../../../base/errors.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import { compareVersions, type Envelope } from "../../link/envelope.ts";
import { objectChange } from "../../link/kinds/objects.ts";
import { requireSameObject } from "../../link/kinds/kube.ts";
import { reply } from "../../link/kinds/queries.ts";
import { resourceOf, type Resource } from "../../link/resources.ts";
import type { MetaKey } from "./meta.ts";
import type { Row } from "./_rows.ts";
import { knownType } from "./types.ts";

export type Step =
  | { readonly do: "put"; readonly key: MetaKey; readonly object: KubeObject }
  | { readonly do: "remove"; readonly key: MetaKey; readonly uid: string }
  /** And why; empty when that is nothing to tell. */
  | { readonly do: "nothing"; readonly why: string };

const nothing = (why = ""): Step => ({ do: "nothing", why });

/** Bytes of one object: twice what etcd takes. */
const largest = 3 << 20;

/**
 * The object of a message with its key.
 * @throws SampanError invalid_argument for what is none, is another one than its resource names, or of another kind.
 */
export function readObject(message: Envelope): { key: MetaKey; object: KubeObject } | undefined {
  const { route } = message;
  const resource = resourceOf(route.resource);
  if (resource?.name === undefined) return undefined;
  const given = contentOf(message);
  if (given === undefined) return undefined;
  const object = whole(resource, given);
  requireSameObject(resource, object);
  if (JSON.stringify(object).length > largest)
    throw invalid(`cannot keep "${route.resource}": it is larger than ${largest} bytes`);
  return { key: { ...resource, name: resource.name }, object };
}

function contentOf(message: Envelope): object | undefined {
  if (message.route.operation !== "response") return objectChange.parse(message.content);
  const answer = reply.parse(message.content);
  if (answer.is === "object") return answer.object;
  return answer.is === "response" && answer.response.Err === null
    ? (answer.response.Object ?? undefined)
    : undefined;
}

/** With kind and apiVersion, which resyncs leave out, in front. */
export function whole(resource: Pick<Resource, "type" | "namespace">, given: object): KubeObject {
  const { apiVersion, kind, ...rest } = given as Partial<KubeObject>;
  const type = knownType(resource.type);
  if (type && kind !== undefined && kind !== type.kind)
    throw invalid(`cannot keep a ${resource.type}: its kind is "${kind}", wanted ${type.kind}`);
  const named = { apiVersion: apiVersion ?? type?.apiVersion ?? "", kind: kind ?? type?.kind ?? "", ...rest };
  return named as KubeObject;
}

/** `node`: this node's name. `creation`: when the stored one was made, if that is known. */
export function decide(
  message: Envelope,
  { key, object }: { readonly key: MetaKey; readonly object: KubeObject },
  { stored, node, creation }: { stored: Row | undefined; node: string; creation: string | undefined },
): Step {
  if (message.route.operation === "delete") return decideDelete(key, object, stored);
  if (isForeign(key, object, node)) return nothing(`"${key.name}" is a ${key.type} of another node`);
  if (stored?.own === true && key.type !== "node") return nothing();
  if (stored && isKnown(object, stored, creation)) return nothing();
  return { do: "put", key, object };
}

function decideDelete(key: MetaKey, { metadata: { uid } }: KubeObject, stored: Row | undefined): Step {
  if (!stored || stored.own) return nothing();
  if (!uid) throw invalid(`cannot delete ${key.type} "${key.name}": the message does not say its uid`);
  return stored.uid === uid ? { do: "remove", key, uid } : nothing();
}

function isForeign(key: MetaKey, object: KubeObject, node: string): boolean {
  if (key.type === "node" || key.type === "nodestatus") return key.name !== node;
  const { nodeName } = (object["spec"] ?? {}) as { nodeName?: unknown };
  if (key.type === "device") return nodeName !== undefined && nodeName !== node;
  return key.type === "pod" && nodeName !== node;
}

/** Or the same. Of one object the greater version counts; of two with one name the one that was made later. */
function isKnown({ metadata }: KubeObject, stored: Row, creation: string | undefined): boolean {
  if (metadata.uid !== stored.uid)
    return (
      creation !== undefined &&
      metadata.creationTimestamp !== undefined &&
      metadata.creationTimestamp < creation
    );
  const isNumber = (text: string | undefined) => text !== undefined && /^\d{1,19}$/.test(text);
  return (
    isNumber(metadata.resourceVersion) &&
    isNumber(stored.resourceVersion) &&
    compareVersions(metadata.resourceVersion, stored.resourceVersion) <= 0
  );
}
