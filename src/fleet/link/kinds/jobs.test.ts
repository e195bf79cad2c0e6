import { expect, test } from "bun:test";
import { SampanError } from "../../../base/errors.ts";
import { formatTaskResource, parseTaskResource, type TaskResource } from "./jobs.ts";
import { upgradeReport } from "./upgrade.ts";

test.each<[string, TaskResource]>([
  ["upgrade/up1/node/edge1", { kind: "upgrade", job: "up1", node: "edge1" }],
  [
    "operations.kubeedge.io/v1alpha2/nodeupgradejob/j.1/node/edge1.site",
    { kind: "nodeupgradejob", job: "j.1", node: "edge1.site" },
  ],
  [
    "operations.kubeedge.io/v1alpha2/configupdatejob/j/node/edge1",
    { kind: "configupdatejob", job: "j", node: "edge1" },
  ],
])("%s is read and written", (text, resource) => {
  expect(parseTaskResource(text)).toEqual(resource);
  expect(formatTaskResource(resource)).toBe(text);
});

test.each([
  "",
  "upgrade/up1",
  "upgrade//node/edge1",
  "upgrade/a/b/node/edge1",
  "upgrade/up1/node/Edge;1",
  "upgrade/../node/edge1",
  "operations.kubeedge.io/v1alpha2/upgrade/j/node/edge1",
  "operations.kubeedge.io/v1alpha1/nodeupgradejob/j/node/edge1",
  "operations.kubeedge.io/v1alpha2/constructor/j/node/edge1",
])("%p is no address of a task", (text) => {
  const read = () => parseTaskResource(text);
  expect(read).toThrow(SampanError);
});

test("an address of odd names is not written", () => {
  expect(() => formatTaskResource({ kind: "upgrade", job: "a/b", node: "n" })).toThrow(SampanError);
  expect(() => formatTaskResource({ kind: "upgrade", job: "a", node: "n/m" })).toThrow(SampanError);
});

test("the report of an upgrade is written as it was read, and names its field when it is wrong", () => {
  const report = {
    UpgradeID: "up1",
    HistoryID: "h",
    NodeName: "edge1",
    FromVersion: "v1.15.4",
    ToVersion: "v1.99.0",
    Status: "upgrade_success",
    Reason: "",
  } as const;
  expect(JSON.stringify(upgradeReport.build(upgradeReport.parse({ ...report, more: 1 })))).toBe(
    JSON.stringify(report),
  );
  expect(() => upgradeReport.parse({ ...report, Status: "done" }, "the body")).toThrow("the body.Status");
  expect(() => upgradeReport.parse({ ...report, ToVersion: "$(id)" })).toThrow("content.ToVersion");
});
