import { describe, expect, test } from "bun:test";
import { at, node } from "../_objects.ts";
import type { Claim, PersistentVolume, StorageClass } from "../kinds.ts";
import { selectedNode } from "./match.ts";
import { boundAnnotation, planClaim, planVolume, type ClaimStep, type VolumeStep } from "./plan.ts";

interface ClaimPart {
  readonly spec?: Partial<Claim["spec"]>;
  readonly phase?: string;
  readonly annotations?: Record<string, string>;
}

function claim({ spec = {}, phase = "Pending", annotations = {} }: ClaimPart = {}): Claim {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data", namespace: "default", uid: "uid-data", annotations },
    spec: {
      accessModes: ["ReadWriteOnce"],
      storageClassName: "local",
      resources: { requests: { storage: "1Gi" } },
      ...spec,
    },
    status: { phase },
  };
}

function volume(
  name: string,
  spec: Partial<PersistentVolume["spec"]> = {},
  phase = "Available",
): PersistentVolume {
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name, uid: `uid-${name}`, labels: { tier: name } },
    spec: {
      capacity: { storage: "2Gi" },
      accessModes: ["ReadWriteOnce"],
      storageClassName: "local",
      ...spec,
    },
    status: { phase },
  };
}

const ours = { namespace: "default", name: "data", uid: "uid-data" };
const others = { namespace: "default", name: "other", uid: "uid-other" };
const only = (name: string) => ({
  required: {
    nodeSelectorTerms: [
      { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [name] }] },
    ],
  },
});

function inShort(steps: readonly (ClaimStep | VolumeStep)[]): readonly string[] {
  return steps.map((step) => {
    if ("volume" in step) return `${step.do} ${step.volume.metadata.name}`;
    if (step.do === "say") return step.reason;
    return step.do === "phase" ? step.phase : step.do;
  });
}

interface Row {
  readonly what: string;
  readonly claim?: Claim;
  readonly volumes: readonly PersistentVolume[];
  readonly mode?: string;
  readonly provisioner?: string;
  readonly steps: readonly string[];
}

const bound = { spec: { volumeName: "a" }, phase: "Bound", annotations: { [boundAnnotation]: "yes" } };

