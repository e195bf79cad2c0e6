import { expect, test } from "bun:test";
import { SampanError } from "../../base/errors.ts";
import { compareReleases, parseVersion, traitsOf, versionOfKubelet } from "./versions.ts";

test("a release is read from its name and from a node's kubelet version", () => {
  expect(parseVersion("v1.17.5")).toEqual({ major: 1, minor: 17, patch: 5 });
  expect(parseVersion("1.23")).toEqual({ major: 1, minor: 23, patch: 0 });
  expect(parseVersion("v1.16.0-beta.1+0123abc")).toEqual({ major: 1, minor: 16, patch: 0 });
  expect(versionOfKubelet("v1.26.15-kubeedge-v1.15.4")).toEqual({ major: 1, minor: 15, patch: 4 });
  expect(versionOfKubelet("v1.32.0")).toBeUndefined();
  expect(versionOfKubelet("v1.32.0-kubeedge-v9999999")).toBeUndefined();
  for (const bad of ["", "v", "1", "1.x", "1.1.1.1", "1".repeat(1000)])
    expect(() => parseVersion(bad)).toThrow(SampanError);
});

test("a build by hand, which no release is stamped on, says no version", () => {
  expect(versionOfKubelet("v1.32.10-kubeedge-v0.0.0-master+$Format:%h$")).toBeUndefined();
});

test("releases are ordered by their numbers", () => {
  expect(compareReleases(parseVersion("1.9.0"), parseVersion("1.15.0"))).toBeLessThan(0);
  expect(compareReleases(parseVersion("1.16.2"), parseVersion("1.16.2"))).toBe(0);
});

test.each([
  ["1.15.4", "name", "local", "upgrade"],
  ["1.16.1", "name", "local", "states"],
  ["1.16.2", "namespaced", "rfc3339", "states"],
  ["1.17.5", "namespaced", "rfc3339", "states"],
  ["1.21.0", "namespaced", "rfc3339", "actions"],
] as const)("%s: devices by %s, times %s, tasks by %s", (version, deviceId, lastOnline, tasks) => {
  expect(traitsOf(parseVersion(version))).toMatchObject({ deviceId, lastOnline, tasks });
});

test("what came later is not expected of older peers", () => {
  expect(traitsOf(parseVersion("1.17.5"))).toMatchObject({
    deviceStates: false,
    nodeCertificates: false,
    events: false,
  });
  expect(traitsOf(parseVersion("1.19.0"))).toMatchObject({
    deviceStates: true,
    nodeCertificates: true,
    events: true,
  });
  expect(traitsOf(parseVersion("1.22.9"))).toMatchObject({ nodePush: false, deviceStatusObjects: false });
  expect(traitsOf()).toMatchObject({ nodePush: true, deviceStatusObjects: true });
});
