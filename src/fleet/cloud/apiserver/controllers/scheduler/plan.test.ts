import { describe, expect, test } from "bun:test";
import { asking, at, node, pod } from "../_objects.ts";
import type { Claim, Node, PersistentVolume, Pod, PodSpec } from "../kinds.ts";
import { clusterOf, type ClusterState } from "./cluster.ts";
import { decide, queueOf } from "./plan.ts";
import { requestsOf } from "./requests.ts";

const zone = "topology.kubernetes.io/zone";
const hostname = "kubernetes.io/hostname";

function on(name: string, placed: Pod): Pod {
  return { ...placed, spec: { ...placed.spec, nodeName: name } };
}

function labelled(name: string, labels: Record<string, string>, spec: Partial<PodSpec> = {}): Pod {
  return pod(name, { metadata: { labels }, spec });
}

function inZone(name: string, value: string): Node {
  return node(name, { metadata: { labels: { [zone]: value } } });
}

function tainted(name: string, key: string, effect: string, value?: string): Node {
  return node(name, { spec: { taints: [{ key, effect, ...(value ? { value } : {}) }] } });
}

const web = { matchLabels: { app: "web" } };
const term = (topologyKey: string) => ({ labelSelector: web, topologyKey });
const required = (topologyKey: string) => ({
  requiredDuringSchedulingIgnoredDuringExecution: [term(topologyKey)],
});
const preferred = (topologyKey: string) => ({
  preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term(topologyKey) }],
});
const nodeAffinity = (key: string, operator: string, values: readonly string[] = []) => ({
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key, operator, values }] }],
    },
  },
});
const spread = (topologyKey: string, rest: object = {}) => ({
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey, whenUnsatisfiable: "DoNotSchedule", labelSelector: web, ...rest },
  ],
});

interface Row {
  readonly what: string;
  readonly pod: Pod;
  readonly nodes: readonly Node[];
  readonly pods?: readonly Pod[];
  /** A node, or the text of the refusal behind `0/N nodes are available: `. */
  readonly node?: string;
  readonly refusal?: string;
}

