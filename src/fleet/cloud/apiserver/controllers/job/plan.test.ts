import { describe, expect, test } from "bun:test";
import { at, job, pod, ready, start } from "../_objects.ts";
import type { Job, Pod } from "../kinds.ts";
import { formatIndexes, parseIndexes } from "./indexes.ts";
import { backoffOf, planJob, type JobStep } from "./plan.ts";
import { indexAnnotation, trackingFinalizer } from "./tracking.ts";

interface PodPart {
  readonly phase?: string;
  readonly held?: boolean;
  readonly index?: number;
  readonly deleting?: boolean;
  readonly exitCode?: number;
  readonly ended?: number;
}

function worker(name: string, part: PodPart = {}): Pod {
  const { phase = "Running", held = true, index, deleting = false, exitCode, ended = -3600 } = part;
  const terminated = { exitCode: exitCode ?? (phase === "Failed" ? 1 : 0), finishedAt: at(ended) };
  const isOver = phase !== "Running";
  return pod(name, {
    metadata: {
      ...(held ? { finalizers: [trackingFinalizer] } : {}),
      ...(index === undefined ? {} : { annotations: { [indexAnnotation]: String(index) } }),
      ...(deleting ? { deletionTimestamp: at(0) } : {}),
    },
    status: isOver
      ? { phase, containerStatuses: [{ name: "main", state: { terminated } }] }
      : { ...ready(), phase },
  });
}

/** `+2` new pods, `+[0,1]` with indexes, `-name` a deletion, `free name` a finalizer that goes, `Condition=reason`, `later N` seconds. */
function inShort(wanted: Job, steps: readonly JobStep[]): readonly string[] {
  return steps.flatMap((step) => {
    switch (step.do) {
      case "create pods":
        return [step.indexes ? `+[${step.indexes.join(",")}]` : `+${step.count}`];
      case "delete pods":
        return step.pods.map(({ metadata }) => `-${metadata.name}`);
      case "release":
        return step.pods.map(({ metadata }) => `free ${metadata.name}`);
      case "status":
        return (step.status.conditions ?? [])
          .filter(({ type, status }) => {
            return !wanted.status?.conditions?.some((one) => one.type === type && one.status === status);
          })
          .map(({ type, status, reason }) => `${type}=${status === "True" ? reason : status}`);
      case "look again":
        return [`later ${step.after / 1000}`];
      case "delete job":
        return ["delete"];
      case "say":
        return [];
    }
  });
}

const running = { startTime: at(-60) };
const goal = (type: string, reason = "x") => ({
  ...running,
  conditions: [{ type, status: "True", reason, message: "m", lastTransitionTime: at(-30) }],
});
const indexed = { completionMode: "Indexed", completions: 3, parallelism: 2 };

