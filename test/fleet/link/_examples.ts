/** One message of every kind: what the captures lack, and what is wrong with each. Shapes are those of the protocol's notes and of the captures. */
import type { Route } from "../../../src/fleet/link/envelope.ts";
import * as application from "../../../src/fleet/link/kinds/application.ts";
import * as connection from "../../../src/fleet/link/kinds/connection.ts";
import * as devices from "../../../src/fleet/link/kinds/devices.ts";
import * as events from "../../../src/fleet/link/kinds/events.ts";
import * as jobs from "../../../src/fleet/link/kinds/jobs.ts";
import type { Kind, Way } from "../../../src/fleet/link/kinds/kind.ts";
import { leaseChange, leaseRenewal } from "../../../src/fleet/link/kinds/leases.ts";
import * as membership from "../../../src/fleet/link/kinds/membership.ts";
import * as nodes from "../../../src/fleet/link/kinds/nodes.ts";
import { objectChange } from "../../../src/fleet/link/kinds/objects.ts";
import * as pods from "../../../src/fleet/link/kinds/pods.ts";
import * as queries from "../../../src/fleet/link/kinds/queries.ts";
import * as rules from "../../../src/fleet/link/kinds/rules.ts";
import { taskReport, taskRequest } from "../../../src/fleet/link/kinds/tasks.ts";
import * as tokens from "../../../src/fleet/link/kinds/tokens.ts";
import * as twin from "../../../src/fleet/link/kinds/twin.ts";
import { upgradeRequest } from "../../../src/fleet/link/kinds/upgrade.ts";
import * as user from "../../../src/fleet/link/kinds/user.ts";
import * as volumes from "../../../src/fleet/link/kinds/volumes.ts";

export interface Example {
  readonly kind: Kind<unknown>;
  readonly way: Way;
  readonly route: Partial<Route>;
  /** It answers another message. */
  readonly answer?: true;
  /** As it stands on the wire. */
  readonly content: unknown;
  /** What is refused, and the field that the refusal names. Empty where anything is taken. */
  readonly wrong: readonly (readonly [content: unknown, field: string])[];
}

const meta = (operation: string, resource: string): Partial<Route> => ({
  source: "edged",
  group: "meta",
  operation,
  resource,
});
const down = (operation: string, resource: string, source = "edgecontroller"): Partial<Route> => ({
  source,
  group: "resource",
  operation,
  resource,
});
const json = (value: unknown) => JSON.stringify(value);
const base64 = (text: string) => Buffer.from(text).toString("base64");
const pod = {
  kind: "Pod",
  apiVersion: "v1",
  metadata: { name: "p1", namespace: "default", uid: "u" },
  spec: {},
};
const node = { metadata: { name: "edge1", creationTimestamp: null }, spec: {}, status: {} };

const wrongObjects: Example["wrong"] = [
  [null, "content"],
  ["p1", "content"],
  [[], "content"],
  [{}, "content.metadata"],
  [{ metadata: [] }, "content.metadata"],
  [{ metadata: {} }, "content.metadata.name"],
  [{ metadata: { name: "../p1" } }, "content.metadata.name"],
  [{ metadata: { name: "a/b" } }, "content.metadata.name"],
  [{ metadata: { name: 1 } }, "content.metadata.name"],
  [{ metadata: { name: "p", namespace: "A" } }, "content.metadata.namespace"],
  [{ metadata: { name: "p", labels: { a: 1 } } }, 'content.metadata.labels["a"]'],
  [{ metadata: { name: "p", labels: [] } }, "content.metadata.labels"],
  [{ metadata: { name: "p", uid: "a\nb" } }, "content.metadata.uid"],
  [{ metadata: { name: "p", ownerReferences: [{}] } }, "content.metadata.ownerReferences[0].apiVersion"],
  [{ metadata: { name: "p" }, kind: 5 }, "content.kind"],
];

const wrongPatches: Example["wrong"] = [
  [null, "content"],
  ["", "content"],
  ["{", "content"],
  ["[]", "content"],
  ['"{}"', "content"],
  [5, "content"],
  ["[".repeat(1000), "content"],
];

