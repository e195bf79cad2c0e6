import { describe, expect, test } from "bun:test";
import type { KubeObject } from "../../../kube.ts";
import { around, create, defaulted, kindOf, row, update } from "../_example.ts";

const pods = kindOf("Pod");
const deployments = kindOf("Deployment");
const one = { name: "c", image: "nginx" };
const spec = (extra: object = {}): object => ({ spec: { containers: [one], ...extra } });
const withContainer = (extra: object): object => spec({ containers: [{ ...one, ...extra }] });

describe("defaults of pods", () => {
  test("a small pod is filled in", () => {
    const { object, complaints } = create(pods, spec());
    expect(complaints).toEqual([]);
    expect(object).toMatchObject({
      spec: {
        restartPolicy: "Always",
        dnsPolicy: "ClusterFirst",
        terminationGracePeriodSeconds: 30,
        schedulerName: "default-scheduler",
        securityContext: {},
        enableServiceLinks: true,
        serviceAccountName: "default",
        serviceAccount: "default",
        priority: 0,
        preemptionPolicy: "PreemptLowerPriority",
        tolerations: [
          {
            key: "node.kubernetes.io/not-ready",
            operator: "Exists",
            effect: "NoExecute",
            tolerationSeconds: 300,
          },
          {
            key: "node.kubernetes.io/unreachable",
            operator: "Exists",
            effect: "NoExecute",
            tolerationSeconds: 300,
          },
        ],
        containers: [
          {
            imagePullPolicy: "Always",
            terminationMessagePath: "/dev/termination-log",
            terminationMessagePolicy: "File",
            resources: {},
          },
        ],
      },
      status: { phase: "Pending", qosClass: "BestEffort" },
    });
  });

  test.each([
    ["nginx", "Always"],
    ["nginx:latest", "Always"],
    ["nginx:1.27", "IfNotPresent"],
    ["r.example:5000/nginx", "Always"],
    ["r.example:5000/nginx:1", "IfNotPresent"],
    ["nginx@sha256:abc", "IfNotPresent"],
  ])("an image %s is pulled %s", (image, policy) => {
    expect(defaulted(pods, withContainer({ image }))).toMatchObject({
      spec: { containers: [{ imagePullPolicy: policy }] },
    });
  });

  test("requests come from limits, and quantities have one form", () => {
    const resources = { limits: { cpu: 0.5, memory: "1024Mi" }, requests: { cpu: "100m" } };
    expect(defaulted(pods, withContainer({ resources }))).toMatchObject({
      spec: {
        containers: [
          { resources: { limits: { cpu: "500m", memory: "1Gi" }, requests: { cpu: "100m", memory: "1Gi" } } },
        ],
      },
    });
  });

  test("probes, ports and volumes get their usual numbers", () => {
    const given = {
      containers: [{ ...one, ports: [{ containerPort: 80 }], livenessProbe: { httpGet: { port: 80 } } }],
      volumes: [
        { name: "a" },
        { name: "b", secret: { secretName: "s" } },
        { name: "h", hostPath: { path: "/x" } },
      ],
      hostNetwork: true,
    };
    expect(defaulted(pods, { spec: given })).toMatchObject({
      spec: {
        containers: [
          {
            ports: [{ containerPort: 80, hostPort: 80, protocol: "TCP" }],
            livenessProbe: {
              httpGet: { path: "/", scheme: "HTTP" },
              timeoutSeconds: 1,
              periodSeconds: 10,
              successThreshold: 1,
              failureThreshold: 3,
            },
          },
        ],
        volumes: [
          { name: "a", emptyDir: {} },
          { name: "b", secret: { defaultMode: 420 } },
          { name: "h", hostPath: { type: "" } },
        ],
      },
    });
  });

  test("defaults given twice are the same as given once", () => {
    const once = defaulted(pods, spec({ volumes: [{ name: "a" }] }));
    expect(defaulted(pods, once)).toEqual(once);
  });

  test.each([
    [{ limits: { cpu: "1", memory: "1Gi" } }, "Guaranteed"],
    [{ limits: { cpu: "1" } }, "Burstable"],
    [{ requests: { memory: "1Mi" } }, "Burstable"],
    [{}, "BestEffort"],
  ])("%j is of the class %s", (resources, qosClass) => {
    expect(create(pods, withContainer({ resources })).object.status).toMatchObject({ qosClass });
  });

  test("a template is filled in as a pod is, without an account", () => {
    const template = { metadata: { labels: { a: "b" } }, spec: { containers: [one] } };
    const deployment = defaulted(deployments, { spec: { selector: { matchLabels: { a: "b" } }, template } });
    expect(deployment.spec).toMatchObject({
      template: { spec: { dnsPolicy: "ClusterFirst", containers: [{ imagePullPolicy: "Always" }] } },
    });
    expect(deployment.spec).not.toHaveProperty("template.spec.serviceAccountName");
  });
});