const rows: readonly Row[] = [
  { what: "the only node", pod: pod("a"), nodes: [node("n1")], node: "n1" },
  {
    what: "a node that is marked unschedulable",
    pod: pod("a"),
    nodes: [node("n1", { spec: { unschedulable: true } })],
    refusal: "1 node(s) were unschedulable.",
  },
  {
    what: "a node that is marked unschedulable, for a pod that tolerates it",
    pod: pod("a", {
      spec: { tolerations: [{ key: "node.kubernetes.io/unschedulable", operator: "Exists" }] },
    }),
    nodes: [node("n1", { spec: { unschedulable: true } })],
    node: "n1",
  },
  {
    what: "reasons that are counted and sorted",
    pod: asking("a", { cpu: "5" }),
    nodes: [tainted("n1", "dedicated", "NoSchedule", "gpu"), node("n2"), node("n3")],
    refusal: "1 node(s) had untolerated taint {dedicated: gpu}, 2 Insufficient cpu.",
  },
  {
    what: "a taint that is tolerated by its value",
    pod: pod("a", { spec: { tolerations: [{ key: "dedicated", value: "gpu", effect: "NoSchedule" }] } }),
    nodes: [tainted("n1", "dedicated", "NoSchedule", "gpu")],
    node: "n1",
  },
  {
    what: "a taint whose value is another",
    pod: pod("a", { spec: { tolerations: [{ key: "dedicated", value: "cpu" }] } }),
    nodes: [tainted("n1", "dedicated", "NoSchedule", "gpu")],
    refusal: "1 node(s) had untolerated taint {dedicated: gpu}.",
  },
  {
    what: "a taint that evicts",
    pod: pod("a"),
    nodes: [tainted("n1", "node.kubernetes.io/unreachable", "NoExecute")],
    refusal: "1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }.",
  },
  {
    what: "everything tolerated",
    pod: pod("a", { spec: { tolerations: [{ operator: "Exists" }] } }),
    nodes: [tainted("n1", "x", "NoExecute")],
    node: "n1",
  },
  {
    what: "a taint that only advises against",
    pod: pod("a"),
    nodes: [tainted("n1", "x", "PreferNoSchedule"), node("n2")],
    node: "n2",
  },
  {
    what: "a node selector",
    pod: pod("a", { spec: { nodeSelector: { disk: "ssd" } } }),
    nodes: [node("n1"), node("n2", { metadata: { labels: { disk: "ssd" } } })],
    node: "n2",
  },
  {
    what: "a node selector that nothing meets",
    pod: pod("a", { spec: { nodeSelector: { disk: "ssd" } } }),
    nodes: [node("n1")],
    refusal: "1 node(s) didn't match Pod's node affinity/selector.",
  },
  {
    what: "required node affinity with Gt",
    pod: pod("a", { spec: { affinity: nodeAffinity("cores", "Gt", ["4"]) } }),
    nodes: [
      node("n1", { metadata: { labels: { cores: "4" } } }),
      node("n2", { metadata: { labels: { cores: "8" } } }),
    ],
    node: "n2",
  },
  {
    what: "node affinity by name, as pods of a daemon set have it",
    pod: pod("a", {
      spec: {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [
                { matchFields: [{ key: "metadata.name", operator: "In", values: ["n2"] }] },
              ],
            },
          },
        },
      },
    }),
    nodes: [node("n1"), node("n2")],
    node: "n2",
  },
  {
    what: "preferred node affinity",
    pod: pod("a", {
      spec: {
        affinity: {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              {
                weight: 1,
                preference: { matchExpressions: [{ key: hostname, operator: "In", values: ["n2"] }] },
              },
              {
                weight: 9,
                preference: { matchExpressions: [{ key: hostname, operator: "In", values: ["n3"] }] },
              },
            ],
          },
        },
      },
    }),
    nodes: [node("n1"), node("n2"), node("n3")],
    node: "n3",
  },
  {
    what: "memory that is taken",
    pod: asking("a", { memory: "5Gi" }),
    nodes: [node("n1")],
    pods: [on("n1", asking("b", { memory: "4Gi" }))],
    refusal: "1 Insufficient memory.",
  },
  {
    what: "memory of a pod that has ended",
    pod: asking("a", { memory: "5Gi" }),
    nodes: [node("n1")],
    pods: [on("n1", { ...asking("b", { memory: "4Gi" }), status: { phase: "Succeeded" } })],
    node: "n1",
  },
  {
    what: "a resource that no node has",
    pod: asking("a", { "example.com/gpu": "1" }),
    nodes: [node("n1")],
    refusal: "1 Insufficient example.com/gpu.",
  },
  {
    what: "a node that lacks two things",
    pod: asking("a", { cpu: "5", memory: "9Gi" }),
    nodes: [node("n1")],
    refusal: "1 Insufficient cpu, 1 Insufficient memory.",
  },
  {
    what: "a node that is full of pods",
    pod: pod("a"),
    nodes: [node("n1", { status: { allocatable: { cpu: "4", memory: "8Gi", pods: "1" } } })],
    pods: [on("n1", pod("b"))],
    refusal: "1 Too many pods.",
  },
  {
    what: "the emptier of two nodes",
    pod: asking("a", { cpu: "1", memory: "2Gi" }),
    nodes: [node("n1"), node("n2")],
    pods: [on("n1", asking("b", { cpu: "1", memory: "2Gi" }))],
    node: "n2",
  },
  {
    what: "a port of the host that is taken",
    pod: pod("a", { spec: { containers: [{ name: "m", ports: [{ containerPort: 80, hostPort: 80 }] }] } }),
    nodes: [node("n1")],
    pods: [
      on(
        "n1",
        pod("b", { spec: { containers: [{ name: "m", ports: [{ containerPort: 1, hostPort: 80 }] }] } }),
      ),
    ],
    refusal: "1 node(s) didn't have free ports for the requested pod ports.",
  },
  {
    what: "a port of the host with another protocol",
    pod: pod("a", {
      spec: { containers: [{ name: "m", ports: [{ containerPort: 80, hostPort: 80, protocol: "UDP" }] }] },
    }),
    nodes: [node("n1")],
    pods: [
      on(
        "n1",
        pod("b", { spec: { containers: [{ name: "m", ports: [{ containerPort: 1, hostPort: 80 }] }] } }),
      ),
    ],
    node: "n1",
  },
  {
    what: "affinity to a pod in the zone",
    pod: labelled("a", {}, { affinity: { podAffinity: required(zone) } }),
    nodes: [inZone("n1", "east"), inZone("n2", "west")],
    pods: [on("n2", labelled("b", { app: "web" }))],
    node: "n2",
  },
  {
    what: "affinity to a pod that is nowhere",
    pod: labelled("a", {}, { affinity: { podAffinity: required(zone) } }),
    nodes: [inZone("n1", "east")],
    refusal: "1 node(s) didn't match pod affinity rules.",
  },
  {
    what: "affinity to its own kind, as the first",
    pod: labelled("a", { app: "web" }, { affinity: { podAffinity: required(zone) } }),
    nodes: [inZone("n1", "east")],
    node: "n1",
  },
  {
    what: "affinity on a node without the topology's label",
    pod: labelled("a", { app: "web" }, { affinity: { podAffinity: required(zone) } }),
    nodes: [node("n1")],
    refusal: "1 node(s) didn't match pod affinity rules.",
  },
  {
    what: "anti-affinity",
    pod: labelled("a", { app: "web" }, { affinity: { podAntiAffinity: required(hostname) } }),
    nodes: [node("n1"), node("n2")],
    pods: [on("n1", labelled("b", { app: "web" }))],
    node: "n2",
  },
  {
    what: "anti-affinity to a pod of another namespace, which does not count",
    pod: labelled("a", { app: "web" }, { affinity: { podAntiAffinity: required(hostname) } }),
    nodes: [node("n1")],
    pods: [on("n1", pod("b", { metadata: { namespace: "other", labels: { app: "web" } } }))],
    node: "n1",
  },
  {
    what: "anti-affinity that nothing satisfies",
    pod: labelled("a", { app: "web" }, { affinity: { podAntiAffinity: required(hostname) } }),
    nodes: [node("n1")],
    pods: [on("n1", labelled("b", { app: "web" }))],
    refusal: "1 node(s) didn't match pod anti-affinity rules.",
  },
  {
    what: "anti-affinity of a pod that is there already",
    pod: labelled("a", { app: "web" }),
    nodes: [node("n1")],
    pods: [on("n1", labelled("b", {}, { affinity: { podAntiAffinity: required(hostname) } }))],
    refusal: "1 node(s) didn't satisfy existing pods anti-affinity rules.",
  },
  {
    what: "preferred affinity",
    pod: labelled("a", {}, { affinity: { podAffinity: preferred(hostname) } }),
    nodes: [node("n1"), node("n2")],
    pods: [on("n1", labelled("b", { app: "web" }))],
    node: "n1",
  },
  {
    what: "preferred anti-affinity",
    pod: labelled("a", {}, { affinity: { podAntiAffinity: preferred(hostname) } }),
    nodes: [node("n1"), node("n2")],
    pods: [on("n1", labelled("b", { app: "web" }))],
    node: "n2",
  },
  {
    what: "spread over zones",
    pod: labelled("a", { app: "web" }, spread(zone)),
    nodes: [inZone("n1", "east"), inZone("n2", "west")],
    pods: [on("n1", labelled("b", { app: "web" }))],
    node: "n2",
  },
  {
    what: "spread over zones where the emptier one is full",
    pod: { ...labelled("a", { app: "web" }, spread(zone)) },
    nodes: [
      inZone("n1", "east"),
      node("n2", { metadata: { labels: { [zone]: "west" } }, spec: { unschedulable: true } }),
    ],
    pods: [on("n1", labelled("b", { app: "web" }))],
    refusal: "1 node(s) didn't match pod topology spread constraints, 1 node(s) were unschedulable.",
  },
  {
    what: "spread over fewer domains than are asked for",
    pod: labelled("a", { app: "web" }, spread(zone, { minDomains: 2 })),
    nodes: [inZone("n1", "east")],
    pods: [on("n1", labelled("b", { app: "web" }))],
    refusal: "1 node(s) didn't match pod topology spread constraints.",
  },
  {
    what: "spread on a node without the topology's label",
    pod: labelled("a", { app: "web" }, spread(zone)),
    nodes: [node("n1")],
    refusal: "1 node(s) didn't match pod topology spread constraints (missing required label).",
  },
  {
    what: "spread that is only a wish",
    pod: labelled("a", { app: "web" }, spread(hostname, { whenUnsatisfiable: "ScheduleAnyway" })),
    nodes: [node("n1"), node("n2")],
    pods: [on("n1", labelled("b", { app: "web" }))],
    node: "n2",
  },
  {
    what: "a claim that is nowhere",
    pod: pod("a", { spec: { volumes: [{ name: "v", persistentVolumeClaim: { claimName: "data" } }] } }),
    nodes: [node("n1")],
    refusal: 'persistentvolumeclaim "data" not found.',
  },
];

