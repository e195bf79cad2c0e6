/** What a node tells of itself and of its pods (since 1.19). Not answered; an event that cannot be kept is no one's trouble. */
import { invalid } from "../../../../base/errors.ts";
import { KubeError, type KubeObject } from "../../../../spec/kubernetes/kube.ts";
import { isRecord, parseJson } from "../../../link/json.ts";
import { eventChange, eventPatch } from "../../../link/kinds/events.ts";
import { requireSameObject, type KubeObject as Sent } from "../../../link/kinds/kube.ts";
import { ids } from "../ids.ts";
import { nodeOf } from "../inventory.ts";
import { refuse, type Handler, type Office, type Request } from "../request.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What an event says; everything else of it is the API's. */
const said = [
  "involvedObject",
  "reason",
  "message",
  "type",
  "count",
  "firstTimestamp",
  "lastTimestamp",
  "eventTime",
  "action",
  "series",
  "related",
  "reportingComponent",
] as const;

/** What changes when it happens again. */
const repeated: readonly string[] = ["count", "lastTimestamp", "message", "series", "reason", "type"];

function fields(value: unknown): Fields {
  return isRecord(value) ? value : {};
}

/** About its own Node, or a pod that is or was there on no other node. */
function requireOwn({ inventory }: Office, request: Request, event: Fields): void {
  const { node, namespace } = request;
  const { kind, name, namespace: of } = fields(event["involvedObject"]);
  if (kind === "Node" && name === node) return;
  const pod = kind === "Pod" && typeof name === "string" ? inventory.pod(namespace, name) : undefined;
  const isPod = kind === "Pod" && of === namespace && (pod === undefined || nodeOf(pod) === node);
  if (!isPod) throw refuse(ids.events, request, `node "${node}" tells of itself and its pods only`);
}

function eventOf(request: Request, sent: Sent): KubeObject {
  const { namespace, name, node } = request;
  requireSameObject({ namespace, type: "event", name }, sent);
  const { component } = fields(sent["source"]);
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name, namespace },
    ...Object.fromEntries(said.flatMap((field) => (sent[field] == null ? [] : [[field, sent[field]]]))),
    source: { ...(typeof component === "string" ? { component } : {}), host: node },
    reportingInstance: node,
  };
}

export const insertEvent: Handler = async (office, request) => {
  office.rates.events.take(request.edge);
  const event = eventOf(request, eventChange.parse(request.envelope.content) as Sent);
  requireOwn(office, request, event);
  await office.client.create(ids.events, event, { signal: request.signal });
  return undefined;
};

export const updateEvent: Handler = async (office, request) => {
  office.rates.events.take(request.edge);
  const event = eventOf(request, eventChange.parse(request.envelope.content) as Sent);
  await change(office, request, { event, patch: pick(event) });
  return undefined;
};

export const patchEvent: Handler = async (office, request) => {
  office.rates.events.take(request.edge);
  const sent = eventPatch.parse(request.envelope.content);
  const event = eventOf(request, sent.event as Sent);
  const patch = parseJson(sent.patchData, "content.patchData", 16);
  if (!isRecord(patch)) throw invalid("cannot take the patch of an event: it is no object");
  await change(office, request, { event, patch: pick(patch) });
  return undefined;
};

function pick(of: Fields): Fields {
  return Object.fromEntries(repeated.flatMap((field) => (of[field] == null ? [] : [[field, of[field]]])));
}

interface Change {
  readonly event: KubeObject;
  readonly patch: Fields;
}

/** Happened again: what is there must be the node's too. Made anew when it is gone, as kubelets do. */
async function change(office: Office, request: Request, { event, patch }: Change): Promise<void> {
  const { namespace, name, signal } = request;
  requireOwn(office, request, event);
  const key = { namespace, name };
  try {
    const present = await office.client.get(ids.events, key, signal);
    requireOwn(office, request, present);
    const host = fields(present["source"])["host"];
    if (host !== request.node) throw refuse(ids.events, request, "it is another's");
    const options = { type: "application/merge-patch+json", signal } as const;
    await office.client.patch(ids.events, key, patch, options);
  } catch (error) {
    if (!(error instanceof KubeError && error.reason === "NotFound")) throw error;
    await office.client.create(ids.events, event, { signal });
  }
}