describe("admission of pods", () => {
  test("a token is mounted in each container", () => {
    const { object } = create(pods, spec({ initContainers: [{ name: "i", image: "i" }] }));
    const { volumes, containers, initContainers } = object.spec as {
      volumes: { name: string; projected: { sources: object[] } }[];
      containers: { volumeMounts: object[] }[];
      initContainers: { volumeMounts: object[] }[];
    };
    expect(volumes.map(({ name }) => name)).toEqual([expect.stringMatching(/^kube-api-access-[a-z0-9]{5}$/)]);
    const mount = {
      name: volumes[0]?.name,
      readOnly: true,
      mountPath: "/var/run/secrets/kubernetes.io/serviceaccount",
    };
    expect(containers[0]?.volumeMounts).toEqual([mount]);
    expect(initContainers[0]?.volumeMounts).toEqual([mount]);
    expect(volumes[0]?.projected.sources.map((source) => Object.keys(source)[0])).toEqual([
      "serviceAccountToken",
      "configMap",
      "downwardAPI",
    ]);
  });

  test("no token where pod or account want none", () => {
    const account = { metadata: { name: "quiet" }, automountServiceAccountToken: false };
    const context = around({ "serviceaccounts/a/quiet": account });
    const quiet = create(pods, spec({ serviceAccountName: "quiet" }), context).object;
    const refused = create(pods, spec({ automountServiceAccountToken: false })).object;
    expect([quiet, refused].map((pod) => (pod.spec as { volumes?: object }).volumes)).toEqual([
      undefined,
      undefined,
    ]);
  });

  test("an account that is not there refuses the pod", () => {
    expect(() => create(pods, spec({ serviceAccountName: "nobody" }))).toThrow(
      'pods "x" is forbidden: error looking up service account a/nobody: serviceaccount "nobody" not found',
    );
  });

  test("the priority is that of the class", () => {
    const high = { metadata: { name: "high" }, value: 1000, preemptionPolicy: "Never" };
    const context = around({ "scheduling.k8s.io/priorityclasses//high": high });
    expect(create(pods, spec({ priorityClassName: "high" }), context).object.spec).toMatchObject({
      priority: 1000,
      preemptionPolicy: "Never",
    });
    expect(create(pods, spec({ priorityClassName: "system-node-critical" })).object.spec).toMatchObject({
      priority: 2_000_001_000,
    });
    expect(() => create(pods, spec({ priorityClassName: "none" }))).toThrow(
      "no PriorityClass with name none was found",
    );
    expect(() => create(pods, spec({ priority: 5 }))).toThrow(
      "the integer value of priority (5) must not be provided",
    );
  });

  test("the default class is for pods that name none, while it is there", () => {
    const classes = kindOf("PriorityClass");
    const context = around();
    const usual = create(classes, { value: 7, globalDefault: true }, context).object;
    expect(create(pods, spec(), context).object.spec).toMatchObject({ priority: 0 });
    context.objects.set("scheduling.k8s.io/priorityclasses//x", usual);
    expect(create(pods, spec(), context).object.spec).toMatchObject({ priority: 7, priorityClassName: "x" });
    expect(() =>
      create(classes, { metadata: { name: "y" }, value: 8, globalDefault: true }, context),
    ).toThrow("PriorityClass x is already marked as default. Only one default can exist");
  });

  test("a runtime class gives its overhead and its nodes", () => {
    const runtime = {
      metadata: { name: "vm" },
      handler: "vm",
      overhead: { podFixed: { memory: "100Mi" } },
      scheduling: { nodeSelector: { vm: "yes" }, tolerations: [{ key: "vm", operator: "Exists" }] },
    };
    const context = around({ "node.k8s.io/runtimeclasses//vm": runtime });
    const given = spec({ runtimeClassName: "vm", nodeSelector: { disk: "ssd" } });
    expect(create(pods, given, context).object.spec).toMatchObject({
      overhead: { memory: "100Mi" },
      nodeSelector: { disk: "ssd", vm: "yes" },
      tolerations: expect.arrayContaining([{ key: "vm", operator: "Exists" }]),
    });
    expect(() => create(pods, given)).toThrow(
      'pods "x" is forbidden: pod rejected: RuntimeClass "vm" not found',
    );
  });

  test("what is tolerated already is not added", () => {
    const { object } = create(pods, spec({ tolerations: [{ operator: "Exists" }] }));
    expect(object.spec).toMatchObject({ tolerations: [{ operator: "Exists" }] });
  });
});

