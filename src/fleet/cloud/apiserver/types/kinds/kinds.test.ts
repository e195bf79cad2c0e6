import { describe, expect, test } from "bun:test";
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import { around, create, kindOf, row, update } from "../_example.ts";

const now = Date.parse("2026-01-02T03:04:05Z");
const base64 = (text: string): string => Buffer.from(text).toString("base64");

describe("defaults", () => {
  test.each<[string, object, object]>([
    [
      "Namespace",
      {},
      {
        metadata: { labels: { "kubernetes.io/metadata.name": "x" } },
        spec: { finalizers: ["kubernetes"] },
        status: { phase: "Active" },
      },
    ],
    [
      "Secret",
      { stringData: { a: "b" }, data: { c: "ZA==" } },
      { type: "Opaque", data: { a: base64("b"), c: "ZA==" } },
    ],
    [
      "Node",
      { spec: { podCIDR: "10.1.0.0/24" }, status: { capacity: { cpu: "2000m" } } },
      { spec: { podCIDRs: ["10.1.0.0/24"] }, status: { capacity: { cpu: "2" }, allocatable: { cpu: "2" } } },
    ],
    [
      "Service",
      { spec: { ports: [{ port: 80 }] } },
      {
        spec: {
          type: "ClusterIP",
          sessionAffinity: "None",
          internalTrafficPolicy: "Cluster",
          ipFamilies: ["IPv4"],
          ipFamilyPolicy: "SingleStack",
          clusterIP: expect.stringMatching(/^10\.(9[6-9]|10\d|11[01])\.\d+\.\d+$/),
          ports: [{ port: 80, targetPort: 80, protocol: "TCP" }],
        },
        status: { loadBalancer: {} },
      },
    ],
    [
      "PersistentVolume",
      { spec: { capacity: { storage: "1024Mi" }, accessModes: ["ReadWriteOnce"], hostPath: { path: "/x" } } },
      {
        spec: {
          capacity: { storage: "1Gi" },
          volumeMode: "Filesystem",
          persistentVolumeReclaimPolicy: "Retain",
          hostPath: { type: "" },
        },
        status: { phase: "Pending" },
      },
    ],
    [
      "PersistentVolumeClaim",
      { spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } },
      { spec: { volumeMode: "Filesystem" }, status: { phase: "Pending" } },
    ],
    ["Node", {}, { spec: { taints: [{ key: "node.kubernetes.io/not-ready", effect: "NoSchedule" }] } }],
    ["StorageClass", { provisioner: "p" }, { reclaimPolicy: "Delete", volumeBindingMode: "Immediate" }],
    ["PriorityClass", { value: 5 }, { preemptionPolicy: "PreemptLowerPriority" }],
    [
      "RoleBinding",
      {
        roleRef: { kind: "Role", name: "r" },
        subjects: [
          { kind: "User", name: "u" },
          { kind: "ServiceAccount", name: "s", namespace: "a" },
        ],
      },
      {
        roleRef: { apiGroup: "rbac.authorization.k8s.io" },
        subjects: [{ apiGroup: "rbac.authorization.k8s.io" }, { kind: "ServiceAccount" }],
      },
    ],
  ])("of a %s", (kind, given, expected) => {
    const { object, complaints } = create(kindOf(kind), given);
    expect(complaints).toEqual([]);
    expect(object).toMatchObject(expected);
    expect(object).not.toHaveProperty("stringData");
  });

  test("a claim that names no class gets the usual one, while it is that", () => {
    const context = around();
    const claim = { spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } };
    const annotations = { "storageclass.kubernetes.io/is-default-class": "true" };
    const usual = create(
      kindOf("StorageClass"),
      { metadata: { annotations }, provisioner: "p" },
      context,
    ).object;
    const classOf = (given: { spec: object }): unknown =>
      (create(kindOf("PersistentVolumeClaim"), given, context).object.spec as { storageClassName?: string })
        .storageClassName;
    expect(classOf(claim)).toBeUndefined();
    context.objects.set("storage.k8s.io/storageclasses//x", usual);
    expect(classOf(claim)).toBe("x");
    expect(classOf({ spec: { ...claim.spec, storageClassName: "" } })).toBe("");
  });
});