const wrongTwins: Example["wrong"] = [
  [null, "content"],
  ["x", "content"],
  [{ twin: [] }, "content.twin"],
  [{ twin: { temp: 5 } }, 'content.twin["temp"]'],
  [{ twin: { temp: { actual: "22" } } }, 'content.twin["temp"].actual'],
  [{ twin: { temp: { actual: { value: 22 } } } }, 'content.twin["temp"].actual.value'],
  [
    { twin: { temp: { actual: { metadata: { timestamp: "1" } } } } },
    'content.twin["temp"].actual.metadata.timestamp',
  ],
  [{ twin: { temp: { actual_version: { cloud: -1 } } } }, 'content.twin["temp"].actual_version.cloud'],
  [{ twin: { temp: { optional: "true" } } }, 'content.twin["temp"].optional'],
  [{ twin: { "a\u0000": {} } }, "a key of content.twin"],
  [{ timestamp: "now", twin: {} }, "content.timestamp"],
  [{ event_id: {}, twin: {} }, "content.event_id"],
];

const applicationContent = {
  ID: "c06d",
  Key: "/core/v1/configmaps/default/cm1",
  Verb: "list",
  Nodename: "edge1",
  Option: "e30=",
  ReqBody: null,
  Subresource: "",
  RespBody: null,
  Status: "Rejected",
  Reason: "",
  Error: { ErrStatus: { metadata: {}, status: "Failure", message: "no", reason: "NotFound", code: 404 } },
  Timestamp: "0001-01-01T00:00:00Z",
};

const wrongApplications: Example["wrong"] = [
  [null, "content"],
  [{}, "content.ID"],
  [{ ...applicationContent, ID: "../x" }, "content.ID"],
  [{ ...applicationContent, Key: "core" }, "content.Key"],
  [{ ...applicationContent, Key: "/a\r\nb" }, "content.Key"],
  [{ ...applicationContent, Verb: "deletecollection" }, "content.Verb"],
  [{ ...applicationContent, Option: "not base64" }, "content.Option"],
  [{ ...applicationContent, ReqBody: {} }, "content.ReqBody"],
  [{ ...applicationContent, RespBody: "e30" }, "content.RespBody"],
  [{ ...applicationContent, Error: null, Nodename: 5 }, "content.Nodename"],
  [{ ...applicationContent, Error: "no" }, "content.Error"],
];

/** What a shell would take for more than a text. */
const hostile = ["v1; reboot", "$(id)", "`id`", "a|b", "a\nb", "--help", "a b", "'", '"', "\\", "a&b", ">x"];
const upgradeContent = {
  UpgradeID: "up1",
  HistoryID: "h-1",
  Version: "v1.99.0",
  UpgradeTool: "",
  Image: "registry.local/p:v1",
};

const wrongUpgrades: Example["wrong"] = [
  [null, "content"],
  [{}, "content.UpgradeID"],
  ...hostile.flatMap((bad) => [
    [{ ...upgradeContent, Version: bad }, "content.Version"] as const,
    [{ ...upgradeContent, Image: bad }, "content.Image"] as const,
    [{ ...upgradeContent, HistoryID: `${bad} ;` }, "content.HistoryID"] as const,
    [{ ...upgradeContent, UpgradeTool: `${bad};` }, "content.UpgradeTool"] as const,
  ]),
  [{ ...upgradeContent, UpgradeID: "a/b" }, "content.UpgradeID"],
  [{ ...upgradeContent, RequireConfirmation: "yes" }, "content.RequireConfirmation"],
];

const task = (kind: string, operation = "Check"): Partial<Route> => ({
  source: "taskmanager",
  group: "taskmanager",
  operation,
  resource: `operations.kubeedge.io/v1alpha2/${kind}/job1/node/edge1`,
});

const taskReportContent = {
  NodeName: "edge1",
  State: "Checking",
  Event: "Check",
  Action: "Success",
  Reason: "",
  Time: "2026-11-21T07:02:25Z",
  ExternalMessage: "",
};

const callContent = { header: { "X-A": ["b"] }, body: "Ym9keTE=", method: "POST", url: "" };
const deviceRoute = (id: string, tail: string): Partial<Route> => ({
  source: "twin",
  group: "resource",
  operation: "update",
  resource: `device/${id}/${tail}`,
});
const twinContent = {
  event_id: "e",
  timestamp: 5,
  twin: {
    temp: {
      expected: { value: "2" },
      actual: { value: "22", metadata: { timestamp: 4 } },
      optional: true,
      metadata: { type: "int" },
      actual_version: { cloud: 0, edge: 1 },
    },
    gone: null,
  },
};
const lease = {
  metadata: {
    name: "edge1",
    namespace: "kube-node-lease",
    ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "edge1", uid: "" }],
  },
  spec: { holderIdentity: "edge1", leaseDurationSeconds: 40, renewTime: "2026-11-21T06:24:12.204703Z" },
};
const token = {
  metadata: { creationTimestamp: null },
  spec: {
    audiences: null,
    expirationSeconds: 3607,
    boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "p1", uid: "u" },
  },
  status: { token: "", expirationTimestamp: null },
};
const wrongTokens: Example["wrong"] = [
  [[1], "content"],
  [{ spec: [] }, "content.spec"],
  [{ spec: { audiences: "a" } }, "content.spec.audiences"],
  [{ spec: { expirationSeconds: -1 } }, "content.spec.expirationSeconds"],
  [{ spec: { boundObjectRef: { name: 1 } } }, "content.spec.boundObjectRef.name"],
  [{ spec: {}, status: {} }, "content.status.token"],
];

