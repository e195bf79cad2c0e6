/** What edges ask of the Kubernetes API, one row each: who handles it, and in which form it is answered. What is in no row is refused. */
import { SampanError } from "../../../base/errors.ts";
import { tooLarge } from "../../../spec/kubernetes/errors.ts";
import { KubeError } from "../../../spec/kubernetes/kube.ts";
import { respond, type Envelope } from "../../link/envelope.ts";
import { authority } from "../../link/kinds/queries.ts";
import { parseResource } from "../../link/resources.ts";
import type { Edge } from "../hub/hub.ts";
import { answerError, answerObject, isOwnFault, type Form } from "./answer.ts";
import { Lanes, usualLanes } from "./lanes.ts";
import type { Handler, Office, Request } from "./request.ts";
import { insertCertificateRequest, queryCertificateRequest } from "./requests/certificates.ts";
import { insertEvent, patchEvent, updateEvent } from "./requests/events.ts";
import { insertLease, queryLease, renewLease, updateLease } from "./requests/leases.ts";
import * as nodes from "./requests/nodes.ts";
import * as objects from "./requests/objects.ts";
import * as pods from "./requests/pods.ts";
import { weigh } from "./weigh.ts";

interface Row {
  readonly form: Form | "none" | "quiet";
  readonly handle: Handler;
}

const object = (handle: Handler): Row => ({ form: "object", handle });
const response = (handle: Handler): Row => ({ form: "response", handle });
const ok = (handle: Handler): Row => ({ form: "ok", handle });
const none = (handle: Handler): Row => ({ form: "none", handle });
/** A failure alone is answered. */
const quiet = (handle: Handler): Row => ({ form: "quiet", handle });

/** By operation and type. */
const rows: Readonly<Record<string, Row>> = {
  "query node": object(nodes.queryNode),
  "insert node": response(nodes.insertNode),
  "update node": ok(nodes.updateNode),
  "patch nodepatch": response(nodes.patchNode),
  "insert nodestatus": ok(nodes.insertNodeStatus),
  "update nodestatus": ok(nodes.updateNodeStatus),
  "query lease": response(queryLease),
  "insert lease": response(insertLease),
  "update lease": response(updateLease),
  "patch lease": quiet(renewLease),
  "query pod": object(pods.queryPod),
  "patch podpatch": response(pods.patchPod),
  "update podstatus": ok(pods.updatePodStatus),
  "delete pod": ok(pods.deletePod),
  "insert pod": response(pods.insertPod),
  "query configmap": object(objects.queryConfigMap),
  "query secret": object(objects.querySecret),
  "query serviceaccounttoken": object(objects.queryToken),
  "query persistentvolume": object(objects.queryVolume),
  "query persistentvolumeclaim": object(objects.queryClaim),
  "query volumeattachment": object(objects.queryAttachment),
  "insert event": none(insertEvent),
  "update event": none(updateEvent),
  "patch event": none(patchEvent),
  "insert certificatesigningrequest": response(insertCertificateRequest),
  "query certificatesigningrequest": object(queryCertificateRequest),
};

/** Bytes of a content: more than any object of the API has. */
const largest = 3 << 20;

export interface UpstreamOptions {
  readonly office: Office;
  readonly log: (text: string) => void;
}

/** Takes what edges say to the edge controller, until the hub ends. */
export function startUpstream({ office, log }: UpstreamOptions): void {
  const lanes = new Lanes({ ...usualLanes, clock: office.clock });
  office.hub.on("objects", async (edge, envelope) => {
    const row = rowOf(envelope);
    try {
      const weight = weigh(envelope.content, largest);
      if (weight > largest) throw tooLarge(largest);
      await lanes.take(edge, { key: laneOf(envelope), weight }, (signal) =>
        serve(office, row, { edge, envelope, signal, log }),
      );
    } catch (error) {
      refuse(office, row, { edge, envelope, error });
    }
  });
  office.hub.on("authority", (edge, envelope) => {
    if (envelope.id === "") return;
    const ca = authorityOf(office);
    const route = { source: "cloudhub", group: "resource" };
    const content = ca === undefined ? {} : authority.build(ca);
    office.hub.send(edge.node, respond(envelope, route, content, { now: office.clock.now() }));
  });
}

function rowOf({ route }: Envelope): Row | undefined {
  const [, type = ""] = route.resource.split("/");
  const key = `${route.operation} ${type}`;
  return Object.hasOwn(rows, key) ? rows[key] : undefined;
}

/** What is said of one object is done in its order: `default/podpatch/p` and the end of `default/pod/p`. */
function laneOf({ route }: Envelope): string {
  const [namespace = "", type = "", name = ""] = route.resource.split("/");
  return `${namespace}/${type.replace(/(?:patch|status)$/, "")}/${name}`;
}

interface Serving {
  readonly edge: Edge;
  readonly envelope: Envelope;
  readonly signal: AbortSignal;
  readonly log: (text: string) => void;
}

async function serve(
  office: Office,
  row: Row | undefined,
  { edge, envelope, signal, log }: Serving,
): Promise<void> {
  try {
    if (!row) throw unknown(envelope);
    const object = await row.handle(office, requestOf(edge, envelope, signal));
    if (row.form === "none" || row.form === "quiet" || envelope.id === "") return;
    const now = office.clock.now();
    office.hub.send(edge.node, answerObject(envelope, object, { form: row.form, now }));
  } catch (error) {
    if (edge.signal.aborted) return;
    const told = signal.aborted
      ? new SampanError("deadline_exceeded", "the cloud took too long over it", { cause: error })
      : error;
    refuse(office, row, { edge, envelope, error: told });
    const { operation, resource } = envelope.route;
    if (isOwnFault(told))
      log(`cannot ${operation} ${resource} for node "${edge.node}": ${SampanError.from(error).message}`);
  }
}

function requestOf(edge: Edge, envelope: Envelope, signal: AbortSignal): Request {
  const { namespace = "", name = "" } = parseResource(envelope.route.resource);
  return { edge, node: edge.node, envelope, namespace, name, signal };
}

function unknown({ route }: Envelope): KubeError {
  return new KubeError("Forbidden", `forbidden: a node cannot ${route.operation} ${route.resource}`, {});
}

interface Refusal {
  readonly edge: Edge;
  readonly envelope: Envelope;
  readonly error: unknown;
}

function refuse(office: Office, row: Row | undefined, { edge, envelope, error }: Refusal): void {
  const form = row?.form === "quiet" ? "response" : (row?.form ?? "object");
  if (form === "none" || envelope.id === "") return;
  office.hub.send(edge.node, answerError(envelope, error, { form, now: office.clock.now() }));
}

/** Every namespace has the authority of the cluster in this config map; these two are always there. */
function authorityOf({ configMaps }: Office): string | undefined {
  for (const namespace of ["kube-system", "default"]) {
    const found = configMaps.store.get(namespace, "kube-root-ca.crt");
    const text = (found?.["data"] as Record<string, unknown> | undefined)?.["ca.crt"];
    if (typeof text === "string") return text;
  }
  return undefined;
}
