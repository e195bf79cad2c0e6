import { expect, test } from "bun:test";
import { SampanError } from "../../../src/base/errors.ts";
import { counted, isOver, nextLook, noCount, paceOf } from "../../../src/fleet/edge/edged/probes/count.ts";
import type { RunInContainer } from "../../../src/fleet/edge/edged/probes/action.ts";
import { openProbes } from "../../../src/fleet/edge/edged/probes/open.ts";
import { runHook } from "../../../src/fleet/edge/edged/hooks.ts";
import type { Container, Probe } from "../../../src/spec/kubernetes/pod.ts";
import { handClock } from "./clock.ts";
import { container, node, pod } from "./pods.ts";

test.each<[Probe, object]>([
  [{}, { delay: 0, period: 10_000, timeout: 1000, successes: 1, failures: 3 }],
  [
    { initialDelaySeconds: 5, periodSeconds: 2, timeoutSeconds: 3, successThreshold: 4, failureThreshold: 5 },
    { delay: 5000, period: 2000, timeout: 3000, successes: 4, failures: 5 },
  ],
  [
    { periodSeconds: 0, timeoutSeconds: -1, failureThreshold: 0 },
    { period: 10_000, timeout: 1000, failures: 3 },
  ],
  [
    { periodSeconds: 0.001, initialDelaySeconds: Infinity },
    { period: 1000, delay: 0 },
  ],
])("the pace of %j", (probe, wanted) => {
  expect(paceOf(probe)).toMatchObject(wanted);
});

test("thresholds count looks in a row, and a look that learned nothing breaks none", () => {
  const pace = paceOf({ successThreshold: 2, failureThreshold: 2 });
  const verdicts: (boolean | undefined)[] = [];
  let count = noCount;
  for (const outcome of [
    "success",
    "unknown",
    "success",
    "failure",
    "success",
    "failure",
    "unknown",
    "failure",
  ] as const) {
    count = counted(count, outcome, pace);
    verdicts.push(count.verdict);
  }
  expect(verdicts).toEqual([undefined, undefined, true, true, true, true, true, false]);
});

test("only a startup that is decided and a liveness that is lost are over", () => {
  const [yes, no] = [
    { ...noCount, verdict: true },
    { ...noCount, verdict: false },
  ];
  expect([isOver("startup", yes), isOver("startup", no), isOver("startup", noCount)]).toEqual([
    true,
    true,
    false,
  ]);
  expect([isOver("liveness", yes), isOver("liveness", no)]).toEqual([false, true]);
  expect([isOver("readiness", yes), isOver("readiness", no)]).toEqual([false, false]);
});

test("looks are spread by up to a twentieth of their period", () => {
  const pace = paceOf({});
  expect([nextLook(100, pace, 0), nextLook(100, pace, 0.999)]).toEqual([10_100, 10_599]);
});

const exec = (word: string, more: Probe = {}): Probe => ({ exec: { command: [word] }, ...more });

interface World {
  readonly answers: Map<string, number | "gone" | "hangs">;
  readonly ran: string[];
  readonly killed: string[];
}

function world() {
  const clock = handClock();
  const seen: World = { answers: new Map(), ran: [], killed: [] };
  const run: RunInContainer = async (_, [word = ""], signal) => {
    seen.ran.push(`${word}@${clock.now() / 1000}`);
    const answer = seen.answers.get(word) ?? 0;
    if (answer === "gone") throw new SampanError("failed_precondition", "the container does not run");
    if (answer !== "hangs") return { exitCode: answer, output: "said" };
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    seen.killed.push(`${word}@${clock.now() / 1000}`);
    return { exitCode: -1, output: "" };
  };
  const probes = openProbes({ run, node, clock, random: () => 0 });
  const verdicts: string[] = [];
  probes.onVerdict(({ kind, success }) => verdicts.push(`${kind} ${success} @${clock.now() / 1000}`));
  const start = (own: Partial<Container>, id = "c1") =>
    probes.start({ pod: pod(), container: container(own), id, podIp: () => undefined });
  return { ...seen, clock, probes, verdicts, start };
}

test("readiness is unknown, then what is seen, and is told once for each change", async () => {
  const { answers, clock, probes, verdicts, start } = world();
  start({ readinessProbe: exec("ready", { initialDelaySeconds: 3, failureThreshold: 2 }) });
  expect(probes.verdict("c1", "readiness")).toBeUndefined();
  expect(probes.verdict("c1", "liveness")).toBe(true);
  await clock.pass(14_000);
  expect(probes.verdict("c1", "readiness")).toBe(true);
  answers.set("ready", 1);
  await clock.pass(20_000);
  expect(verdicts).toEqual(["readiness true @3", "readiness false @33"]);
  await probes[Symbol.asyncDispose]();
});