describe("complaints", () => {
  const key =
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
  test.each<[string, object, string[]]>([
    ["ConfigMap", { data: { "a b": "c" } }, [`data[a b]: Invalid value: "a b": ${key}`]],
    [
      "ConfigMap",
      { data: { a: "c" }, binaryData: { a: "Yg==" } },
      ['data[a]: Invalid value: "a": duplicate of key present in binaryData'],
    ],
    [
      "ConfigMap",
      { data: { a: "x".repeat(1024 * 1024 + 1) } },
      [": Too long: may not be more than 1048576 bytes"],
    ],
    ["Secret", { type: "kubernetes.io/tls", data: { "tls.key": "" } }, ["data[tls.crt]: Required value"]],
    [
      "Secret",
      { type: "kubernetes.io/dockerconfigjson", data: { ".dockerconfigjson": base64("{") } },
      ['data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": invalid JSON'],
    ],
    ["Secret", { type: "constructor" }, []],
    ["Service", { spec: {} }, ["spec.ports: Required value"]],
    [
      "Service",
      { spec: { ports: [{ port: 80 }, { port: 81 }] } },
      ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"],
    ],
    [
      "Service",
      { spec: { ports: [{ port: 80, nodePort: 30080 }] } },
      ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
    ],
    ["Service", { spec: { type: "ExternalName" } }, ["spec.externalName: Required value"]],
    [
      "Node",
      {
        spec: {
          taints: [
            { key: "a", effect: "NoSchedule" },
            { key: "a", effect: "NoSchedule" },
          ],
        },
      },
      ['spec.taints[1]: Duplicate value: {"key":"a","effect":"NoSchedule"}'],
    ],
    [
      "Lease",
      { spec: { leaseDurationSeconds: 0 } },
      ["spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"],
    ],
    [
      "Role",
      { rules: [{ verbs: [], apiGroups: [""], resources: ["pods"] }] },
      ["rules[0].verbs: Required value: verbs must contain at least one value"],
    ],
    [
      "Role",
      { rules: [{ verbs: ["get"], nonResourceURLs: ["/x"] }] },
      ['rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs'],
    ],
    [
      "ClusterRoleBinding",
      { roleRef: { kind: "Role", name: "r" } },
      ['roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"'],
    ],
    [
      "RoleBinding",
      { roleRef: { kind: "Role", name: "r" }, subjects: [{ kind: "ServiceAccount", name: "s" }] },
      ["subjects[0].namespace: Required value"],
    ],
    [
      "PriorityClass",
      { value: 2_000_000_000 },
      ["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"],
    ],
    [
      "RoleBinding",
      { roleRef: { kind: "Role", name: "r" }, subjects: [{ kind: "constructor", name: "s" }] },
      [
        'subjects[0].kind: Unsupported value: "constructor": supported values: "Group", "ServiceAccount", "User"',
      ],
    ],
    ["RuntimeClass", { handler: "" }, ["handler: Required value"]],
    [
      "PersistentVolume",
      { spec: { accessModes: ["Often"], capacity: { storage: "1Gi" } } },
      [
        'spec.accessModes: Unsupported value: "Often": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
        "spec: Required value: must specify a volume type",
      ],
    ],
    [
      "PersistentVolume",
      { spec: { accessModes: ["ReadWriteOnce"], capacity: { storage: "1Gi" }, local: { path: "/x" } } },
      ["spec.nodeAffinity: Required value: Local volume requires node affinity"],
    ],
    [
      "PersistentVolumeClaim",
      { spec: { resources: { requests: { storage: "0" } } } },
      [
        "spec.accessModes: Required value: at least 1 access mode is required",
        'spec.resources[storage]: Invalid value: "0": must be greater than zero',
      ],
    ],
    [
      "EndpointSlice",
      { addressType: "IPv4", endpoints: [{ addresses: ["::1"] }] },
      ['endpoints[0].addresses[0]: Invalid value: "::1": must be a valid IPv4 address'],
    ],
    [
      "Namespace",
      { metadata: { name: "a.b" } },
      [expect.stringMatching(/^metadata\.name: Invalid value: "a\.b": a lowercase RFC 1123 label must/)],
    ],
    [
      "Service",
      { metadata: { name: "1a" }, spec: { clusterIP: "None" } },
      [expect.stringMatching(/^metadata\.name: Invalid value: "1a": a DNS-1035 label must/)],
    ],
    ["Role", { metadata: { name: "a/b" } }, ["metadata.name: Invalid value: \"a/b\": may not contain '/'"]],
  ])("of a %s %#", (kind, given, complaints) => {
    expect(create(kindOf(kind), given).complaints).toEqual(complaints);
  });
});