const label =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

describe("complaints about pods", () => {
  test.each<[string, object, string[]]>([
    ["no containers", { spec: { containers: [] } }, ["spec.containers: Required value"]],
    ["no container list", { spec: {} }, ["spec.containers: Required value"]],
    ["no image", { spec: { containers: [{ name: "c" }] } }, ["spec.containers[0].image: Required value"]],
    ["a bad name", withContainer({ name: "C_" }), [`spec.containers[0].name: Invalid value: "C_": ${label}`]],
    ["a name twice", spec({ containers: [one, one] }), ['spec.containers[1].name: Duplicate value: "c"']],
    [
      "an unknown policy",
      spec({ restartPolicy: "Sometimes" }),
      [
        'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
      ],
    ],
    [
      "a port out of range",
      withContainer({ ports: [{ containerPort: 70000 }] }),
      [
        "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
      ],
    ],
    [
      "a port name that is none",
      withContainer({ ports: [{ containerPort: 80, name: "-" }] }),
      [
        'spec.containers[0].ports[0].name: Invalid value: "-": must contain at least one letter (a-z)',
        'spec.containers[0].ports[0].name: Invalid value: "-": must not begin or end with a hyphen',
      ],
    ],
    [
      "a mount without a volume",
      withContainer({ volumeMounts: [{ name: "v", mountPath: "/v" }] }),
      ['spec.containers[0].volumeMounts[0].name: Not found: "v"'],
    ],
    [
      "a mount path twice",
      spec({
        automountServiceAccountToken: false,
        volumes: [{ name: "v" }],
        containers: [
          {
            ...one,
            volumeMounts: [
              { name: "v", mountPath: "/v" },
              { name: "v", mountPath: "/v" },
            ],
          },
        ],
      }),
      ['spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/v": must be unique'],
    ],
    [
      "two sources of a volume",
      spec({ volumes: [{ name: "v", emptyDir: {}, hostPath: { path: "/x" } }] }),
      ["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"],
    ],
    [
      "requests above limits",
      withContainer({ resources: { limits: { cpu: "1" }, requests: { cpu: "2" } } }),
      [
        'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
      ],
    ],
    [
      "no quantity",
      withContainer({ resources: { limits: { cpu: "many" } } }),
      [
        "spec.containers[0].resources.limits[cpu]: Invalid value: \"many\": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        "spec.containers[0].resources.requests[cpu]: Invalid value: \"many\": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
      ],
    ],
    [
      "a resource of no kind",
      withContainer({ resources: { requests: { gpu: "1" } } }),
      [
        'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers',
      ],
    ],
    [
      "a variable from nowhere",
      withContainer({ env: [{ name: "A", valueFrom: {} }] }),
      [
        'spec.containers[0].env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`',
      ],
    ],
    [
      "a probe without a way",
      withContainer({ livenessProbe: {} }),
      ["spec.containers[0].livenessProbe: Required value: must specify a handler type"],
    ],
    [
      "a toleration for a time without NoExecute",
      spec({ tolerations: [{ key: "a", operator: "Exists", tolerationSeconds: 1, effect: "NoSchedule" }] }),
      [
        "spec.tolerations[0].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when `tolerationSeconds` is set",
      ],
    ],
    [
      "labels that are none",
      { metadata: { labels: { "a b": "c" } }, ...spec() },
      [
        "metadata.labels: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
      ],
    ],
    [
      "steps back out of a volume",
      spec({ volumes: [{ name: "v", hostPath: { path: "/a/../b" } }] }),
      ["spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"],
    ],
  ])("%s", (_name, given, complaints) => {
    expect(create(pods, given).complaints).toEqual(complaints);
  });
});

