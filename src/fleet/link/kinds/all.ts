/** Every kind of message there is; the first that claims an envelope has it. */
import type { Envelope } from "../envelope.ts";
import * as application from "./application.ts";
import * as connection from "./connection.ts";
import { deviceChange, modelChange } from "./devices.ts";
import { certificateQuery, certificateRequest, eventChange, eventPatch } from "./events.ts";
import type { Kind, Way } from "./kind.ts";
import * as jobs from "./jobs.ts";
import { leaseChange, leaseRenewal } from "./leases.ts";
import { membershipDetail, membershipQuery, membershipUpdate } from "./membership.ts";
import * as nodes from "./nodes.ts";
import { objectChange } from "./objects.ts";
import * as pods from "./pods.ts";
import { authority, query, reply } from "./queries.ts";
import { ruleChange, ruleEndpointChange, ruleStatus } from "./rules.ts";
import * as tasks from "./tasks.ts";
import { tokenQuery, tokenReply } from "./tokens.ts";
import { stateReport, twinReply, twinReport, twinWanted } from "./twin.ts";
import { upgradeRequest } from "./upgrade.ts";
import * as user from "./user.ts";
import { volumeReply, volumeRequest } from "./volumes.ts";

/** In the order of routing: what concerns the connection first, then what only one source or type has, then what is left. */
export const kinds: readonly Kind<unknown>[] = [
  connection.connectionState,
  connection.nodeConnected,
  connection.control,
  connection.keepalive,
  connection.empty,
  volumeReply,
  volumeRequest,
  user.callReply,
  connection.acknowledgement,
  connection.failure,
  application.request,
  application.response,
  application.watchSync,
  application.watchSyncReply,
  user.publication,
  user.outwardCall,
  user.outwardReply,
  user.publish,
  user.subscription,
  user.target,
  user.call,
  twinReport,
  twinReply,
  twinWanted,
  stateReport,
  membershipQuery,
  membershipUpdate,
  membershipDetail,
  upgradeRequest,
  jobs.upgradeJob,
  jobs.prePullJob,
  jobs.configJob,
  tasks.taskRequest,
  jobs.actionReport,
  tasks.taskReport,
  ruleChange,
  ruleEndpointChange,
  ruleStatus,
  deviceChange,
  modelChange,
  tokenQuery,
  tokenReply,
  authority,
  pods.podPatch,
  pods.podStatusUpdate,
  pods.podDelete,
  pods.podInsert,
  pods.podList,
  nodes.nodePatch,
  nodes.nodeInsert,
  nodes.nodeUpdate,
  nodes.nodeStatusInsert,
  nodes.nodeStatusUpdate,
  leaseChange,
  leaseRenewal,
  eventChange,
  eventPatch,
  certificateRequest,
  certificateQuery,
  query,
  reply,
  objectChange,
];

/** The kind of a message that came this way, or undefined when nobody knows it. */
export function kindOf(envelope: Envelope, way: Way): Kind<unknown> | undefined {
  return kinds.find(
    (each) => (each.way === way || (each.way === "both" && way !== "local")) && each.claims(envelope),
  );
}
