import { describe, expect, test } from "bun:test";
import { healthAfter, healthCheckOf, probeDelay, unknownHealth, type HealthCheck } from "./health.ts";

const second = 1e9;
const started = new Date(0);
const check: HealthCheck = {
  command: ["true"],
  interval: 30_000,
  timeout: 1000,
  startPeriod: 0,
  startInterval: 5000,
  retries: 3,
};
const probe = (exitCode: number, at = 0) => ({
  start: new Date(at),
  end: new Date(at),
  exitCode,
  output: "",
});
const after = (codes: readonly number[], by: HealthCheck = check) =>
  codes.reduce(
    (health, code, index) => healthAfter(health, probe(code, index * 1000), by, started),
    unknownHealth,
  );

describe("a health check", () => {
  test("is the image's, with what the caller asks instead", () => {
    const image = { Healthcheck: { Test: ["CMD", "look"], Interval: 7 * second, Retries: 9 } };
    expect(healthCheckOf({ Healthcheck: { Interval: 2 * second } }, image)).toEqual({
      command: ["look"],
      interval: 2000,
      timeout: 30_000,
      startPeriod: 0,
      startInterval: 5000,
      retries: 9,
    });
  });
  test("is none without a test, and when it is switched off", () => {
    expect(healthCheckOf({}, {})).toBeUndefined();
    expect(
      healthCheckOf({ Healthcheck: { Test: ["NONE"] } }, { Healthcheck: { Test: ["CMD", "a"] } }),
    ).toBeUndefined();
  });
  test("of shell words runs them by the shell that is set", () => {
    const Test = ["CMD-SHELL", "a && b"];
    expect(healthCheckOf({ Healthcheck: { Test } }, {})?.command).toEqual(["/bin/sh", "-c", "a && b"]);
    expect(healthCheckOf({ Healthcheck: { Test }, Shell: ["/bin/ash", "-ec"] }, {})?.command).toEqual([
      "/bin/ash",
      "-ec",
      "a && b",
    ]);
  });
  test("has 30 s, 30 s and 3 tries where nothing is said", () => {
    expect(healthCheckOf({ Healthcheck: { Test: ["CMD", "a"] } }, {})).toMatchObject({
      interval: 30_000,
      timeout: 30_000,
      retries: 3,
    });
  });
});

describe("health", () => {
  test("is healthy with the first success", () => {
    expect(after([0])).toMatchObject({ status: "healthy", failingStreak: 0 });
  });
  test("is unhealthy with as many failures in a row as may be", () => {
    expect([
      after([1, 1]).status,
      after([1, 1, 1]).status,
      after([0, 1, 1]).status,
      after([0, 1, 1, 1]).status,
    ]).toEqual(["starting", "unhealthy", "healthy", "unhealthy"]);
    expect(after([1, 1, 0, 1])).toMatchObject({ status: "healthy", failingStreak: 1 });
  });
  test("does not count failures of the start period, until it was healthy", () => {
    const patient = { ...check, startPeriod: 10_000 };
    expect(after([1, 1, 1, 1], patient)).toMatchObject({ status: "starting", failingStreak: 0 });
    expect(after([0, 1, 1, 1], patient).status).toBe("unhealthy");
  });
  test("remembers the last five probes", () => {
    expect(after([0, 1, 2, 3, 4, 5, 6]).log.map(({ exitCode }) => exitCode)).toEqual([2, 3, 4, 5, 6]);
  });
  test("is looked at more often while it starts", () => {
    const patient = { ...check, startPeriod: 10_000 };
    expect(probeDelay(patient, unknownHealth, 3000)).toBe(5000);
    expect(probeDelay(patient, unknownHealth, 10_000)).toBe(30_000);
    expect(probeDelay(patient, { ...unknownHealth, status: "healthy" }, 3000)).toBe(30_000);
  });
});
