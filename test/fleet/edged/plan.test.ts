import { expect, test } from "bun:test";
import { plan } from "../../../src/fleet/edge/edged/plan.ts";
import { phaseOf, statusOf } from "../../../src/fleet/edge/edged/status.ts";
import { containerHash, type PodView, type Seen } from "../../../src/fleet/edge/edged/view.ts";
import type { Container, PodSpec } from "../../../src/spec/kubernetes/pod.ts";

const now = 1_800_000_000_000;
const container = (name: string, more: Partial<Container> = {}): Container => ({
  name,
  image: `${name}:1`,
  ...more,
});

function seen(name: string, more: Partial<Seen> = {}): Seen {
  return {
    id: `${name}-${more.attempt ?? 0}`,
    name,
    attempt: 0,
    generation: "g1",
    hash: containerHash(container(name)),
    state: "running",
    started: now - 5000,
    oomKilled: false,
    error: "",
    imageId: "sha256:1",
    ...more,
  };
}

const ended = (name: string, exitCode: number, more: Partial<Seen> = {}) =>
  seen(name, { state: "ended", exitCode, finished: now - 1000, ...more });

function view(spec: Partial<PodSpec>, more: Partial<PodView> = {}): PodView {
  return {
    pod: {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p", namespace: "default", uid: "u" },
      spec: { containers: [container("a")], ...spec },
    },
    now,
    sandbox: { id: "s", generation: "g1", ready: true, ips: ["10.1.1.1"] },
    mounted: true,
    touched: true,
    seen: [],
    busy: new Set(),
    failures: new Map(),
    backoffs: new Map(),
    again: new Set(),
    hooking: new Set(),
    verdict: () => true,
    ending: undefined,
    failed: undefined,
    startTime: now - 10_000,
    ...more,
  };
}

/** In words: `start a 1`, `stop a 30 ending`, `prepare`. */
function steps(of: PodView): string[] {
  return plan(of).steps.map((step) => {
    if (step.do === "start") return `start ${step.wanted.container.name} ${step.attempt}`;
    if (step.do === "stop") return `stop ${step.seen.name} ${step.grace} ${step.why}`;
    return step.do === "remove" ? `remove ${step.seen.id}` : step.do;
  });
}

const two = { containers: [container("a"), container("b")] };
const inits = { initContainers: [container("i"), container("j")] };
const sidecars = { initContainers: [container("s", { restartPolicy: "Always" }), container("i")] };
const done = ended("i", 0);
const backoff = { delay: 10_000, since: now - 2000 };