describe("what may not change", () => {
  const set = (path: string, value: unknown) => (object: KubeObject) => {
    const names = path.split(".");
    const last = names.pop() ?? "";
    let inner = object as Record<string, unknown>;
    for (const name of names) inner = inner[name] as Record<string, unknown>;
    inner[last] = value;
  };
  test.each<[string, object, string, unknown, string[]]>([
    ["Secret", {}, "type", "other", ['type: Invalid value: "other": field is immutable']],
    [
      "Secret",
      { immutable: true, data: { a: "YQ==" } },
      "data",
      {},
      ["data: Forbidden: field is immutable when `immutable` is set"],
    ],
    [
      "ConfigMap",
      { immutable: true },
      "immutable",
      false,
      ["immutable: Forbidden: field is immutable when `immutable` is set"],
    ],
    [
      "RoleBinding",
      { roleRef: { kind: "Role", name: "r" } },
      "roleRef.name",
      "s",
      [
        'roleRef: Invalid value: {"kind":"Role","name":"s","apiGroup":"rbac.authorization.k8s.io"}: cannot change roleRef',
      ],
    ],
    ["PriorityClass", { value: 1 }, "value", 2, ["value: Forbidden: may not be changed in an update."]],
    ["RuntimeClass", { handler: "a" }, "handler", "b", ['handler: Invalid value: "b": field is immutable']],
    [
      "StorageClass",
      { provisioner: "a" },
      "provisioner",
      "b",
      ["provisioner: Forbidden: updates to provisioner are forbidden."],
    ],
    [
      "Node",
      { spec: { providerID: "a" } },
      "spec.providerID",
      "b",
      ['spec.providerID: Forbidden: node updates may not change providerID except from "" to valid'],
    ],
    [
      "PersistentVolumeClaim",
      { spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } },
      "spec.accessModes",
      ["ReadWriteMany"],
      [
        "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
      ],
    ],
  ])("of a %s %#", (kind, given, path, value, complaints) => {
    const { object } = create(kindOf(kind), given);
    expect(update(kindOf(kind), object, set(path, value)).complaints).toEqual(complaints);
  });
});