describe("updates of pods", () => {
  const old = create(pods, spec({ tolerations: [{ key: "a", operator: "Exists" }] })).object;
  const containers = (pod: KubeObject): { image: string; command?: string[] }[] =>
    (pod.spec as { containers: { image: string }[] }).containers;

  test("images, labels and more tolerations may change", () => {
    const { complaints } = update(pods, old, (pod) => {
      pod.metadata.labels = { a: "b" };
      for (const container of containers(pod)) container.image = "nginx:2";
      (pod.spec as { tolerations: object[] }).tolerations.push({ key: "b", operator: "Exists" });
    });
    expect(complaints).toEqual([]);
  });

  test("a command may not", () => {
    const { complaints } = update(pods, old, (pod) => {
      for (const container of containers(pod)) container.command = ["x"];
    });
    expect(complaints).toEqual([
      expect.stringMatching(
        /^spec: Forbidden: pod updates may not change fields other than `spec\.containers\[\*\]\.image`/,
      ),
    ]);
  });

  test("no container comes or goes", () => {
    const { complaints } = update(
      pods,
      old,
      (pod) => void containers(pod).push({ name: "d", image: "i" } as never),
    );
    expect(complaints).toEqual(["spec.containers: Forbidden: pod updates may not add or remove containers"]);
  });

  test("ephemeral containers come by their own subresource alone", () => {
    const add = (pod: KubeObject): void =>
      void Object.assign(pod.spec as object, { ephemeralContainers: [{ name: "debug", image: "busybox" }] });
    expect(update(pods, old, add).object.spec).not.toHaveProperty("ephemeralContainers");
    const context = around();
    context.subresource = "ephemeralcontainers";
    const added = update(pods, old, add, context);
    expect(added.complaints).toEqual([]);
    expect(added.object.spec).toHaveProperty("ephemeralContainers.0.name", "debug");
    const gone = update(
      pods,
      added.object,
      (pod) => void Object.assign(pod.spec as object, { ephemeralContainers: [] }),
      context,
    );
    expect(gone.complaints).toEqual([
      'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed',
    ]);
  });
});

describe("the end of pods", () => {
  const grace = (extra: object, wanted?: number): number | undefined =>
    pods.strategy.gracePeriod?.({ apiVersion: "v1", kind: "Pod", metadata: {}, ...extra }, wanted);
  const running = { spec: { nodeName: "n", terminationGracePeriodSeconds: 5 }, status: { phase: "Running" } };

  test("one that runs has its time", () => {
    expect([grace(running), grace(running, 2), grace(running, -1)]).toEqual([5, 2, 1]);
  });

  test("one that never ran, is over, or must go now has none", () => {
    const waits = { spec: { terminationGracePeriodSeconds: 5 } };
    const over = { ...running, status: { phase: "Succeeded" } };
    expect([grace(waits), grace(over), grace(running, 0)]).toEqual([undefined, undefined, undefined]);
  });
});

