import { describe, expect, test } from "bun:test";
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import { around, create, kindOf, update } from "../_example.ts";
import { quantityRule } from "../../../../../spec/kubernetes/quantity.ts";

const pods = kindOf("Pod");
const one = { name: "c", image: "nginx" };
const spec = (extra: object = {}): object => ({ spec: { containers: [one], ...extra } });
const withContainer = (extra: object): object => spec({ containers: [{ ...one, ...extra }] });

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

test("a pod with what is no quantity is no pod", () => {
  expect(() => create(pods, withContainer({ resources: { limits: { cpu: "many" } } }))).toThrow(
    `Pod in version "v1" cannot be handled as a Pod: spec.containers[0].resources.limits[cpu]: ${quantityRule}`,
  );
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
