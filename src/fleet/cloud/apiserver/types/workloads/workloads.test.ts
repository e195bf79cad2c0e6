import { describe, expect, test } from "bun:test";
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import { create, kindOf, row, update } from "../_example.ts";

const deployments = kindOf("Deployment");
const sets = kindOf("DaemonSet");
const jobs = kindOf("Job");
const one = { name: "c", image: "nginx:1" };
const now = Date.parse("2026-01-02T03:04:05Z");

function workload(extra: object = {}, pod: object = {}): object {
  return {
    spec: {
      selector: { matchLabels: { app: "a" } },
      template: { metadata: { labels: { app: "a" } }, spec: { containers: [one], ...pod } },
      ...extra,
    },
  };
}

const job = (extra: object = {}, pod: object = {}): object => ({
  spec: { template: { spec: { containers: [one], restartPolicy: "Never", ...pod } }, ...extra },
});

describe("deployments", () => {
  test("are filled in", () => {
    const { object, complaints } = create(deployments, workload());
    expect(complaints).toEqual([]);
    expect(object.spec).toMatchObject({
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
    });
  });

  test("that recreate have no steps", () => {
    const { object } = create(deployments, workload({ strategy: { type: "Recreate" } }));
    expect(object.spec).toMatchObject({ strategy: { type: "Recreate" } });
    expect(object.spec).not.toHaveProperty("strategy.rollingUpdate");
  });

  test.each<[string, object, string[]]>([
    [
      "fewer than none",
      workload({ replicas: -1 }),
      ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"],
    ],
    [
      "a selector that misses its pods",
      workload({ selector: { matchLabels: { app: "b" } } }),
      [
        'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
      ],
    ],
    [
      "an empty selector",
      workload({ selector: {} }),
      ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"],
    ],
    [
      "pods that end",
      workload({}, { restartPolicy: "Never" }),
      ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ],
    [
      "steps of a strategy without steps",
      workload({ strategy: { type: "Recreate", rollingUpdate: {} } }),
      ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    ],
    [
      "no step at all",
      workload({ strategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }),
      ["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"],
    ],
    [
      "a share that is none",
      workload({ strategy: { rollingUpdate: { maxSurge: "a lot" } } }),
      [
        "spec.strategy.rollingUpdate.maxSurge: Invalid value: \"a lot\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
      ],
    ],
    [
      "a deadline before it is ready",
      workload({ minReadySeconds: 700 }),
      ["spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds"],
    ],
    [
      "pods without containers",
      workload({}, { containers: [] }),
      ["spec.template.spec.containers: Required value"],
    ],
  ])("complain of %s", (_name, given, complaints) => {
    expect(create(deployments, given).complaints).toEqual(complaints);
  });

  test("keep their selector", () => {
    const { object } = create(deployments, workload());
    const { complaints } = update(deployments, object, ({ spec }) => {
      const { selector, template } = spec as { selector: { matchLabels: object }; template: KubeObject };
      Object.assign(selector.matchLabels, { more: "x" });
      Object.assign(template.metadata.labels ?? {}, { more: "x" });
    });
    expect(complaints).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"app":"a","more":"x"}}: field is immutable',
    ]);
  });

  test("are shown with their pods", () => {
    const { object } = create(deployments, workload({ replicas: 3 }));
    object.metadata.creationTimestamp = "2026-01-02T03:04:00Z";
    object.status = { readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1 };
    expect(row(deployments, object, now)).toEqual({
      Name: "x",
      Ready: "1/3",
      "Up-to-date": 2,
      Available: 1,
      Age: "5s",
      Containers: "c",
      Images: "nginx:1",
      Selector: "app=a",
    });
  });
});

describe("daemon sets", () => {
  test("are filled in and shown", () => {
    const { object, complaints } = create(sets, workload({}, { nodeSelector: { disk: "ssd" } }));
    expect(complaints).toEqual([]);
    expect(object.spec).toMatchObject({
      revisionHistoryLimit: 10,
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
    });
    object.status = { desiredNumberScheduled: 3, currentNumberScheduled: 2, numberReady: 1 };
    expect(row(sets, object, now)).toMatchObject({
      Desired: 3,
      Current: 2,
      Ready: 1,
      "Node Selector": "disk=ssd",
    });
  });

  test("take one kind of step", () => {
    const given = workload({ updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } });
    expect(create(sets, given).complaints).toEqual([
      "spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero",
    ]);
  });
});

describe("jobs", () => {
  test("are filled in, and own their pods by labels", () => {
    const { object, complaints } = create(jobs, job());
    expect(complaints).toEqual([]);
    expect(object.spec).toMatchObject({
      completions: 1,
      parallelism: 1,
      backoffLimit: 6,
      completionMode: "NonIndexed",
      suspend: false,
      podReplacementPolicy: "TerminatingOrFailed",
      selector: { matchLabels: { "batch.kubernetes.io/controller-uid": "u1" } },
      template: {
        metadata: {
          labels: {
            "batch.kubernetes.io/controller-uid": "u1",
            "batch.kubernetes.io/job-name": "x",
            "controller-uid": "u1",
            "job-name": "x",
          },
        },
      },
    });
  });

  test("with several workers have no number of successes", () => {
    expect(create(jobs, job({ parallelism: 3 })).object.spec).not.toHaveProperty("completions");
  });

  test("complain of pods that never end", () => {
    expect(create(jobs, job({}, { restartPolicy: "Always" })).complaints).toEqual([
      'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ]);
  });

  test("keep their template, unless they have not begun", () => {
    const change = ({ spec }: KubeObject): void => {
      const { template } = spec as { template: { spec: { containers: { image: string }[] } } };
      for (const container of template.spec.containers) container.image = "nginx:2";
    };
    const { object } = create(jobs, job());
    expect(update(jobs, object, change).complaints).toEqual([
      expect.stringMatching(/^spec\.template: Invalid value: .*: field is immutable$/),
    ]);
    const waiting = create(jobs, job({ suspend: true })).object;
    expect(update(jobs, waiting, change).complaints).toEqual([]);
  });

  test.each<[string, object, object, string, string, string]>([
    ["runs", {}, { startTime: "2026-01-02T03:03:55Z" }, "Running", "0/1", "10s"],
    [
      "is done",
      {},
      {
        succeeded: 1,
        startTime: "2026-01-02T03:00:00Z",
        completionTime: "2026-01-02T03:02:30Z",
        conditions: [{ type: "Complete", status: "True" }],
      },
      "Complete",
      "1/1",
      "2m30s",
    ],
    ["failed", {}, { conditions: [{ type: "Failed", status: "True" }] }, "Failed", "0/1", ""],
    ["has workers", { parallelism: 3 }, { succeeded: 2 }, "Running", "2/1 of 3", ""],
    ["waits", {}, { conditions: [{ type: "Suspended", status: "True" }] }, "Suspended", "0/1", ""],
  ])("one that %s", (_name, extra, status, word, completions, duration) => {
    const { object } = create(jobs, job(extra));
    object.status = status;
    expect(row(jobs, object, now)).toMatchObject({
      Status: word,
      Completions: completions,
      Duration: duration,
    });
  });
});
