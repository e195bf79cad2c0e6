/**
 * The version, line by line as callers of runc read it: dockerd takes what stands after "version" in the line that has the word and what
 * follows "commit:"; containerd reads "spec:" as well.
 */
import { commit, version as runtimeVersion } from "../../base/version.ts";
import { ociVersion } from "../../spec/oci/values.ts";

export { commit, runtimeVersion };

export function versionText(): string {
  return [
    `sampan-runtime version ${runtimeVersion}`,
    `commit: ${commit()}`,
    `spec: ${ociVersion}`,
    `bun: ${Bun.version}`,
    "",
  ].join("\n");
}