describe("columns", () => {
  test.each<[string, object, object]>([
    [
      "Node",
      {
        metadata: { labels: { "node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/edge": "" } },
        spec: { unschedulable: true },
        status: {
          conditions: [{ type: "Ready", status: "True" }],
          nodeInfo: {
            kubeletVersion: "v1",
            osImage: "Linux",
            kernelVersion: "6",
            containerRuntimeVersion: "s://1",
          },
          addresses: [{ type: "InternalIP", address: "10.0.0.1" }],
        },
      },
      {
        Status: "Ready,SchedulingDisabled",
        Roles: "edge,worker",
        Version: "v1",
        "Internal-IP": "10.0.0.1",
        "External-IP": "<none>",
        "OS-Image": "Linux",
        "Kernel-Version": "6",
        "Container-Runtime": "s://1",
      },
    ],
    ["Node", {}, { Status: "Unknown", Roles: "<none>", Version: "" }],
    [
      "Service",
      {
        spec: {
          type: "LoadBalancer",
          clusterIP: "10.96.0.7",
          ports: [{ port: 80, nodePort: 30001, protocol: "TCP" }],
          selector: { b: "c", a: "b" },
        },
      },
      {
        Type: "LoadBalancer",
        "Cluster-IP": "10.96.0.7",
        "External-IP": "<pending>",
        "Port(s)": "80:30001/TCP",
        Selector: "a=b,b=c",
      },
    ],
    [
      "Endpoints",
      {
        subsets: [
          {
            addresses: [{ ip: "10.0.0.1" }, { ip: "10.0.0.2" }, { ip: "10.0.0.3" }, { ip: "10.0.0.4" }],
            ports: [{ port: 80 }],
          },
        ],
      },
      { Endpoints: "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more..." },
    ],
    [
      "EndpointSlice",
      { addressType: "IPv4", ports: [{ port: 80 }], endpoints: [{ addresses: ["10.0.0.1"] }] },
      { AddressType: "IPv4", Ports: "80", Endpoints: "10.0.0.1" },
    ],
    ["ConfigMap", { data: { a: "b" }, binaryData: { c: "ZA==" } }, { Data: 2 }],
    ["Secret", { type: "Opaque", data: { a: "b" } }, { Type: "Opaque", Data: 1 }],
    ["Lease", { spec: { holderIdentity: "n1" } }, { Holder: "n1" }],
    [
      "PersistentVolume",
      {
        spec: {
          capacity: { storage: "1Gi" },
          accessModes: ["ReadWriteOnce", "ReadOnlyMany"],
          claimRef: { namespace: "a", name: "c" },
          persistentVolumeReclaimPolicy: "Retain",
        },
        status: { phase: "Bound" },
      },
      {
        Capacity: "1Gi",
        "Access Modes": "RWO,ROX",
        "Reclaim Policy": "Retain",
        Status: "Bound",
        Claim: "a/c",
      },
    ],
    [
      "StorageClass",
      {
        metadata: { annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
        provisioner: "p",
      },
      { Name: "x (default)", Provisioner: "p", AllowVolumeExpansion: false },
    ],
    [
      "RoleBinding",
      {
        roleRef: { kind: "ClusterRole", name: "view" },
        subjects: [
          { kind: "User", name: "u" },
          { kind: "ServiceAccount", namespace: "a", name: "s" },
        ],
      },
      { Role: "ClusterRole/view", Users: "u", Groups: "", ServiceAccounts: "a/s" },
    ],
    [
      "ClusterRole",
      { metadata: { creationTimestamp: "2026-01-01T00:00:00Z" } },
      { Name: "x", "Created At": "2026-01-01T00:00:00Z" },
    ],
    [
      "PriorityClass",
      { value: 7, preemptionPolicy: "Never" },
      { Value: 7, "Global-Default": false, PreemptionPolicy: "Never" },
    ],
    [
      "CertificateSigningRequest",
      {
        spec: { signerName: "s", username: "u", expirationSeconds: 3600 },
        status: { conditions: [{ type: "Approved" }], certificate: "Yw==" },
      },
      { SignerName: "s", Requestor: "u", RequestedDuration: "60m", Condition: "Approved,Issued" },
    ],
  ])("of a %s %#", (kind, given, cells) => {
    const { metadata, ...rest } = given as { metadata?: object };
    const object = { apiVersion: "v1", kind, metadata: { name: "x", ...metadata }, ...rest } as KubeObject;
    expect(row(kindOf(kind), object, now)).toMatchObject(cells);
  });
});

describe("events", () => {
  const events = kindOf("Event", "");
  const newer = kindOf("Event", "events.k8s.io");
  const event: KubeObject = {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "e", namespace: "a" },
    involvedObject: { kind: "Pod", namespace: "a", name: "p", fieldPath: "spec.containers{c}" },
    reason: "Pulled",
    message: "It is here.\n",
    type: "Normal",
    source: { component: "kubelet", host: "n1" },
    firstTimestamp: "2026-01-02T03:00:05Z",
    lastTimestamp: "2026-01-02T03:04:00Z",
    count: 4,
  };
  const form = newer.form;

  test("of the other group are the same in other words", () => {
    const other = form?.fromStored(event);
    expect(other).toMatchObject({
      apiVersion: "events.k8s.io/v1",
      regarding: { name: "p" },
      note: "It is here.\n",
      deprecatedCount: 4,
      deprecatedSource: { component: "kubelet" },
    });
    expect(other && form?.toStored(other)).toEqual(event);
  });

  test("are shown alike in both forms", () => {
    const cells = {
      "Last Seen": "5s",
      Type: "Normal",
      Reason: "Pulled",
      Object: "pod/p",
      Subobject: "spec.containers{c}",
      Source: "kubelet, n1",
      Message: "It is here.",
      "First Seen": "4m",
      Count: 4,
      Name: "e",
    };
    expect(row(events, event, now)).toEqual(cells);
    expect(row(newer, form?.fromStored(event) ?? event, now)).toEqual(cells);
  });

  test("are found by what they are about", () => {
    expect(events.strategy.selectableFields?.(event)).toMatchObject({
      "involvedObject.name": "p",
      "involvedObject.kind": "Pod",
      reason: "Pulled",
      source: "kubelet",
    });
    expect(newer.strategy.selectableFields?.(form?.fromStored(event) ?? event)).toMatchObject({
      "regarding.name": "p",
    });
  });

  test("are in the namespace of what they are about", () => {
    const given = { involvedObject: { kind: "Pod", namespace: "b", name: "p" } };
    expect(create(events, given).complaints).toEqual([
      'involvedObject.namespace: Invalid value: "b": does not match event.namespace',
    ]);
    const ofNode = { metadata: { namespace: "default" }, involvedObject: { kind: "Node", name: "n" } };
    expect(create(events, ofNode).complaints).toEqual([]);
  });
});