test.each<[string, PodView, string[]]>([
  ["nothing there: sandbox and volumes first", view({}, { sandbox: undefined, mounted: false }), ["prepare"]],
  ["not twice at once", view({}, { sandbox: undefined, mounted: false, busy: new Set([""]) }), []],
  [
    "not before its time",
    view(
      {},
      {
        mounted: false,
        failures: new Map([
          ["", { reason: "FailedMount", message: "", since: now, until: now + 1, count: 1 }],
        ]),
      },
    ),
    [],
  ],
  [
    "a sandbox that is not ready is made again",
    view({}, { sandbox: { id: "s", generation: "", ready: false, ips: [] } }),
    ["prepare"],
  ],
  ["all containers at once", view(two), ["start a 0", "start b 0"]],
  ["those that run are left alone", view(two, { seen: [seen("a")] }), ["start b 0"]],
  ["those that are being started are left alone", view(two, { busy: new Set(["a"]) }), ["start b 0"]],
  [
    "one that was made and never started goes first",
    view({}, { seen: [seen("a", { state: "made" })] }),
    ["start a 0"],
  ],
  ["a first crash starts at once", view({}, { seen: [ended("a", 1)] }), ["start a 1"]],
  ["a second crash waits", view({}, { seen: [ended("a", 1)], backoffs: new Map([["a", backoff]]) }), []],
  [
    "and is over when its time has come",
    view({}, { seen: [ended("a", 1, { finished: now - 10_000 })], backoffs: new Map([["a", backoff]]) }),
    ["start a 1"],
  ],
  [
    "who ran for ten minutes begins anew",
    view({}, { seen: [ended("a", 1)], backoffs: new Map([["a", { delay: 300_000, since: now - 700_000 }]]) }),
    ["start a 1"],
  ],
  [
    "a clock that was set back holds nobody",
    view(
      {},
      {
        seen: [ended("a", 1, { finished: now + 3_600_000 })],
        backoffs: new Map([["a", { delay: 0, since: now + 3_600_000 }]]),
      },
    ),
    ["start a 1"],
  ],
  [
    "a start that failed is a crash",
    view({}, { seen: [seen("a", { state: "made", error: "no such file", finished: now })] }),
    ["start a 1"],
  ],
  ["Always: also after success", view({}, { seen: [ended("a", 0)] }), ["start a 1"]],
  ["OnFailure: not after success", view({ restartPolicy: "OnFailure" }, { seen: [ended("a", 0)] }), ["rest"]],
  [
    "OnFailure: after a failure",
    view({ restartPolicy: "OnFailure" }, { seen: [ended("a", 3)] }),
    ["start a 1"],
  ],
  ["Never", view({ restartPolicy: "Never" }, { seen: [ended("a", 3)] }), ["rest"]],
  [
    "Never: the others run on",
    view({ ...two, restartPolicy: "Never" }, { seen: [ended("a", 3), seen("b")] }),
    [],
  ],
  [
    "complete and at rest",
    view(
      { restartPolicy: "Never" },
      {
        seen: [ended("a", 0)],
        mounted: false,
        touched: false,
        sandbox: { id: "s", generation: "", ready: false, ips: [] },
      },
    ),
    [],
  ],
  ["another image: stopped", view({}, { seen: [seen("a", { hash: "other" })] }), ["stop a 30 changed"]],
  [
    "and started again, whatever the policy",
    view({ restartPolicy: "Never" }, { seen: [ended("a", 0, { hash: "other" })], again: new Set(["a-0"]) }),
    ["start a 1"],
  ],
  [
    "liveness lost",
    view({}, { seen: [seen("a")], verdict: (_id, kind) => kind !== "liveness" }),
    ["stop a 30 liveness"],
  ],
  [
    "liveness with a grace of its own",
    view(
      { containers: [container("a", { livenessProbe: { terminationGracePeriodSeconds: 3 } })] },
      { seen: [seen("a")], verdict: (_id, kind) => kind !== "liveness" },
    ),
    ["stop a 3 liveness"],
  ],
  ["init containers one after the other", view(inits), ["start i 0"]],
  ["the first runs", view(inits, { seen: [seen("i")] }), []],
  ["the first is done", view(inits, { seen: [done] }), ["start j 0"]],
  ["all are done", view(inits, { seen: [done, ended("j", 0)] }), ["start a 0"]],
  ["the first has failed", view(inits, { seen: [ended("i", 1)] }), ["start i 1"]],
  [
    "Never: then the pod has failed",
    view({ ...inits, restartPolicy: "Never" }, { seen: [ended("i", 1)] }),
    ["rest"],
  ],
  ["they are not run again beside those of the pod", view(inits, { seen: [seen("a")] }), []],
  ["a sidecar before what comes after it", view(sidecars), ["start s 0"]],
  ["it must have started", view(sidecars, { seen: [seen("s")], verdict: () => undefined }), []],
  ["it has started", view(sidecars, { seen: [seen("s")] }), ["start i 0"]],
  ["its hook is not done", view(sidecars, { seen: [seen("s")], hooking: new Set(["s-0"]) }), []],
  [
    "a sidecar comes back, whatever the policy",
    view({ ...sidecars, restartPolicy: "Never" }, { seen: [ended("s", 0), done, seen("a")] }),
    ["start s 1"],
  ],
  [
    "a sidecar ends when all is done",
    view({ ...sidecars, restartPolicy: "Never" }, { seen: [seen("s"), done, ended("a", 0)] }),
    ["stop s 30 ending"],
  ],
  [
    "after a start of the machine init containers run again",
    view(inits, { seen: [ended("i", 0, { generation: "g0" }), ended("a", 255, { generation: "g0" })] }),
    ["start i 1"],
  ],
  [
    "and what ended with it comes back at once",
    view({}, { seen: [ended("a", 255, { generation: "g0" })], backoffs: new Map([["a", backoff]]) }),
    ["start a 1"],
  ],
  [
    "ephemeral containers start once",
    view({ ephemeralContainers: [container("d")] }, { seen: [seen("a")] }),
    ["start d 0"],
  ],
  [
    "and never again",
    view({ ephemeralContainers: [container("d")] }, { seen: [seen("a"), ended("d", 1)] }),
    [],
  ],
  [
    "old attempts go, but for the one before",
    view(
      {},
      {
        seen: [0, 1, 2, 3].map((attempt) =>
          attempt < 3 ? ended("a", 1, { attempt }) : seen("a", { attempt }),
        ),
      },
    ),
    ["remove a-1", "remove a-0"],
  ],
  [
    "containers that the pod does not have go",
    view({}, { seen: [seen("a"), seen("x"), ended("y", 0)] }),
    ["stop x 30 unwanted", "remove y-0"],
  ],
  [
    "deleted: all end",
    view(two, { seen: [seen("a"), seen("b")], ending: { kind: "deleted", until: now + 5000 } }),
    ["stop a 5 ending", "stop b 5 ending"],
  ],
  [
    "deleted: not twice",
    view({}, { seen: [seen("a")], busy: new Set(["a"]), ending: { kind: "deleted", until: now + 5000 } }),
    [],
  ],
  [
    "deleted: sidecars after those whom they serve",
    view(sidecars, { seen: [seen("s"), seen("a")], ending: { kind: "deleted", until: now + 5000 } }),
    ["stop a 5 ending"],
  ],
  [
    "deleted: then the sidecars",
    view(sidecars, { seen: [seen("s"), ended("a", 0)], ending: { kind: "deleted", until: now + 2000 } }),
    ["stop s 2 ending"],
  ],
  [
    "deleted without time: all at once",
    view(sidecars, { seen: [seen("s"), seen("a")], ending: { kind: "deleted", until: now } }),
    ["stop s 0 ending", "stop a 0 ending"],
  ],
  [
    "deleted: then all is cleared",
    view({}, { seen: [ended("a", 0)], ending: { kind: "deleted", until: now } }),
    ["clear"],
  ],
  [
    "deleted while its volumes were made: they are cleared too",
    view({}, { sandbox: undefined, mounted: false, ending: { kind: "deleted", until: now } }),
    ["clear"],
  ],
  [
    "deleted: then it is said",
    view({}, { sandbox: undefined, mounted: false, touched: false, ending: { kind: "deleted", until: now } }),
    ["finished"],
  ],
  [
    "given up: its containers stay",
    view({}, { seen: [ended("a", 0)], failed: { reason: "Evicted", message: "" } }),
    ["rest"],
  ],
  [
    "given up with no time",
    view({}, { seen: [seen("a")], failed: { reason: "Evicted", message: "", grace: 0 } }),
    ["stop a 0 ending"],
  ],
])("%s", (_what, of, wanted) => {
  expect(steps(of)).toEqual(wanted);
});