function clusterFor({ nodes, pods = [] }: Pick<Row, "nodes" | "pods">, rest: Partial<ClusterState> = {}) {
  return clusterOf({ nodes, pods, ...rest });
}

describe("a pod's node", () => {
  for (const row of rows) {
    test(row.what, () => {
      const decision = decide(row.pod, clusterFor(row), () => 0);
      const expected =
        row.node === undefined
          ? { refusal: `0/${row.nodes.length} nodes are available: ${row.refusal ?? ""}` }
          : { node: row.node };
      expect(decision).toEqual(expected);
    });
  }

  test("no node at all", () => {
    expect(decide(pod("a"), clusterFor({ nodes: [] }), () => 0)).toEqual({
      refusal: "no nodes available to schedule pods",
    });
  });

  test("chance decides among equals", () => {
    const cluster = clusterFor({ nodes: [node("n1"), node("n2")] });
    expect(decide(pod("a"), cluster, () => 0)).toEqual({ node: "n1" });
    expect(decide(pod("a"), cluster, () => 0.99)).toEqual({ node: "n2" });
  });

  test("a pod that was just bound counts though the API does not show it yet", () => {
    const cluster = clusterFor(
      { nodes: [node("n1")], pods: [asking("b", { cpu: "3" })] },
      { assumed: new Map([["uid-b", "n1"]]) },
    );
    expect(decide(asking("a", { cpu: "2" }), cluster, () => 0)).toEqual({
      refusal: "0/1 nodes are available: 1 Insufficient cpu.",
    });
  });
});

