import { expect, test } from "bun:test";
import manifest from "../../../package.json";
import { runtimeVersion, versionText } from "./version.ts";

test("the version is the package's", () => {
  expect(runtimeVersion).toBe(manifest.version);
});

test("dockerd reads the name and version from the one line with the word, and the commit from its own", () => {
  const lines = versionText().trim().split("\n");
  const versions = lines.filter((line) => line.includes("version"));
  expect(versions).toEqual([`sampan-runtime version ${runtimeVersion}`]);
  expect(lines.filter((line) => /^commit: \S+$/.test(line))).toHaveLength(1);
  expect(lines).toContain("spec: 1.3.0");
});