const rows: readonly Row[] = [
  { what: "a volume that is free", volumes: [volume("a")], steps: ["reserve a", "bind a"] },
  {
    what: "the smallest that is large enough",
    volumes: [
      volume("a", { capacity: { storage: "9Gi" } }),
      volume("b", { capacity: { storage: "512Mi" } }),
      volume("c"),
    ],
    steps: ["reserve c", "bind c"],
  },
  {
    what: "one of another class",
    volumes: [volume("a", { storageClassName: "x" })],
    steps: ["FailedBinding"],
  },
  {
    what: "one that lacks an access mode",
    volumes: [volume("a", { accessModes: ["ReadOnlyMany"] })],
    steps: ["FailedBinding"],
  },
  { what: "one of another mode", volumes: [volume("a", { volumeMode: "Block" })], steps: ["FailedBinding"] },
  {
    what: "one that belongs to another claim",
    volumes: [volume("a", { claimRef: others }, "Bound")],
    steps: ["FailedBinding"],
  },
  { what: "one that was released", volumes: [volume("a", {}, "Released")], steps: ["FailedBinding"] },
  {
    what: "one that the selector chooses",
    claim: claim({ spec: { selector: { matchLabels: { tier: "b" } } } }),
    volumes: [volume("a"), volume("b")],
    steps: ["reserve b", "bind b"],
  },
  {
    what: "one that was kept for the claim by name, though another is smaller",
    volumes: [
      volume("a"),
      volume("b", { capacity: { storage: "9Gi" }, claimRef: { namespace: "default", name: "data" } }),
    ],
    steps: ["reserve b", "bind b"],
  },
  {
    what: "one that was reserved before a stop",
    volumes: [volume("a", { claimRef: ours })],
    steps: ["bind a"],
  },
  {
    what: "one that is asked for by name",
    claim: claim({ spec: { volumeName: "b" } }),
    volumes: [volume("a"), volume("b")],
    steps: ["reserve b", "bind b"],
  },
  {
    what: "one that is asked for by name and is not there yet",
    claim: claim({ spec: { volumeName: "b" } }),
    volumes: [volume("a")],
    steps: [],
  },
  {
    what: "one that is asked for by name and too small",
    claim: claim({ spec: { volumeName: "a", resources: { requests: { storage: "5Gi" } } } }),
    volumes: [volume("a")],
    steps: ["VolumeMismatch"],
  },
  {
    what: "one that is asked for by name and another's",
    claim: claim({ spec: { volumeName: "a" } }),
    volumes: [volume("a", { claimRef: others })],
    steps: ["FailedBinding"],
  },
  {
    what: "before its first consumer",
    volumes: [volume("a")],
    mode: "WaitForFirstConsumer",
    steps: ["WaitForFirstConsumer"],
  },
  {
    what: "with its first consumer's node",
    claim: claim({ annotations: { [selectedNode]: "n2" } }),
    volumes: [
      volume("a", { nodeAffinity: only("n1") }),
      volume("b", { nodeAffinity: only("n2"), capacity: { storage: "9Gi" } }),
    ],
    mode: "WaitForFirstConsumer",
    steps: ["reserve b", "bind b"],
  },
  {
    what: "somebody else makes the volume",
    volumes: [],
    provisioner: "example.com/p",
    steps: ["ExternalProvisioning"],
  },
  {
    what: "bound, and all is well",
    claim: claim(bound),
    volumes: [volume("a", { claimRef: ours }, "Bound")],
    steps: [],
  },
  {
    what: "bound, and the volume does not say so yet",
    claim: claim(bound),
    volumes: [volume("a", { claimRef: ours })],
    steps: ["bind a"],
  },
  { what: "bound, and the volume is gone", claim: claim(bound), volumes: [], steps: ["Lost", "ClaimLost"] },
  {
    what: "bound, and the volume is another's",
    claim: claim(bound),
    volumes: [volume("a", { claimRef: others }, "Bound")],
    steps: ["Lost", "ClaimLost"],
  },
  { what: "lost, and said so", claim: claim({ ...bound, phase: "Lost" }), volumes: [], steps: [] },
  {
    what: "being deleted",
    claim: { ...claim(), metadata: { ...claim().metadata, deletionTimestamp: at(0) } },
    volumes: [volume("a")],
    steps: [],
  },
];

describe("a claim", () => {
  for (const row of rows) {
    test(row.what, () => {
      const { mode = "Immediate", provisioner = "kubernetes.io/no-provisioner" } = row;
      const storageClass = (name: string): StorageClass => ({
        apiVersion: "storage.k8s.io/v1",
        kind: "StorageClass",
        metadata: { name },
        provisioner,
        volumeBindingMode: mode,
      });
      const steps = planClaim({
        claim: row.claim ?? claim(),
        volumes: row.volumes,
        storageClass,
        node: (name) => node(name),
      });
      expect(inShort(steps)).toEqual([...row.steps]);
    });
  }
});

describe("a volume", () => {
  const owner = claim({ spec: { volumeName: "a" } });
  const table: readonly (readonly [string, PersistentVolume, Claim | undefined, readonly string[]])[] = [
    ["new", volume("a", {}, "Pending"), undefined, ["Available"]],
    ["free", volume("a"), undefined, []],
    [
      "kept for a claim that is not there yet",
      volume("a", { claimRef: { namespace: "default", name: "data" } }),
      undefined,
      [],
    ],
    ["its claim says so", volume("a", { claimRef: ours }), owner, ["Bound"]],
    ["bound", volume("a", { claimRef: ours }, "Bound"), owner, []],
    ["its claim is about to say so", volume("a", { claimRef: ours }), claim(), []],
    ["its claim took another", volume("b", { claimRef: ours }), owner, ["free"]],
    ["its claim is gone", volume("a", { claimRef: ours }, "Bound"), undefined, ["Released"]],
    [
      "its claim is gone, and what was in it should go too",
      volume("a", { claimRef: ours, persistentVolumeReclaimPolicy: "Delete" }, "Bound"),
      undefined,
      ["Released", "Failed"],
    ],
  ];
  for (const [what, one, own, steps] of table) {
    test(what, () => {
      expect(inShort(planVolume(one, own))).toEqual([...steps]);
    });
  }
});
