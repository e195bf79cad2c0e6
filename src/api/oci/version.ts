/**
 * The version, line by line as callers of runc read it: dockerd takes what stands after "version" in the line that has the word and what
 * follows "commit:"; containerd reads "spec:" as well.
 */
import { ociVersion } from "../../spec/oci/values.ts";

/** Put in by `bun build --define`; a run from source has none. */
declare const SAMPAN_COMMIT: string | undefined;

/** package.json's; a test holds the two together. */
export const runtimeVersion = "0.1.0";

/** The commit that the program was built from, or "unknown". */
export function commit(): string {
  return typeof SAMPAN_COMMIT === "string" && SAMPAN_COMMIT !== "" ? SAMPAN_COMMIT : "unknown";
}

export function versionText(): string {
  return [
    `sampan-runtime version ${runtimeVersion}`,
    `commit: ${commit()}`,
    `spec: ${ociVersion}`,
    `bun: ${Bun.version}`,
    "",
  ].join("\n");
}
