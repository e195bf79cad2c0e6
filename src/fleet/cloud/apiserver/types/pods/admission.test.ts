import { describe, expect, test } from "bun:test";
import { around, create, defaulted, kindOf } from "../_example.ts";

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

  test("one with gates is made, and says that it waits", () => {
    const { object, complaints } = create(pods, spec({ schedulingGates: [{ name: "example.com/wait" }] }));
    expect(complaints).toEqual([]);
    expect(object).toMatchObject({
      status: { conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }] },
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