const rows: readonly (readonly [string, Job, readonly Pod[], readonly string[]])[] = [
  ["the first pod", job(), [], ["+1"]],
  [
    "as many at once as it may",
    job({ spec: { completions: 5, parallelism: 3 }, status: running }),
    [],
    ["+3"],
  ],
  [
    "no more than are left to do",
    job({ spec: { completions: 5, parallelism: 3 }, status: { ...running, succeeded: 4 } }),
    [],
    ["+1"],
  ],
  ["one runs", job({ status: running }), [worker("a")], []],
  ["one too many runs", job({ status: running }), [worker("a"), worker("b", { phase: "Running" })], ["-a"]],
  [
    "one succeeded: first it is written down",
    job({ status: running }),
    [worker("a", { phase: "Succeeded" })],
    ["SuccessCriteriaMet=CompletionsReached", "free a"],
  ],
  [
    "then its finalizer goes",
    job({ status: { ...goal("SuccessCriteriaMet"), uncountedTerminatedPods: { succeeded: ["uid-a"] } } }),
    [worker("a", { phase: "Succeeded" })],
    ["free a"],
  ],
  [
    "then it is counted, and the job is complete",
    job({
      status: {
        ...goal("SuccessCriteriaMet", "CompletionsReached"),
        uncountedTerminatedPods: { succeeded: ["uid-a"] },
      },
    }),
    [worker("a", { phase: "Succeeded", held: false })],
    ["Complete=CompletionsReached"],
  ],
  [
    "a pod that is gone before it was counted is counted all the same",
    job({
      status: {
        ...goal("SuccessCriteriaMet", "CompletionsReached"),
        uncountedTerminatedPods: { succeeded: ["uid-a"] },
      },
    }),
    [],
    ["Complete=CompletionsReached"],
  ],
  ["one failed long ago", job({ status: running }), [worker("a", { phase: "Failed" })], ["free a", "+1"]],
  [
    "one failed just now",
    job({ status: running }),
    [worker("a", { phase: "Failed", ended: -4 })],
    ["free a", "later 6"],
  ],
  ["one was deleted", job({ status: running }), [worker("a", { deleting: true })], ["free a", "+1"]],
  [
    "one is being deleted, and only failed ones are replaced",
    job({ spec: { podReplacementPolicy: "Failed" }, status: running }),
    [worker("a", { deleting: true })],
    [],
  ],
  [
    "too many failed",
    job({ spec: { backoffLimit: 1 }, status: { ...running, failed: 1 } }),
    [worker("a", { phase: "Failed" }), worker("b")],
    ["FailureTarget=BackoffLimitExceeded", "free a", "-b"],
  ],
  [
    "too many restarts within a pod",
    job({
      spec: { backoffLimit: 1, template: { spec: { restartPolicy: "OnFailure", containers: [] } } },
      status: running,
    }),
    [{ ...worker("a"), status: { phase: "Running", containerStatuses: [{ name: "m", restartCount: 2 }] } }],
    ["FailureTarget=BackoffLimitExceeded", "-a"],
  ],
  [
    "failed, and the last pod is gone",
    job({ status: goal("FailureTarget", "BackoffLimitExceeded") }),
    [],
    ["Failed=BackoffLimitExceeded"],
  ],
  [
    "failed, and a pod is still going",
    job({ status: goal("FailureTarget") }),
    [worker("a", { deleting: true, held: false })],
    [],
  ],
  [
    "too long",
    job({ spec: { activeDeadlineSeconds: 60 }, status: running }),
    [worker("a")],
    ["FailureTarget=DeadlineExceeded", "-a"],
  ],
  [
    "not too long yet",
    job({ spec: { activeDeadlineSeconds: 90 }, status: running }),
    [worker("a")],
    ["later 30"],
  ],
  [
    "suspended",
    job({ spec: { suspend: true }, status: running }),
    [worker("a")],
    ["Suspended=JobSuspended", "-a"],
  ],
  [
    "what is deleted for a suspension is no failure",
    job({ spec: { suspend: true, backoffLimit: 0 }, status: goal("Suspended", "JobSuspended") }),
    [worker("a", { deleting: true })],
    ["free a"],
  ],
  ["resumed", job({ status: goal("Suspended", "JobSuspended") }), [], ["Suspended=False", "+1"]],
  ["indexes are given from the lowest on", job({ spec: indexed, status: running }), [], ["+[0,1]"]],
  [
    "indexes that are done or at work are left out",
    job({ spec: indexed, status: { ...running, completedIndexes: "0", succeeded: 1 } }),
    [worker("b", { index: 1 })],
    ["+[2]"],
  ],
  [
    "an index that failed is given again",
    job({ spec: indexed, status: { ...running, completedIndexes: "0,2", succeeded: 2 } }),
    [worker("b", { index: 1, phase: "Failed" })],
    ["free b", "+[1]"],
  ],
  [
    "the last index",
    job({ spec: indexed, status: { ...running, completedIndexes: "0,2", succeeded: 2 } }),
    [worker("b", { index: 1, phase: "Succeeded" })],
    ["SuccessCriteriaMet=CompletionsReached", "free b"],
  ],
  [
    "without a number of completions the first success ends it when all have ended",
    job({ spec: { completions: undefined as never, parallelism: 2 }, status: running }),
    [worker("a", { phase: "Succeeded" }), worker("b")],
    ["free a"],
  ],
  [
    "an exit code that fails the job",
    job({
      spec: {
        podFailurePolicy: { rules: [{ action: "FailJob", onExitCodes: { operator: "In", values: [42] } }] },
      },
      status: running,
    }),
    [worker("a", { phase: "Failed", exitCode: 42 })],
    ["FailureTarget=PodFailurePolicy", "free a"],
  ],
  [
    "a failure that does not count",
    job({
      spec: {
        backoffLimit: 0,
        podFailurePolicy: { rules: [{ action: "Ignore", onExitCodes: { operator: "NotIn", values: [42] } }] },
      },
      status: running,
    }),
    [worker("a", { phase: "Failed", exitCode: 1 })],
    ["free a", "+1"],
  ],
  [
    "over: nothing holds its pods",
    job({ status: goal("Complete") }),
    [worker("a", { phase: "Succeeded" })],
    ["free a"],
  ],
  [
    "over, and kept for a while",
    job({ spec: { ttlSecondsAfterFinished: 100 }, status: goal("Complete") }),
    [],
    ["later 70"],
  ],
  [
    "over, and kept long enough",
    job({ spec: { ttlSecondsAfterFinished: 30 }, status: goal("Failed") }),
    [],
    ["delete"],
  ],
  [
    "being deleted",
    job({ metadata: { deletionTimestamp: at(0) }, status: running }),
    [worker("a")],
    ["free a"],
  ],
];

describe("a job", () => {
  for (const [what, wanted, pods, steps] of rows) {
    test(what, () => {
      expect(inShort(wanted, planJob({ job: wanted, pods, now: start }))).toEqual([...steps]);
    });
  }

  test("a status that is written is not written again", () => {
    const pods = [worker("a")];
    const first = planJob({ job: job({ status: running }), pods, now: start });
    const written = first.find((step) => step.do === "status");
    const status = written?.do === "status" ? written.status : {};
    expect(planJob({ job: job({ status }), pods, now: start })).toEqual([]);
  });
});

test("the wait doubles with each failure since the last success, up to ten minutes", () => {
  const failed = (name: string, ended: number): Pod => worker(name, { phase: "Failed", ended });
  expect(backoffOf([], start)).toBe(0);
  expect(backoffOf([failed("a", 0)], start)).toBe(10_000);
  expect(backoffOf([failed("a", -50), failed("b", 0)], start)).toBe(20_000);
  expect(
    backoffOf([failed("a", -50), worker("s", { phase: "Succeeded", ended: -20 }), failed("b", 0)], start),
  ).toBe(10_000);
  expect(
    backoffOf(
      Array.from({ length: 30 }, (_, index) => failed(`p${index}`, 0)),
      start,
    ),
  ).toBe(600_000);
});

describe("indexes as text", () => {
  const cases: readonly (readonly [readonly number[], string])[] = [
    [[], ""],
    [[3], "3"],
    [[0, 1], "0,1"],
    [[0, 1, 2], "0-2"],
    [[7, 2, 3, 4, 0], "0,2-4,7"],
  ];
  for (const [indexes, text] of cases) {
    test(`"${text}"`, () => {
      expect(formatIndexes(indexes)).toBe(text);
      expect(parseIndexes(text, 100)).toEqual(new Set(indexes));
    });
  }

  test("what the job does not have is left out", () => {
    expect(parseIndexes("0-4000000000,x,-3", 2)).toEqual(new Set([0, 1]));
  });
});