export const examples: readonly Example[] = [
  {
    kind: connection.keepalive,
    way: "up",
    route: { source: "websocket", group: "resource", operation: "keepalive", resource: "node" },
    content: "ping",
    wrong: [
      [5, "content"],
      [{}, "content"],
    ],
  },
  { kind: connection.control, way: "up", route: { operation: "ping" }, content: null, wrong: [] },
  { kind: connection.control, way: "down", route: { operation: "config" }, content: { a: 1 }, wrong: [] },
  { kind: connection.empty, way: "up", route: {}, content: null, wrong: [["x", "content"]] },
  {
    kind: connection.acknowledgement,
    way: "up",
    route: down("response", "default/pod/p1"),
    answer: true,
    content: "OK",
    wrong: [],
  },
  {
    kind: connection.failure,
    way: "up",
    route: { source: "metamanager", group: "resource", operation: "error", resource: "default/pod/p1" },
    answer: true,
    content: "disk full",
    wrong: [[{}, "content"]],
  },
  {
    kind: connection.connectionState,
    way: "local",
    route: { source: "edgehub", group: "meta", operation: "connect", resource: "node/connection" },
    content: "cloud_connected",
    wrong: [["connected", "content"]],
  },
  {
    kind: connection.nodeConnected,
    way: "local",
    route: { source: "cloudhub", operation: "connected", resource: "node/edge1" },
    content: base64(json({ event_type: "connected", timestamp: 1795242241, client_id: "edge1" })),
    wrong: [
      ["connected", "content"],
      [base64("{}"), "content.event_type"],
      [base64(json({ event_type: "connected", timestamp: -1 })), "content.timestamp"],
    ],
  },

  {
    kind: nodes.nodeInsert,
    way: "up",
    route: meta("insert", "default/node/edge1"),
    content: node,
    wrong: wrongObjects,
  },
  {
    kind: nodes.nodeUpdate,
    way: "up",
    route: meta("update", "default/node/edge1"),
    content: node,
    wrong: wrongObjects,
  },
  {
    kind: nodes.nodePatch,
    way: "up",
    route: meta("patch", "default/nodepatch/edge1"),
    content: '{"status":{}}',
    wrong: wrongPatches,
  },
  {
    kind: nodes.nodeStatusInsert,
    way: "up",
    route: meta("insert", "default/nodestatus/edge1"),
    content: node,
    wrong: wrongObjects,
  },
  {
    kind: nodes.nodeStatusUpdate,
    way: "up",
    route: meta("update", "default/nodestatus/edge1"),
    content: { UID: "u", Status: { phase: "" }, ExtendResources: { gpu: [] } },
    wrong: [
      [null, "content"],
      [{ Status: {} }, "content.UID"],
      [{ UID: "u" }, "content.Status"],
      [{ UID: "u", Status: {}, ExtendResources: [] }, "content.ExtendResources"],
    ],
  },

  {
    kind: leaseChange,
    way: "up",
    route: meta("update", "kube-node-lease/lease/edge1"),
    content: lease,
    wrong: [
      ...wrongObjects,
      [{ metadata: { name: "l" } }, "content.spec"],
      [{ ...lease, spec: { leaseDurationSeconds: 0 } }, "content.spec.leaseDurationSeconds"],
      [{ ...lease, spec: { renewTime: 5 } }, "content.spec.renewTime"],
    ],
  },

  {
    kind: leaseRenewal,
    way: "up",
    route: meta("patch", "kube-node-lease/lease/edge1"),
    content: { spec: { renewTime: "2026-11-21T06:24:12.204703Z" } },
    wrong: [
      [null, "content"],
      [{}, "content.spec"],
      [{ spec: {} }, "content.spec.renewTime"],
      [{ spec: { renewTime: 5 } }, "content.spec.renewTime"],
    ],
  },

  {
    kind: pods.podPatch,
    way: "up",
    route: meta("patch", "default/podpatch/p1"),
    content: '{"metadata":{"uid":"u"},"status":{}}',
    wrong: wrongPatches,
  },
  {
    kind: pods.podStatusUpdate,
    way: "up",
    route: meta("update", "default/podstatus/p1"),
    content: { UID: "u", Name: "p1", Status: { phase: "Running" } },
    wrong: [
      [null, "content"],
      [{}, "content.UID"],
      [{ UID: "u", Name: "/", Status: {} }, "content.Name"],
      [{ UID: "u", Name: "p", Status: [] }, "content.Status"],
      [[{}], "content[0].UID"],
    ],
  },
  {
    kind: pods.podStatusUpdate,
    way: "up",
    route: meta("update", "default/podstatus"),
    content: [{ UID: "u", Name: "p1", Status: {} }],
    wrong: [],
  },
  {
    kind: pods.podDelete,
    way: "up",
    route: meta("delete", "default/pod/p1"),
    content: { gracePeriodSeconds: 0, preconditions: { uid: "u" } },
    wrong: [
      [null, "content"],
      [[], "content"],
      ["a\nb", "content"],
      [{ gracePeriodSeconds: -1 }, "content.gracePeriodSeconds"],
      [{ preconditions: { uid: {} } }, "content.preconditions.uid"],
    ],
  },
  {
    kind: pods.podInsert,
    way: "up",
    route: meta("insert", "default/pod/p1"),
    content: pod,
    wrong: wrongObjects,
  },
  {
    kind: pods.podList,
    way: "down",
    route: down("response", "default/podlist"),
    answer: true,
    content: [pod],
    wrong: [
      [{}, "content"],
      [[{}], "content[0].metadata"],
      [["x"], "content[0]"],
    ],
  },

  {
    kind: queries.query,
    way: "up",
    route: meta("query", "default/configmap/c"),
    content: null,
    wrong: [
      ["x", "content"],
      [{}, "content"],
    ],
  },
  { kind: queries.query, way: "up", route: meta("query", "k8s/ca.crt"), content: null, wrong: [] },
  {
    kind: queries.reply,
    way: "down",
    route: down("response", "default/node/edge1"),
    answer: true,
    content: { Object: node, Err: null },
    wrong: [
      [null, "content"],
      [5, "content"],
      [{ Object: [], Err: null }, "content.Object"],
      [{ Object: null, Err: "x" }, "content.Err"],
      [{ ErrStatus: "x" }, "content.ErrStatus"],
      [{ ErrStatus: { code: -1 } }, "content.ErrStatus.code"],
      [{ kind: "Pod" }, "content.metadata"],
      [[5], "content[0]"],
    ],
  },
  {
    kind: queries.reply,
    way: "down",
    route: down("response", "default/podpatch/p1"),
    answer: true,
    content: { Object: {}, Err: { ErrStatus: { metadata: {}, status: "Failure" } } },
    wrong: [],
  },
  {
    kind: queries.reply,
    way: "down",
    route: down("response", "default/secret/s"),
    answer: true,
    content: {},
    wrong: [],
  },
  {
    kind: queries.reply,
    way: "down",
    route: down("response", "default/secret"),
    answer: true,
    content: [pod, json(pod)],
    wrong: [],
  },
  {
    kind: queries.authority,
    way: "down",
    route: { source: "cloudhub", group: "resource", operation: "response", resource: "k8s/ca.crt" },
    answer: true,
    content: "-----BEGIN CERTIFICATE-----\n",
    wrong: [
      [null, "content"],
      [{}, "content"],
    ],
  },

  {
    kind: tokens.tokenQuery,
    way: "up",
    route: meta("query", "default/serviceaccounttoken/default"),
    content: token,
    wrong: [[null, "content"], [{}, "content.spec"], ...wrongTokens],
  },
  {
    kind: tokens.tokenReply,
    way: "down",
    route: down("response", "default/serviceaccounttoken/default"),
    answer: true,
    content: { kind: "TokenRequest", apiVersion: "authentication.k8s.io/v1", ...token },
    wrong: [[null, "content"], ...wrongTokens.filter(([content]) => !Array.isArray(content))],
  },
  {
    kind: tokens.tokenReply,
    way: "down",
    route: down("response", "default/serviceaccounttoken/default"),
    answer: true,
    content: { ErrStatus: { code: 403 } },
    wrong: [],
  },

  {
    kind: events.eventChange,
    way: "up",
    route: meta("insert", "default/event/p1.1"),
    content: {
      metadata: { name: "p1.1", namespace: "default" },
      involvedObject: { kind: "Pod" },
      reason: "Started",
      message: "a\nb",
      type: "Normal",
    },
    wrong: [...wrongObjects, [{ metadata: { name: "e" }, message: 5 }, "content.message"]],
  },
  {
    kind: events.eventPatch,
    way: "up",
    route: meta("patch", "default/event/p1.1"),
    content: { event: { metadata: { name: "p1.1" } }, patchData: '{"count":2}' },
    wrong: [
      [{}, "content.event"],
      [{ event: { metadata: { name: "e" } } }, "content.patchData"],
    ],
  },
  {
    kind: events.certificateRequest,
    way: "up",
    route: meta("insert", "default/certificatesigningrequest/c"),
    content: { metadata: { name: "c" }, spec: { request: "e30=" } },
    wrong: wrongObjects,
  },
  {
    kind: events.certificateQuery,
    way: "up",
    route: meta("query", "default/certificatesigningrequest/c"),
    content: null,
    wrong: [
      ["x", "content"],
      [{}, "content.metadata"],
    ],
  },

  {
    kind: objectChange,
    way: "down",
    route: down("update", "default/pod/p1"),
    content: pod,
    wrong: wrongObjects,
  },
  {
    kind: objectChange,
    way: "down",
    route: down("delete", "default/configmap/c"),
    content: { metadata: { name: "c", namespace: "default", uid: "u" } },
    wrong: [],
  },
  { kind: objectChange, way: "down", route: down("update", "null/node/edge1"), content: node, wrong: [] },
  {
    kind: objectChange,
    way: "down",
    route: down("insert", "default/serviceaccountaccess/s", "policycontroller"),
    content: {
      kind: "ServiceAccountAccess",
      apiVersion: "policy.kubeedge.io/v1alpha1",
      metadata: { name: "s" },
    },
    wrong: [],
  },
  {
    kind: objectChange,
    way: "down",
    route: down("insert", "null/clusterrole/system:node", "dynamiccontroller"),
    content: { metadata: { name: "system:node" } },
    wrong: [],
  },

  {
    kind: devices.deviceChange,
    way: "down",
    route: down("insert", "default/device/d1", "devicecontroller"),
    content: {
      metadata: { name: "d1" },
      spec: {
        properties: [
          {
            name: "temp",
            desired: { value: "20" },
            visitors: { configData: { reg: [3] } },
            reportCycle: 1000,
            reportToCloud: true,
          },
        ],
        methods: [],
      },
      status: {},
    },
    wrong: [
      ...wrongObjects,
      [{ metadata: { name: "d" }, spec: [] }, "content.spec"],
      [{ metadata: { name: "d" }, spec: { properties: [{}] } }, "content.spec.properties[0].name"],
      [
        { metadata: { name: "d" }, spec: { properties: [{ name: "t", desired: { value: 20 } }] } },
        "content.spec.properties[0].desired.value",
      ],
      [
        { metadata: { name: "d" }, spec: { properties: [{ name: "t", reportCycle: "1" }] } },
        "content.spec.properties[0].reportCycle",
      ],
      [{ metadata: { name: "d" }, status: { twins: [{}] } }, "content.status.twins[0].propertyName"],
      [
        { metadata: { name: "d" }, spec: { protocol: { configData: [] } } },
        "content.spec.protocol.configData",
      ],
    ],
  },
  {
    kind: devices.modelChange,
    way: "down",
    route: down("delete", "default/devicemodel/m1", "devicecontroller"),
    content: { metadata: { name: "m1", namespace: "default", uid: "u" } },
    wrong: [
      ...wrongObjects,
      [{ metadata: { name: "m" }, spec: { properties: {} } }, "content.spec.properties"],
      [
        { metadata: { name: "m" }, spec: { properties: [{ name: "t", minimum: 5 }] } },
        "content.spec.properties[0].minimum",
      ],
    ],
  },

  {
    kind: twin.twinReport,
    way: "up",
    route: deviceRoute("d1", "twin/edge_updated"),
    content: twinContent,
    wrong: wrongTwins,
  },
  {
    kind: twin.twinReport,
    way: "up",
    route: deviceRoute("default/d2", "twin/edge_updated"),
    content: twinContent,
    wrong: [],
  },
  {
    kind: twin.twinReply,
    way: "down",
    route: { source: "devicecontroller", group: "twin", operation: "response", resource: "twin" },
    answer: true,
    content: "OK",
    wrong: [[{}, "content"]],
  },
  {
    kind: twin.twinWanted,
    way: "down",
    route: {
      source: "devicecontroller",
      group: "twin",
      operation: "update",
      resource: "device/d1/twin/cloud_updated",
    },
    content: twinContent,
    wrong: wrongTwins,
  },
  {
    kind: twin.stateReport,
    way: "up",
    route: deviceRoute("default/d2", "state/update"),
    content: json({
      event_id: "e",
      timestamp: 5,
      device: { name: "d2", state: "online", last_online: "2026-11-21T07:02:25Z" },
    }),
    wrong: [
      ["", "content"],
      ["{}", "content.device"],
      [{ device: { state: 5 } }, "content.device.state"],
    ],
  },
  {
    // edgecore 1.23.0
    kind: twin.stateReport,
    way: "up",
    route: deviceRoute("default/t1", "state/update"),
    content: json({
      event_id: "865083b1-3af6-4cce-bb70-4d5cdd58f1b0",
      timestamp: 1795304357880,
      device: { name: "t1", state: "online", lastOnlineTime: "2026-11-21T23:39:17Z" },
    }),
    wrong: [[{ device: { lastOnlineTime: 5 } }, "content.device.lastOnlineTime"]],
  },
  {
    kind: membership.membershipUpdate,
    way: "down",
    route: { source: "devicecontroller", group: "twin", operation: "update", resource: "membership" },
    content: {
      event_id: "e",
      timestamp: 5,
      added_devices: null,
      removed_devices: [{ id: "default/d2", name: "d2" }],
    },
    wrong: [
      [null, "content"],
      [{ added_devices: {} }, "content.added_devices"],
      [{ added_devices: [5] }, "content.added_devices[0]"],
      [{ removed_devices: [{ id: 5 }] }, "content.removed_devices[0].id"],
    ],
  },
  {
    kind: membership.membershipQuery,
    way: "up",
    route: { source: "twin", group: "resource", operation: "get", resource: "membership/detail" },
    content: json({
      event_type: "group_membership_event",
      event_id: "e",
      group_id: "edge1",
      operation: "detail",
      timestamp: 5,
    }),
    wrong: [
      ["{}", "content.event_type"],
      [{ event_type: "group_membership_event" }, "content.group_id"],
    ],
  },
  {
    kind: membership.membershipDetail,
    way: "down",
    route: {
      source: "devicecontroller",
      group: "twin",
      operation: "get_result",
      resource: "membership/detail",
    },
    content: {
      event_id: "e",
      timestamp: 5,
      devices: [{ id: "d1", attributes: { a: { value: "b" } }, twin: {} }],
    },
    wrong: [
      [{ devices: 5 }, "content.devices"],
      [{ devices: [{ attributes: { a: {} } }] }, 'content.devices[0].attributes["a"].value'],
    ],
  },

  {
    kind: rules.ruleChange,
    way: "down",
    route: { source: "router", group: "resource", operation: "insert", resource: "default/rule/r" },
    content: {
      metadata: { name: "r" },
      spec: { source: "a", target: "b", sourceResource: { path: "/a" }, targetResource: { topic: "t" } },
    },
    wrong: [
      ...wrongObjects,
      [{ metadata: { name: "r" }, spec: {} }, "content.spec.source"],
      [
        {
          metadata: { name: "r" },
          spec: { source: "a", target: "b", sourceResource: { path: "/a\r\nb" }, targetResource: {} },
        },
        'content.spec.sourceResource["path"]',
      ],
    ],
  },
  {
    kind: rules.ruleEndpointChange,
    way: "down",
    route: { source: "router", group: "resource", operation: "insert", resource: "default/ruleendpoint/e" },
    content: {
      metadata: { name: "e" },
      spec: { ruleEndpointType: "servicebus", properties: { service_port: "8080" } },
    },
    wrong: [
      ...wrongObjects,
      [{ metadata: { name: "e" }, spec: { ruleEndpointType: "ftp" } }, "content.spec.ruleEndpointType"],
    ],
  },
  {
    kind: rules.ruleStatus,
    way: "up",
    route: { source: "router", group: "resource", operation: "update", resource: "default/rulestatus/r" },
    content: { metadata: { name: "r" }, status: { successMessages: 3, failMessages: 0, errors: ["x"] } },
    wrong: [[{ metadata: { name: "r" }, status: { successMessages: -1 } }, "content.status.successMessages"]],
  },

  {
    kind: user.publish,
    way: "down",
    route: { source: "router_eventbus", group: "user", operation: "publish", resource: "t" },
    content: "x",
    wrong: [[{}, "content"]],
  },
  {
    kind: user.subscription,
    way: "down",
    route: { source: "router_eventbus", group: "user", operation: "unsubscribe", resource: "default/t" },
    content: null,
    wrong: [["x", "content"]],
  },
  {
    kind: user.target,
    way: "down",
    route: { source: "router_servicebus", group: "user", operation: "stop", resource: "http://cloudapp/x" },
    content: null,
    wrong: [["x", "content"]],
  },
  {
    kind: user.call,
    way: "down",
    route: { source: "router_servicebus", group: "user", operation: "POST", resource: "8080:/api" },
    content: callContent,
    wrong: [
      [null, "content"],
      [{ ...callContent, body: 5 }, "content.body"],
      [{ ...callContent, body: "body1" }, "content.body"],
      [{ ...callContent, header: { "X-A": "b" } }, 'content.header["X-A"]'],
      [{ ...callContent, header: { "X-A": ["a\r\nb"] } }, 'content.header["X-A"][0]'],
      [{ ...callContent, header: { "X\r\nA": [] } }, "a key of content.header"],
      [{ ...callContent, method: "GET /" }, "content.method"],
      [{ ...callContent, url: "a\nb" }, "content.url"],
    ],
  },
  {
    kind: user.callReply,
    way: "up",
    route: { source: "servicebus", group: "user", operation: "upload" },
    answer: true,
    content: { header: null, status_code: 204, body: null },
    wrong: [
      [null, "content"],
      [{}, "content.status_code"],
      [{ status_code: 20 }, "content.status_code"],
      [{ status_code: 200, header: [] }, "content.header"],
      [{ status_code: 200, body: "%" }, "content.body"],
    ],
  },
  {
    kind: user.callReply,
    way: "up",
    route: { source: "servicebus", group: "user" },
    answer: true,
    content: { header: { Server: ["kubeedge-edgecore"] }, status_code: 404, body: "bm8=" },
    wrong: [],
  },
  {
    kind: user.outwardCall,
    way: "up",
    route: { source: "servicebus", group: "user", operation: "upload", resource: "http://cloudapp/x" },
    content: "eyJhIjoxfQ==",
    wrong: [
      [null, "content"],
      ["{}", "content"],
      ["eyJhIjoxfQ=", "content"],
    ],
  },
  {
    kind: user.outwardReply,
    way: "down",
    route: { source: "servicebus", group: "user", operation: "response", resource: "http://cloudapp/x" },
    answer: true,
    content: "ok",
    wrong: [[5, "content"]],
  },
  {
    kind: user.publication,
    way: "up",
    route: { source: "bus", group: "user", operation: "upload", resource: "default/t" },
    content: "up!",
    wrong: [[{}, "content"]],
  },

  {
    kind: application.request,
    way: "up",
    route: { source: "metaserver", group: "dynamiccontroller", operation: "null", resource: "null" },
    content: applicationContent,
    wrong: wrongApplications,
  },
  {
    kind: application.response,
    way: "down",
    route: {
      source: "dynamiccontroller",
      group: "resource",
      operation: "applicationResponse",
      resource: "ignore/Application/ignore",
    },
    answer: true,
    content: { ...applicationContent, RespBody: "e30=" },
    wrong: wrongApplications,
  },
  {
    kind: application.watchSync,
    way: "up",
    route: { source: "metaserver", group: "dynamiccontroller", operation: "null", resource: "watchapp/sync" },
    content: { c06d: applicationContent },
    wrong: [
      [null, "content"],
      [[], "content"],
      [{ a: {} }, 'content["a"].ID'],
    ],
  },
  {
    kind: application.watchSyncReply,
    way: "down",
    route: {
      source: "dynamiccontroller",
      group: "resource",
      operation: "applicationResponse",
      resource: "watchapp/sync",
    },
    answer: true,
    content: { c06d: applicationContent },
    wrong: [["x", "content"]],
  },

  {
    kind: volumes.volumeRequest,
    way: "down",
    route: down("createvolume", "default/volume/1-2-3"),
    content: '{"name":"v"}',
    wrong: wrongPatches,
  },
  {
    kind: volumes.volumeReply,
    way: "up",
    route: { source: "edged", group: "resource", operation: "response", resource: "default/volume/1-2-3" },
    answer: true,
    content: base64('{"volume":{}}'),
    wrong: [
      [null, "content"],
      ["{}", "content"],
      [base64("["), "content"],
      [base64("[]"), "content"],
    ],
  },

  {
    kind: upgradeRequest,
    way: "down",
    route: {
      source: "nodeupgradejobcontroller",
      group: "nodeupgradejobcontroller",
      operation: "upgrade",
      resource: "upgrade/up1/node/edge1",
    },
    content: upgradeContent,
    wrong: wrongUpgrades,
  },
  {
    kind: taskRequest,
    way: "down",
    route: {
      source: "taskmanager",
      group: "taskmanager",
      operation: "upgrade",
      resource: "upgrade/up1/node/edge1",
    },
    content: {
      TaskID: "t",
      Type: "upgrade",
      State: "Init",
      Item: { ...upgradeContent, ImageDigest: "sha256:0a", RequireConfirmation: true },
    },
    wrong: [
      [null, "content.Type"],
      [{ Type: "x" }, "content.Type"],
      [{ Type: "upgrade", TaskID: "t" }, "content.Item"],
      [{ Type: "upgrade", TaskID: "t", Item: {} }, "content.Item.UpgradeID"],
    ],
  },
  {
    kind: taskRequest,
    way: "down",
    route: { source: "taskmanager", group: "taskmanager", operation: "prepull" },
    content: {
      TaskID: "t",
      Type: "prepull",
      State: "",
      Item: { Images: ["a:1"], NodeName: "edge1", Secret: "default/s", RetryTimes: 2, CheckItems: null },
    },
    wrong: [
      [{ Type: "prepull", TaskID: "t", Item: { Images: ["a;b"] } }, "content.Item.Images[0]"],
      [{ Type: "prepull", TaskID: "t", Item: { Secret: "$(x)" } }, "content.Item.Secret"],
    ],
  },
  {
    kind: taskReport,
    way: "up",
    route: { source: "taskmanager", group: "hub", operation: "prepull" },
    content: taskReportContent,
    wrong: [
      [null, "content"],
      [{}, "content.NodeName"],
      [{ ...taskReportContent, NodeName: "a b" }, "content.NodeName"],
      [{ ...taskReportContent, Time: 5 }, "content.Time"],
    ],
  },
  {
    kind: jobs.upgradeJob,
    way: "down",
    route: task("nodeupgradejob"),
    content: {
      version: "v1.22.0",
      image: "kubeedge/installation-package",
      nodeNames: ["edge1"],
      concurrency: 1,
      imageDigestGatter: { value: "" },
    },
    wrong: [
      [null, "content"],
      [{}, "content.version"],
      ...hostile.flatMap((bad) => [
        [{ version: bad }, "content.version"] as const,
        [{ version: "v1", image: bad }, "content.image"] as const,
      ]),
      [{ version: "v1", nodeNames: ["a;b"] }, "content.nodeNames[0]"],
      [{ version: "v1", failureTolerate: "0.1;" }, "content.failureTolerate"],
      [{ version: "v1", concurrency: -1 }, "content.concurrency"],
    ],
  },
  {
    kind: jobs.prePullJob,
    way: "down",
    route: task("imageprepulljob"),
    content: { imagePrePullTemplate: { images: ["a:1"], retryTimes: 1, timeoutSeconds: 300 } },
    wrong: [
      [{}, "content.imagePrePullTemplate"],
      [{ imagePrePullTemplate: {} }, "content.imagePrePullTemplate.images"],
      ...hostile.map(
        (bad) =>
          [{ imagePrePullTemplate: { images: [bad] } }, "content.imagePrePullTemplate.images[0]"] as const,
      ),
    ],
  },
  {
    kind: jobs.configJob,
    way: "down",
    route: task("configupdatejob"),
    content: { updateFields: { "modules.edgeHub.heartbeat": "20" } },
    wrong: [
      [{}, "content.updateFields"],
      [{ updateFields: { "a;b": "c" } }, "a key of content.updateFields"],
      [{ updateFields: { a: "b\nc" } }, 'content.updateFields["a"]'],
      [{ updateFields: { a: 5 } }, 'content.updateFields["a"]'],
    ],
  },
  {
    kind: jobs.actionReport,
    way: "up",
    route: { ...task("nodeupgradejob", "UpdateNodeActionStatus"), source: "websocket", group: "hub" },
    content: {
      action: "Upgrade",
      succ: true,
      finishTime: "2026-11-21T07:02:25Z",
      reason: "",
      extend: "v1.21.0,v1.22.0",
    },
    wrong: [
      [null, "content"],
      [{}, "content.action"],
      [{ action: "a", succ: "true" }, "content.succ"],
      [{ action: "a", extend: [] }, "content.extend"],
    ],
  },
];
