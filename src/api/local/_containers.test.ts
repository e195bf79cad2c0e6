import { expect, test } from "bun:test";
import type { ContainerInfo } from "../../engine/containers/containers.ts";
import { statusText } from "./_containers.ts";

const now = new Date("2026-11-21T12:00:00Z");
const before = (seconds: number) => new Date(now.getTime() - seconds * 1000);

test.each([
  ["Created", { state: "created" }],
  ["Up Less than a second", { state: "running", started: now }],
  ["Up 3 seconds", { state: "running", started: before(3) }],
  ["Up Less than a second", { state: "running", started: before(-60) }],
  ["Exited (0) 2 minutes ago", { state: "exited", started: before(900), finished: before(120), exitCode: 0 }],
  ["Exited (137) About an hour ago", { state: "exited", finished: before(3600), exitCode: 137 }],
  ["Exited (255)", { state: "exited", exitCode: 255 }],
] as const)("%s", (words, info) => {
  expect(statusText(info as ContainerInfo, now)).toBe(words);
});