describe("volumes", () => {
  const claim = (status: string, part: Partial<Claim["spec"]> = {}): Claim => ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data", namespace: "default", uid: "uid-data" },
    spec: {
      accessModes: ["ReadWriteOnce"],
      storageClassName: "local",
      resources: { requests: { storage: "1Gi" } },
      ...part,
    },
    status: { phase: status },
  });
  const volume: PersistentVolume = {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "v1", uid: "uid-v1" },
    spec: {
      capacity: { storage: "2Gi" },
      accessModes: ["ReadWriteOnce"],
      storageClassName: "local",
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: hostname, operator: "In", values: ["n2"] }] }],
        },
      },
    },
    status: { phase: "Available" },
  };
  const user = pod("a", { spec: { volumes: [{ name: "v", persistentVolumeClaim: { claimName: "data" } }] } });

  function decision(own: Claim, options: { mode?: string; nodes?: readonly Node[] } = {}) {
    const { mode = "Immediate", nodes = [node("n1"), node("n2")] } = options;
    const cluster = clusterFor(
      { nodes },
      {
        volumes: {
          claim: () => own,
          volume: (name) => (name === "v1" ? volume : undefined),
          volumes: () => [volume],
          storageClass: (name) => ({
            apiVersion: "storage.k8s.io/v1",
            kind: "StorageClass",
            metadata: { name },
            provisioner: "kubernetes.io/no-provisioner",
            volumeBindingMode: mode,
          }),
        },
      },
    );
    return decide(user, cluster, () => 0);
  }

  test("a bound volume's node", () => {
    expect(decision(claim("Bound", { volumeName: "v1" }))).toEqual({ node: "n2" });
  });

  test("a bound volume that no node reaches", () => {
    expect(decision(claim("Bound", { volumeName: "v1" }), { nodes: [node("n1")] })).toEqual({
      refusal: "0/1 nodes are available: 1 node(s) had volume node affinity conflict.",
    });
  });

  test("an unbound claim that does not wait for its consumer", () => {
    expect(decision(claim("Pending"))).toEqual({
      refusal: "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
    });
  });

  test("a claim that waits for its first consumer goes where a free volume is", () => {
    expect(decision(claim("Pending"), { mode: "WaitForFirstConsumer" })).toEqual({ node: "n2" });
  });

  test("a claim that waits, for which every volume is too small", () => {
    const large = claim("Pending", { resources: { requests: { storage: "3Gi" } } });
    expect(decision(large, { mode: "WaitForFirstConsumer" })).toEqual({
      refusal: "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.",
    });
  });
});

