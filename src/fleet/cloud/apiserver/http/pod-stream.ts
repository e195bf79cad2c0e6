/** log, exec, attach and portforward of pods, through the port that reaches the machine of the pod. */
import type { Duplex } from "node:stream";
import { KubeError } from "../../../../spec/kubernetes/kube.ts";
import type { PodStreamRequest } from "../streams.ts";
import { keyOf, notAllowed, type ResourceExchange } from "./resource-exchange.ts";

export type StreamKind = PodStreamRequest["kind"];

async function streamRequest(exchange: ResourceExchange): Promise<PodStreamRequest> {
  const { parts, resource, context, info, place, user, signal } = exchange;
  const { namespace, name } = keyOf(exchange);
  const { object: pod } = await parts.registry.get(resource, { namespace, name }, context);
  const kind = place.subresource as StreamKind;
  if (!parts.streams)
    throw new KubeError(
      "ServiceUnavailable",
      `cannot serve ${kind} of pod ${JSON.stringify(name)}: this server has no connection to the nodes (no tunnel is set up)`,
    );
  return { kind, pod, query: info.query, user, signal };
}

/** A plain request for a stream: logs; the others want an upgrade. */
export async function servePodStream(exchange: ResourceExchange): Promise<void> {
  const { info, place, parts, response } = exchange;
  if (place.name === undefined) throw notAllowed();
  if (place.subresource === "log" ? info.method !== "GET" : !["GET", "POST"].includes(info.method))
    throw notAllowed();
  const request = await streamRequest(exchange);
  if (request.kind !== "log")
    throw new KubeError("BadRequest", "unable to upgrade: missing upgrade headers in request");
  await parts.streams?.answer(request, response);
}

/** An upgrade: exec, attach, portforward by WebSocket or SPDY. */
export async function upgradePodStream(
  exchange: ResourceExchange,
  { socket, head }: { readonly socket: Duplex; readonly head: Buffer },
): Promise<void> {
  const { place, resource, request, parts } = exchange;
  const isPod = resource.plural === "pods" && resource.group === "" && place.name !== undefined;
  if (!isPod || !["exec", "attach", "portforward"].includes(place.subresource ?? ""))
    throw new KubeError("BadRequest", "this path serves no upgraded connections");
  const wanted = await streamRequest(exchange);
  await parts.streams?.upgrade(wanted, request, socket, head);
}
