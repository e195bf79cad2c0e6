/** What edges say of their devices: reports of twins and states, and the question which devices they have. A node speaks for its own devices only. */
import { invalid, SampanError } from "../../../base/errors.ts";
import { milliseconds, timestamp } from "../../../base/clock.ts";
import { parseDeviceResource, type DeviceRef } from "../../link/device-id.ts";
import { message, respond, type Envelope } from "../../link/envelope.ts";
import { membershipDetail, membershipQuery, membershipVersions } from "../../link/kinds/membership.ts";
import {
  deviceStates,
  stateReport,
  twinReply,
  twinReport,
  type DeviceState as Told,
} from "../../link/kinds/twin.ts";
import type { KubeObject } from "../../../spec/kubernetes/kube.ts";
import type { Edge } from "../hub/hub.ts";
import type { CloudContext } from "../part.ts";
import { seldom } from "../status/seldom.ts";
import { devices, keyOf, nodeOf, source } from "./kinds.ts";
import { membersOf, versionsOf } from "./membership.ts";
import { twinsOf, type DeviceState } from "./reported.ts";
import type { Reports } from "./reports.ts";
import { applyChanges, changesOf, joinChanges, requireRoom, type TwinChanges } from "./twins.ts";

type Parts = Pick<CloudContext, "hub" | "informers" | "clock" | "log">;

/** Takes one message of an edge. What it refuses is answered with the reason, so that an edge does not say it again for ever. */
export function takeUpstream(parts: Parts, reports: Reports): (edge: Edge, received: Envelope) => void {
  const complain = seldom(parts.clock, parts.log);
  return (edge, received) => {
    if (membershipQuery.claims(received)) {
      answerQuery(parts, edge, received);
      return;
    }
    const isTwin = twinReport.claims(received);
    if (!isTwin && !stateReport.claims(received)) return;
    const answer = (text: string) => {
      if (received.id === "") return;
      const route = { source, group: "twin", resource: "twin" };
      parts.hub.send(edge.node, respond({ ...received, content: null }, route, twinReply.build(text)));
    };
    try {
      const device = deviceOf(parts, edge, parseDeviceResource(received.route.resource).device);
      const changes: TwinChanges = isTwin
        ? changesOf(twinReport.parse(received.content).twin, edge.node)
        : new Map();
      if (isTwin) requireRoom(keyOf(device), after(device, reports, changes));
      const state = isTwin
        ? undefined
        : stateOf(stateReport.parse(received.content).device, parts.clock.now());
      reports.add(keyOf(device), { changes, ...(state ? { state } : {}), done: () => answer("OK") });
    } catch (error) {
      const { code, message: text } = SampanError.from(error);
      complain(edge.node, `node "${edge.node}": ${text}`);
      // What finds no room for now is to be said again.
      if (code !== "resource_exhausted") answer(text);
    }
  };
}

/** @throws SampanError permission_denied when the sender has no such device, failed_precondition when it has two of the name. */
function deviceOf({ informers }: Parts, { node }: Edge, { namespace, name }: DeviceRef): KubeObject {
  const found = informers
    .of(devices)
    .store.onNode(node)
    .filter(
      ({ metadata }) => metadata.name === name && (namespace ?? metadata.namespace) === metadata.namespace,
    );
  const [device, second] = found;
  const shown = namespace === undefined ? name : `${namespace}/${name}`;
  if (!device || nodeOf(device) !== node)
    throw new SampanError(
      "permission_denied",
      `cannot take the report of device "${shown}": it is not on this node`,
    );
  if (second)
    throw new SampanError(
      "failed_precondition",
      `cannot take the report of device "${shown}": several namespaces have one on this node, and its release knows no namespaces`,
    );
  return device;
}

/** The twins as they would be. */
function after(device: KubeObject, reports: Reports, changes: TwinChanges) {
  const all = new Map(reports.waiting(keyOf(device)));
  for (const [name, change] of changes) all.set(name, joinChanges(all.get(name), change));
  return applyChanges(twinsOf(device), all);
}

/** Old edges tell their own local time without a zone: then our clock counts. */
function stateOf(
  { state = "", last_online, lastOnlineTime: last = last_online }: Told,
  now: number,
): DeviceState {
  const known = deviceStates.find((each) => each === state.toLowerCase());
  if (known === undefined)
    throw invalid(
      `cannot take the report: state ${JSON.stringify(state.slice(0, 40))} is none of ${deviceStates.join(", ")}`,
    );
  const told = last !== undefined && /T.*(?:Z|[+-]\d\d:\d\d)$/.test(last) ? milliseconds(last) : undefined;
  return { state: known, lastOnlineTime: timestamp(told ?? now) };
}

/** KubeEdge's clouds never answer; its edges take the answer, and forget the devices that are not in it. */
function answerQuery({ hub, informers, clock }: Parts, { node, traits }: Edge, received: Envelope): void {
  const { operation } = membershipQuery.parse(received.content);
  const own = informers.of(devices).store.onNode(node);
  const content = membershipDetail.build({
    event_id: crypto.randomUUID(),
    timestamp: clock.now(),
    devices: operation === membershipVersions ? versionsOf(own, traits, node) : membersOf(own, traits),
  });
  const route = { source, group: "twin", resource: "membership/detail" };
  hub.send(node, received.id === "" ? message(route, content) : respond(received, route, content));
}