test.each<[string, PodView, number | undefined]>([
  [
    "the end of a back-off",
    view({}, { seen: [ended("a", 1)], backoffs: new Map([["a", backoff]]) }),
    now + 9000,
  ],
  [
    "the next try of a pull",
    view(
      {},
      {
        failures: new Map([
          ["a", { reason: "ErrImagePull", message: "", since: now, until: now + 7, count: 1 }],
        ]),
      },
    ),
    now + 7,
  ],
  ["the deadline of the pod", view({ activeDeadlineSeconds: 60 }, { seen: [seen("a")] }), now + 50_000],
  ["nothing", view({}, { seen: [seen("a")] }), undefined],
])("it looks again at %s", (_what, of, wanted) => {
  expect(plan(of).wake).toBe(wanted);
});

test("over its deadline it is given up", () => {
  expect(plan(view({ activeDeadlineSeconds: 10 }, { seen: [seen("a")] })).failed?.reason).toBe(
    "DeadlineExceeded",
  );
});

test.each<[string, PodView, string]>([
  ["Pending", view({}), "nothing runs yet"],
  ["Pending", view(inits, { seen: [seen("i")] }), "an init container runs"],
  ["Running", view({}, { seen: [seen("a")] }), "all run"],
  ["Pending", view(two, { seen: [seen("a")] }), "one is not there yet"],
  ["Running", view({}, { seen: [ended("a", 1)], backoffs: new Map([["a", backoff]]) }), "one will come back"],
  [
    "Running",
    view({ ...two, restartPolicy: "Never" }, { seen: [ended("a", 1), seen("b")] }),
    "one of two has ended",
  ],
  ["Succeeded", view({ restartPolicy: "Never" }, { seen: [ended("a", 0)] }), "all have succeeded"],
  [
    "Failed",
    view({ ...two, restartPolicy: "Never" }, { seen: [ended("a", 0), ended("b", 1)] }),
    "one has failed for good",
  ],
  [
    "Failed",
    view({ ...inits, restartPolicy: "Never" }, { seen: [ended("i", 1)] }),
    "an init container has failed for good",
  ],
  [
    "Failed",
    view({}, { seen: [ended("a", 0)], failed: { reason: "Evicted", message: "" } }),
    "it was given up",
  ],
  [
    "Failed",
    view({}, { seen: [ended("a", 137)], busy: new Set([""]), ending: { kind: "deleted", until: now } }),
    "it was deleted and killed",
  ],
])("%s", (phase, of) => {
  expect(phaseOf(of)).toBe(phase);
});