describe("what a pod asks for", () => {
  const asks = (cpu: string, restartPolicy?: string) => ({
    name: "c",
    resources: { requests: { cpu } },
    ...(restartPolicy ? { restartPolicy } : {}),
  });
  const cases: readonly [string, Partial<PodSpec>, number][] = [
    ["all containers together", { containers: [asks("100m"), asks("0.2")] }, 300],
    [
      "the greatest init container",
      { containers: [asks("100m")], initContainers: [asks("1"), asks("2")] },
      2000,
    ],
    [
      "sidecars beside the containers",
      { containers: [asks("1")], initContainers: [asks("1", "Always")] },
      2000,
    ],
    [
      "an init container beside the sidecars before it",
      { containers: [asks("100m")], initContainers: [asks("1", "Always"), asks("3"), asks("1", "Always")] },
      4000,
    ],
    ["the overhead as well", { containers: [asks("1")], overhead: { cpu: "250m" } }, 1250],
    [
      "a limit where there is no request",
      { containers: [{ name: "c", resources: { limits: { cpu: "2" } } }] },
      2000,
    ],
  ];
  for (const [what, spec, expected] of cases) {
    test(what, () => {
      expect(requestsOf(pod("a", { spec })).get("cpu")).toBe(expected);
    });
  }
});

test("the queue has our pods without a node, by priority and then by age", () => {
  const pods = [
    pod("young", { metadata: { creationTimestamp: at(5) } }),
    pod("old", { metadata: { creationTimestamp: at(1) } }),
    pod("important", { metadata: { creationTimestamp: at(9) }, spec: { priority: 1000 } }),
    pod("placed", { spec: { nodeName: "n1" } }),
    pod("foreign", { spec: { schedulerName: "other" } }),
    pod("going", { metadata: { deletionTimestamp: at(3) } }),
    pod("failed", { status: { phase: "Failed" } }),
  ];
  const names = queueOf(pods, "default-scheduler").map(({ metadata }) => metadata.name);
  expect(names).toEqual(["important", "old", "young"]);
});