test("readiness and liveness wait for startup, and startup is looked at no more", async () => {
  const { answers, clock, probes, ran, start } = world();
  answers.set("up", 1);
  start({
    startupProbe: exec("up", { periodSeconds: 2, failureThreshold: 30 }),
    readinessProbe: exec("ready"),
    livenessProbe: exec("live", { initialDelaySeconds: 60 }),
  });
  await clock.pass(3000);
  answers.set("up", 0);
  await clock.pass(12_000);
  expect(ran).toEqual(["up@0", "up@2", "up@4", "ready@4", "ready@14"]);
  await clock.pass(50_000);
  expect(ran.filter((word) => word.startsWith("live"))).toEqual(["live@60"]);
  await probes[Symbol.asyncDispose]();
});

test("a container that never starts is told of once and left alone", async () => {
  const { answers, clock, probes, ran, verdicts, start } = world();
  answers.set("up", 1);
  start({ startupProbe: exec("up", { periodSeconds: 1, failureThreshold: 3 }), livenessProbe: exec("live") });
  await clock.pass(60_000);
  expect(verdicts).toEqual(["startup false @2"]);
  expect(ran).toEqual(["up@0", "up@1", "up@2"]);
  expect(clock.timers).toBe(0);
  await probes[Symbol.asyncDispose]();
});

test("a program that hangs is killed after its time, and has failed", async () => {
  const { answers, clock, probes, killed, verdicts, start } = world();
  answers.set("live", "hangs");
  start({ livenessProbe: exec("live", { timeoutSeconds: 2, failureThreshold: 1 }) });
  await clock.pass(5000);
  expect(killed).toEqual(["live@2"]);
  expect(verdicts).toEqual(["liveness false @2"]);
  await probes[Symbol.asyncDispose]();
});

test("a slow look holds the next one up, and none of another container", async () => {
  const { answers, clock, probes, ran, start } = world();
  answers.set("slow", "hangs");
  start({ livenessProbe: exec("slow", { periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 9 }) });
  start({ livenessProbe: exec("quick", { periodSeconds: 1 }) }, "c2");
  await clock.pass(4500);
  expect(ran.filter((word) => word.startsWith("slow"))).toEqual(["slow@0", "slow@3"]);
  expect(ran.filter((word) => word.startsWith("quick"))).toHaveLength(5);
  await probes[Symbol.asyncDispose]();
});

test("a look at a container that has just ended is no verdict", async () => {
  const { answers, clock, probes, verdicts, start } = world();
  answers.set("live", "gone");
  start({ livenessProbe: exec("live", { failureThreshold: 1 }) });
  await clock.pass(30_000);
  expect(verdicts).toEqual([]);
  await probes[Symbol.asyncDispose]();
});

test("one that is stopped is told of no more, and its program is killed", async () => {
  const { answers, clock, probes, killed, verdicts, start } = world();
  answers.set("live", "hangs");
  start({ livenessProbe: exec("live", { timeoutSeconds: 60, failureThreshold: 1 }) });
  await clock.pass(1000);
  probes.stop("c1");
  await clock.pass(100_000);
  expect(killed).toHaveLength(1);
  expect(verdicts).toEqual([]);
  expect(clock.timers).toBe(0);
  await probes[Symbol.asyncDispose]();
});

test("many probes at rest need one timer", () => {
  const { clock, start } = world();
  for (let n = 0; n < 100; n++) start({ livenessProbe: exec("a"), readinessProbe: exec("b") }, `c${n}`);
  expect(clock.timers).toBe(1);
});

const hook = (run: RunInContainer, kind: "postStart" | "preStop" = "postStart") => ({
  kind,
  pod: pod(),
  container: container(),
  id: "c1",
  podIp: () => undefined,
  run,
  node,
  clock: handClock(),
});

test("a hook is done when its program has succeeded, and fails by its reason", async () => {
  const signal = new AbortController().signal;
  await runHook(
    exec("x"),
    hook(async () => await Promise.resolve({ exitCode: 0, output: "" })),
    signal,
  );
  const fails: RunInContainer = async () => await Promise.resolve({ exitCode: 3, output: "no\n" });
  const failure = await runHook(exec("x"), hook(fails, "preStop"), signal).catch((error: unknown) => error);
  expect(failure).toMatchObject({
    reason: "PreStopHookError",
    message: 'preStop of container "main" failed: no',
  });
  expect(runHook({}, hook(fails), signal)).rejects.toThrow("there is nothing to do");
});

test("a hook that sleeps takes its time, and ends with the signal", async () => {
  const target = hook(async () => await Promise.resolve({ exitCode: 0, output: "" }));
  const slept = runHook({ sleep: { seconds: 5 } }, target, new AbortController().signal);
  await target.clock.pass(5000);
  await slept;
  const late = new AbortController();
  const cut = runHook({ sleep: { seconds: 5 } }, target, late.signal).catch((error: unknown) => error);
  late.abort();
  expect(await cut).toMatchObject({ reason: "PostStartHookError" });
});
