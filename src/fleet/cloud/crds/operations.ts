/** operations.kubeedge.io: NodeUpgradeJob, ImagePrePullJob, ConfigUpdateJob. */
import { labelSelector } from "./kubernetes.ts";
import type { KindTable } from "./kind.ts";
import { type Fields, flag, int32, list, map, record, type Schema, text, whole } from "./schema.ts";

const group = "operations.kubeedge.io";

/** Which nodes, how many at once, and how many may fail. */
const batch: Fields = {
  concurrency: int32,
  failureTolerate: text,
  labelSelector,
  nodeNames: list(text),
  timeoutSeconds: int32,
};

/** The older way to say how far a job is: a state machine's event and action. */
const machine: Fields = { action: text, event: text, reason: text, state: text, time: text };
const nodeMachine = record({ ...machine, nodeName: text });

/** The newer way: a phase, and what was done on the node so far. */
const nodePhase: Fields = {
  actionFlow: list(record({ action: text, reason: text, status: text, time: text })),
  nodeName: text,
  phase: text,
  reason: text,
};

const registryAPI = record({ "host!": text, "token!": text });
const versionsOfNode: Fields = { currentVersion: text, historicVersion: text };

function upgradeSpec(digests: Fields): Schema {
  return record({
    ...batch,
    checkItems: list(text),
    image: text,
    // Spelled so on the wire.
    imageDigestGatter: record({ ...digests, registryAPI }),
    requireConfirmation: flag,
    version: text,
  });
}

const upgradeOld = whole({
  spec: upgradeSpec({ value: text }),
  status: record({ ...machine, ...versionsOfNode, nodeStatus: list(nodeMachine) }),
});

const upgrade = whole({
  spec: upgradeSpec({ amd64: text, arm64: text }),
  status: record({
    ...machine,
    ...versionsOfNode,
    nodeStatus: list(record({ ...nodePhase, ...versionsOfNode, event: text, state: text })),
    "phase!": text,
  }),
});

const pullSpec = record({
  imagePrePullTemplate: record({
    ...batch,
    checkItems: list(text),
    imageSecrets: text,
    images: list(text),
    retryTimes: int32,
  }),
});

const pullMachine: Fields = {
  ...machine,
  status: list(
    record({
      imageStatus: list(record({ image: text, reason: text, state: text })),
      nodeStatus: nodeMachine,
    }),
  ),
};

const pullOld = whole({ "spec!": pullSpec, status: record(pullMachine) });

const pull = whole({
  "spec!": pullSpec,
  status: record({
    ...pullMachine,
    nodeStatus: list(
      record({ ...nodePhase, imageStatus: list(record({ image: text, reason: text, status: text })) }),
    ),
    "phase!": text,
  }),
});

const config = whole({
  spec: record({ ...batch, "updateFields!": map(text) }),
  status: record({ nodeStatus: list(record(nodePhase)), "phase!": text, reason: text }),
});

const scope = "Cluster";
const versions = (old: Schema, now: Schema) =>
  [
    { name: "v1alpha1", schema: old, status: true },
    { name: "v1alpha2", schema: now, status: true },
  ] as const;

export const operationKinds: readonly KindTable[] = [
  {
    group,
    kind: "NodeUpgradeJob",
    plural: "nodeupgradejobs",
    scope,
    versions: versions(upgradeOld, upgrade),
  },
  { group, kind: "ImagePrePullJob", plural: "imageprepulljobs", scope, versions: versions(pullOld, pull) },
  {
    group,
    kind: "ConfigUpdateJob",
    plural: "configupdatejobs",
    scope,
    versions: [{ name: "v1alpha2", schema: config, status: true }],
  },
];