const facts = { hostIps: ["10.0.0.1"], before: undefined };

test("a container that is held back says so, and how it ended", () => {
  const [status] =
    statusOf(
      view(
        {},
        { seen: [ended("a", 1, { attempt: 2, message: "bad" })], backoffs: new Map([["a", backoff]]) },
      ),
      facts,
    ).containerStatuses ?? [];
  expect(status).toMatchObject({
    state: {
      waiting: {
        reason: "CrashLoopBackOff",
        message: "back-off 10s restarting failed container=a pod=p_default(u)",
      },
    },
    lastState: { terminated: { exitCode: 1, reason: "Error", message: "bad" } },
    restartCount: 2,
    ready: false,
  });
});

test.each<[Partial<Seen>, object]>([
  [
    { state: "ended", exitCode: 0, finished: now },
    { exitCode: 0, reason: "Completed" },
  ],
  [
    { state: "ended", exitCode: 2, finished: now },
    { exitCode: 2, reason: "Error" },
  ],
  [
    { state: "ended", exitCode: 137, oomKilled: true, finished: now },
    { exitCode: 137, reason: "OOMKilled" },
  ],
  [
    { state: "made", error: "exec: no", exitCode: 127, finished: now },
    { exitCode: 127, reason: "ContainerCannotRun", message: "exec: no" },
  ],
])("%p ends as %p", (more, wanted) => {
  const [status] =
    statusOf(view({ restartPolicy: "Never" }, { seen: [seen("a", more)] }), facts).containerStatuses ?? [];
  expect(status?.state.terminated).toMatchObject(wanted);
});

test("what was not done has its reason in the container; what all of them wait for is creation", () => {
  const failure = (reason: string) => ({ reason, message: "m", since: now, until: now + 1, count: 1 });
  const reasons = (failures: PodView["failures"]) =>
    statusOf(view(two, { failures }), facts).containerStatuses?.map(({ state }) => state.waiting?.reason);
  expect(reasons(new Map([["a", failure("ErrImagePull")]]))).toEqual(["ErrImagePull", "ContainerCreating"]);
  expect(reasons(new Map([["", failure("FailedMount")]]))).toEqual([
    "ContainerCreating",
    "ContainerCreating",
  ]);
});

test("conditions say what is missing, and keep the moment of what has not changed", () => {
  const of = (status: ReturnType<typeof statusOf>) =>
    Object.fromEntries((status.conditions ?? []).map((each) => [each.type, [each.status, each.reason]]));
  const waiting = statusOf(view(inits), facts);
  expect(of(waiting)).toEqual({
    PodReadyToStartContainers: ["True", undefined],
    Initialized: ["False", "ContainersNotInitialized"],
    Ready: ["False", "ContainersNotReady"],
    ContainersReady: ["False", "ContainersNotReady"],
    PodScheduled: ["True", undefined],
  });
  const ready = statusOf(view(inits, { now: now + 60_000, seen: [seen("a")] }), {
    ...facts,
    before: waiting,
  });
  expect(of(ready)).toMatchObject({ Initialized: ["True", undefined], Ready: ["True", undefined] });
  const moment = (status: typeof ready, type: string) =>
    status.conditions?.find((each) => each.type === type)?.lastTransitionTime;
  expect(moment(ready, "PodScheduled")).toBe(moment(waiting, "PodScheduled") ?? "");
  expect(moment(ready, "Ready")).not.toBe(moment(waiting, "Ready"));
});

test("a readiness gate holds it back", () => {
  const gated = view({ readinessGates: [{ conditionType: "x.io/y" }] }, { seen: [seen("a")] });
  const ready = (of: PodView) => statusOf(of, facts).conditions?.find(({ type }) => type === "Ready");
  expect(ready(gated)).toMatchObject({ status: "False", reason: "ReadinessGatesNotReady" });
  const pod = { ...gated.pod, status: { conditions: [{ type: "x.io/y", status: "True" }] } };
  expect(ready({ ...gated, pod })).toMatchObject({ status: "True" });
});