describe("the columns of pods", () => {
  const now = Date.parse("2026-01-02T03:10:00Z");
  const pod = (status: object, more: object = {}): KubeObject => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", creationTimestamp: "2026-01-02T03:04:48Z" },
    spec: { containers: [one], nodeName: "n1" },
    status,
    ...more,
  });
  const state = (each: object, more: object = {}): object => ({
    containerStatuses: [{ name: "c", restartCount: 0, ...each }],
    ...more,
  });
  const ready = [{ type: "Ready", status: "True" }];
  const sidecar = {
    initContainers: [
      { name: "s", image: "s", restartPolicy: "Always" },
      { name: "i", image: "i" },
    ],
    containers: [one],
  };

  test.each<[string, KubeObject, [string, string, string]]>([
    ["pending", pod({ phase: "Pending" }), ["0/1", "Pending", "0"]],
    [
      "running",
      pod(state({ ready: true, state: { running: {} } }, { phase: "Running", conditions: ready })),
      ["1/1", "Running", "0"],
    ],
    [
      "crashing",
      pod(
        state(
          {
            restartCount: 3,
            state: { waiting: { reason: "CrashLoopBackOff" } },
            lastState: { terminated: { finishedAt: "2026-01-02T03:09:00Z" } },
          },
          { phase: "Running" },
        ),
      ),
      ["0/1", "CrashLoopBackOff", "3 (60s ago)"],
    ],
    [
      "completed",
      pod(state({ state: { terminated: { reason: "Completed", exitCode: 0 } } }, { phase: "Succeeded" })),
      ["0/1", "Completed", "0"],
    ],
    [
      "ended with a code",
      pod(state({ state: { terminated: { exitCode: 7 } } }, { phase: "Failed" })),
      ["0/1", "ExitCode:7", "0"],
    ],
    [
      "killed by a signal",
      pod(state({ state: { terminated: { exitCode: 137, signal: 9 } } }, { phase: "Failed" })),
      ["0/1", "Signal:9", "0"],
    ],
    ["evicted", pod({ phase: "Failed", reason: "Evicted" }), ["0/1", "Evicted", "0"]],
    [
      "in its init container",
      pod(
        { phase: "Pending", initContainerStatuses: [{ name: "i", restartCount: 0, state: { running: {} } }] },
        { spec: { initContainers: [{ name: "i", image: "i" }], containers: [one] } },
      ),
      ["0/1", "Init:0/1", "0"],
    ],
    [
      "with a failing init container",
      pod(
        {
          phase: "Pending",
          initContainerStatuses: [
            { name: "i", restartCount: 2, state: { waiting: { reason: "CrashLoopBackOff" } } },
          ],
        },
        { spec: { initContainers: [{ name: "i", image: "i" }], containers: [one] } },
      ),
      ["0/1", "Init:CrashLoopBackOff", "2"],
    ],
    [
      "behind a sidecar that runs",
      pod(
        {
          phase: "Pending",
          initContainerStatuses: [
            { name: "s", started: true, ready: true, restartCount: 0, state: { running: {} } },
            { name: "i", restartCount: 0, state: { running: {} } },
          ],
        },
        { spec: sidecar },
      ),
      ["1/2", "Init:1/2", "0"],
    ],
    [
      "ending",
      pod(state({ ready: true, state: { running: {} } }, { phase: "Running" }), {
        metadata: { name: "p", deletionTimestamp: "2026-01-02T03:09:00Z" },
      }),
      ["1/1", "Terminating", "0"],
    ],
    [
      "held back by a gate",
      pod({
        phase: "Pending",
        conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }],
      }),
      ["0/1", "SchedulingGated", "0"],
    ],
  ])("%s", (_name, object, expected) => {
    const cells = row(pods, object, now);
    expect([cells.Ready, cells.Status, cells.Restarts] as unknown[]).toEqual(expected);
  });

  test("age, and what -o wide adds", () => {
    const status = {
      phase: "Running",
      podIPs: [{ ip: "10.0.0.7" }],
      conditions: [{ type: "x/y", status: "True" }],
    };
    const gated = pod(status, {
      spec: {
        containers: [one],
        nodeName: "n1",
        readinessGates: [{ conditionType: "x/y" }, { conditionType: "z" }],
      },
    });
    expect(row(pods, gated, now)).toMatchObject({
      Name: "p",
      Age: "5m12s",
      IP: "10.0.0.7",
      Node: "n1",
      "Nominated Node": "<none>",
      "Readiness Gates": "1/2",
    });
    expect(pods.table.columns.map(({ name, priority }) => `${name} ${priority}`)).toEqual([
      "Name 0",
      "Ready 0",
      "Status 0",
      "Restarts 0",
      "Age 0",
      "IP 1",
      "Node 1",
      "Nominated Node 1",
      "Readiness Gates 1",
    ]);
  });
});
