import { describe, expect, test } from "bun:test";
import type { KubeObject } from "../../../../../spec/kubernetes/kube.ts";
import { kindOf, row } from "../_example.ts";

const pods = kindOf("Pod");
const one = { name: "c", image: "nginx" };

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
